"""Two digits over one another: which is the left one, which the right one."""

import numpy as np
import torch
from typing_extensions import override

from mtl.nn.encoder import SINGLE
from mtl.suites.batch import Split
from mtl.suites.digits.images import Digits, side_length
from mtl.suites.digits.suite import DigitsSuite
from mtl.tasks import classification


class PairsSuite(DigitsSuite):
    """MultiMNIST: tasks ``left`` and ``right``, 10 classes each.

    Sources: Sabour et al., "Dynamic Routing Between Capsules", NeurIPS 2017, https://arxiv.org/abs/1710.09829; the
    tasks are those of Sener and Koltun, "Multi-Task Learning as Multi-Objective Optimization", NeurIPS 2018,
    https://arxiv.org/abs/1810.04650.

    One digit stands in the upper left corner of an image and one in the lower right, two sevenths of a side apart, and
    the darker pixel counts. Inputs ``[N, 1, H, H]``, H = 36 of mnist and 10 of optical digits.

    Deviation: composed of 5,000 digits, not 60,000; drawn anew, with a fixed offset; not scaled down to 28 pixels.

    Args:
        digits: ``mnist`` or ``optical`` (small and quick).
        rows: pictures of train, val and test together.
        seed: of the data (not of the training).
    """

    kind = "pairs"

    def __init__(self, digits: str = "mnist", rows: int = 12000, seed: int = 0) -> None:
        super().__init__(digits, rows, seed)
        self.offset = round(side_length(digits) * 2 / 7)
        self.size = side_length(digits) + self.offset
        self.tasks = (classification("left", 10), classification("right", 10))
        self.input_shape = {SINGLE: (1, self.size, self.size)}

    def load(self) -> dict[str, Split]:
        """Compose the images."""
        return self.composed()

    @override
    def compose(self, digits: Digits, rows: int, draw: np.random.Generator) -> Split:
        left, right = (digits.take(draw.integers(len(digits.labels), size=rows)) for _ in range(2))
        images = np.zeros((rows, self.size, self.size), dtype=np.float32)
        size = side_length(self.digits)
        images[:, :size, :size] = left.images
        lower = images[:, self.offset :, self.offset :]
        np.maximum(lower, right.images, out=lower)
        targets = {"left": torch.from_numpy(left.labels), "right": torch.from_numpy(right.labels)}
        return Split({SINGLE: torch.from_numpy(images).unsqueeze(1)}, targets)
