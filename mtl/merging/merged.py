"""What a config says of networks that are trained apart and merged."""

from mtl.errors import InputError
from mtl.merging.base import Merging


class Merged:
    """Apart, then merged: a network for each task, trained by itself from a common start, and one trunk made of them.

    What comes out is a network as of ``model=hard``: one trunk, and the heads that were learned apart.

    Where the trunks begin with random values, training takes them to places that have little to do with one another,
    and what is between them is worth little; the sources of all methods begin with a trained network. That is what
    ``start`` and ``joint_steps`` are for: what the networks have in common is then learned before they part.

    Args:
        start: a run directory; the networks begin with its trunk, and with its heads where tasks have the same name and
            shape. What it cost is not counted.
        joint_steps: optimizer steps in which one trunk learns all tasks together first, and the networks begin with
            that; counted.
        merge: how the trunks are merged.
        content: checksum of the network of ``start``, as :mod:`mtl.config.contents` writes it down: another one in a
            directory of the same name makes another run.
    """

    def __init__(
        self,
        start: str | None = None,
        joint_steps: int | None = None,
        merge: Merging | None = None,
        content: str | None = None,
    ) -> None:
        if merge is None:
            raise InputError("model=merged: expected a way to merge, such as merge=task_arithmetic")
        if start is not None and joint_steps is not None:
            raise InputError("model.start and model.joint_steps both say how the networks begin: expected one of them")
        if joint_steps is not None and (type(joint_steps) is not int or joint_steps < 1):
            raise InputError(f"model.joint_steps={joint_steps}: expected a whole number, 1 or more, or null")
        if start is not None and not isinstance(start, str):
            raise InputError(f"model.start={start}: expected a run directory, or null")
        self.start, self.joint_steps, self.merge = start, joint_steps, merge
