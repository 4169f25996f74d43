"""Real handwritten digits, and which of them may appear in which split."""

import gzip
from io import BytesIO
from typing import NamedTuple

import numpy as np
import pandas as pd

from mtl.errors import unknown
from mtl.suites.sources.catalogue import MNIST, OPTICAL_DIGITS

SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}


class Digits(NamedTuple):
    """Images ``[N, S, S]`` in [0, 1], ink being 1, and which digit each is ``[N]``."""

    images: np.ndarray
    labels: np.ndarray

    def take(self, rows: np.ndarray) -> "Digits":
        """Some of them."""
        return Digits(self.images[rows], self.labels[rows])


# Name of the option: file, pixels of a side, value of full ink
SOURCES = {"mnist": (MNIST, 28, 255.0), "optical": (OPTICAL_DIGITS, 8, 16.0)}


def side_length(name: str) -> int:
    """Pixels of a side of the digits called ``name``. InputError if there are none."""
    if name not in SOURCES:
        raise unknown("digits in task.digits", name, SOURCES)
    return SOURCES[name][1]


def read_digits(name: str) -> Digits:
    """``mnist``: 5,000 digits of 28 x 28 pixels, 500 of each; ``optical``: 1,797 of 8 x 8."""
    source, pixels, full = SOURCES[name]
    table = pd.read_csv(BytesIO(gzip.decompress(source.read())), header=None).to_numpy(dtype=np.float32)
    return Digits(table[:, :-1].reshape(-1, pixels, pixels) / full, table[:, -1].astype(np.int64))


def split_digits(digits: Digits, draw: np.random.Generator) -> dict[str, Digits]:
    """The digits of each split: no image of the test was seen in training, whatever it is composed with."""
    order = draw.permutation(len(digits.labels))
    ends = np.round(np.cumsum(list(SHARES.values())) * len(order)).astype(int)[:-1]
    return {name: digits.take(rows) for name, rows in zip(SHARES, np.split(order, ends), strict=True)}
