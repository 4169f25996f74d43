"""Inputs as the matrix that trees read."""

import numpy as np

from mtl.nn.encoder import Inputs
from mtl.suites.base import COLUMNS

Matrix = np.ndarray
CATEGORIES = "categories"


def matrix_of(inputs: Inputs) -> Matrix:
    """The columns of a table side by side.

    Args:
        inputs: as a suite serves them after
            :meth:`~mtl.suites.base.MultiTaskDataModule.serve_raw_columns`, ``[N, F]`` numbers and ``[N, C]``
            categories, or one of them.

    Returns:
        ``[N, F + C]``, NaN where a value is missing or unseen.
    """
    found = {name: inputs[name].cpu().numpy() for name in COLUMNS if name in inputs}
    # Whole numbers of an own suite may be below 0; only a category is missing there
    parts = [np.where(part < 0, np.nan, part) if name == CATEGORIES else part for name, part in found.items()]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, 1)


def categorical(inputs: Inputs) -> list[int]:
    """Which columns of :func:`matrix_of` are categories."""
    widths = {name: inputs[name].shape[1] for name in COLUMNS if name in inputs}
    categories = widths.pop(CATEGORIES, 0)
    return list(range(sum(widths.values()), sum(widths.values()) + categories))
