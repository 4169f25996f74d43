"""What the dashboard shows, by a fixed taxonomy of tags, and what is said while training is interrupted.

``train/loss/<task>``, ``val/loss/<task>``, ``val/<task>/<metric>``, ``val/score``, ``weight/<task>``,
``gradient/norm/<task>``, ``gradient/cosine/<a>-<b>``, ``gradient/conflict``, ``gradient/magnitude_similarity``,
``mixture/<task>/<expert>``, ``affinity/<measure>/<of>-<onto>``, ``cost/step_relative_to_equal``; pictures
``sharing/mixture``, ``sharing/parameters``, ``sharing/tasks`` and ``sharing/affinity``.
"""

from mtl.callbacks.affinity import Affinity
from mtl.callbacks.bar import Bar
from mtl.callbacks.brief import Brief
from mtl.callbacks.checkpoints import Checkpoints
from mtl.callbacks.dashboard import Dashboard, gradients, layout, norms_and_cosines
from mtl.callbacks.timer import Timer

__all__ = [
    "Affinity",
    "Bar",
    "Brief",
    "Checkpoints",
    "Dashboard",
    "Timer",
    "gradients",
    "layout",
    "norms_and_cosines",
]
