"""Lightning callbacks of a run: dashboard, checkpoints, progress, costs, best epochs, low weights.

The tags that are logged are fixed: ``train/<task>/loss``, ``val/<task>/loss``, ``val/<task>/<metric>``, ``val/score``,
``weight/<task>``, ``gradient/norm/<task>``, ``gradient/cosine/<a>-<b>``, ``gradient/conflict``,
``gradient/magnitude_similarity``, ``mixture/<task>/<expert>``, ``affinity/<measure>/<of>-<onto>``,
``cost/step_relative_to_equal``. TensorBoard shows them as :mod:`mtl.runs.dashboard` says, and the pictures
``sharing/mixture``, ``sharing/parameters``, ``sharing/tasks`` and ``sharing/affinity``.
"""

from mtl.training.callbacks.affinity import AffinityRecorder
from mtl.training.callbacks.best_epoch_per_task import BestEpochPerTask
from mtl.training.callbacks.checkpoints import Checkpoints
from mtl.training.callbacks.dashboard import Dashboard
from mtl.training.callbacks.device_stats import DeviceStats
from mtl.training.callbacks.low_weights import LowWeights
from mtl.training.callbacks.lr_finder import LearningRateFinder
from mtl.training.callbacks.moving_average import MovingAverage
from mtl.training.callbacks.patience import Patience
from mtl.training.callbacks.plateau_watch import PlateauWatch
from mtl.training.callbacks.progress_bar import ProgressBar
from mtl.training.callbacks.progress_lines import ProgressLines
from mtl.training.callbacks.step_cost import StepCost
from mtl.training.callbacks.time_limit import TimeLimit
from mtl.training.callbacks.timer import Timer
from mtl.training.callbacks.validation_watch import Pruned, ValidationWatch

__all__ = [
    "AffinityRecorder",
    "BestEpochPerTask",
    "Checkpoints",
    "Dashboard",
    "DeviceStats",
    "LearningRateFinder",
    "LowWeights",
    "MovingAverage",
    "Patience",
    "PlateauWatch",
    "ProgressBar",
    "ProgressLines",
    "Pruned",
    "StepCost",
    "TimeLimit",
    "Timer",
    "ValidationWatch",
]
