"""What the dashboard shows, by a fixed taxonomy of tags, and what is said while training is interrupted.

``train/<task>/loss``, ``val/<task>/loss``, ``val/<task>/<metric>``, ``val/score``, ``weight/<task>``,
``gradient/norm/<task>``, ``gradient/cosine/<a>-<b>``, ``gradient/conflict``, ``gradient/magnitude_similarity``,
``mixture/<task>/<expert>``, ``affinity/<measure>/<of>-<onto>``, ``cost/step_relative_to_equal``; pictures
``sharing/mixture``, ``sharing/parameters``, ``sharing/tasks`` and ``sharing/affinity``.
"""

from mtl.training.callbacks.affinity import Affinity
from mtl.training.callbacks.checkpoints import Checkpoints
from mtl.training.callbacks.dashboard import Dashboard, gradients, layout, norms_and_cosines
from mtl.training.callbacks.epoch_callback import Brief
from mtl.training.callbacks.progress_bar import Bar
from mtl.training.callbacks.timer import Timer

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
