"""Paths from the losses of a step to its update, for a weighting that compares task gradients through their Gramian.

Each is a function: it forms the Gramian in its own way, asks ``solve`` for the weights, and writes the weighted sum to
``.grad``. They differ in how many passes through the graph they take, and in what they keep.
"""

from collections.abc import Callable

from torch import Tensor

Solve = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Gramian ``[M, M]`` and losses ``[M]`` to weights ``[M]`` and the factors ``[M]`` of the private gradients."""
