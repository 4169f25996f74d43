"""How the numbers of a run are laid out on TensorBoard, by the run itself and by comparisons.

TensorBoard gives a colour to every directory, draws the curves of one tag into one chart, and sorts charts by tag. So::

    train/        ``fit/<task>/loss`` in training, weights, gradients, mixtures, and what else is logged
    validation/   ``fit/<task>/loss`` and ``fit/<task>/<metric>`` in validation: the same charts in another colour
    summary/      the single numbers ``summary/...``, what was chosen, and pictures
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tensorboard.plugins.hparams.summary_v2 import hparams_pb  # type: ignore[import-untyped]
from torch.utils.tensorboard.summary import scalar

TRAIN, VALIDATION, SUMMARY = "train", "validation", "summary"
FOLDERS = {"train": TRAIN, "val": VALIDATION}
CHOSEN = ("model", "weighting", "encoder", "optimizer")  # with the seed as many columns as the page shows at first
SINGLE = ("cost",)  # first parts of tags with one value in a run


def place_of(tag: str) -> tuple[str, str]:
    """The directory and the tag under which TensorBoard is given what a run logs as ``tag``.

    Args:
        tag: such as ``val/<task>/loss``, as in the CSV file.

    Returns:
        The directory, and the tag in it.
    """
    first, _, rest = tag.partition("/")
    if first in FOLDERS:
        return FOLDERS[first], f"fit/{rest}"
    return (SUMMARY, f"{SUMMARY}/{tag}") if first in SINGLE else (TRAIN, tag)


def write_choices(
    add: Callable[[Any], None], run: Path, choices: Mapping[str, str], numbers: Mapping[str, float]
) -> None:
    """Add a run to TensorBoard's page of hyper-parameters.

    A run that is also part of comparisons stands there once: all its entries name the same group. What the page can
    filter by is left to TensorBoard, which finds it in the runs that it is shown; what one run or one comparison would
    say of that is taken for all.

    Args:
        add: takes a summary in TensorBoard's form, for the directory ``summary``.
        run: the run's directory.
        choices: by group, the option chosen; the seed as a text, since it is a name and no quantity.
        numbers: by tag without ``summary/``, what came of the run.
    """
    for tag, value in numbers.items():
        add(scalar(f"{SUMMARY}/{tag}", value))  # type: ignore[no-untyped-call]
    name = "/".join(run.resolve().parts[-5:])  # of <output>/runs/<task>/<model>-<weighting>/<run id>
    # SummaryWriter.add_hparams names no group, and tensorboard's own functions around hparams_pb ask for tensorflow
    add(hparams_pb(dict(choices), trial_id=name))
