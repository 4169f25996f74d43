"""Tables: embeddings of categories, indicators of missing numbers, then a perceptron."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from typing_extensions import override

from mtl.config.numbers import check_number
from mtl.errors import InputError
from mtl.nn.encoder import SINGLE, Encoder, Inputs, InputShape, checked_widths, floating, wrong_inputs
from mtl.nn.mlp import Layer
from mtl.nn.piecewise import PiecewiseLinear


class TableEncoder(Encoder):
    """What encoders of rows of a table read: ``numbers [B, F]`` (or ``x [B, F]``), ``categories [B, C]``, or both.

    NaN is a missing number: it counts as 0, and an indicator says so. Every category column has a table of ``values``
    learned vectors; -1 is a missing category, which has a vector of its own, and so is a number that the table does not
    have. ``source [B, S]``, 1 where the row comes from, is read by the norms ``per_task`` alone.

    Args:
        name: of the encoder, for messages.
        input_shape: ``{"numbers": (F,), "categories": (C,), "source": (S,)}``, of which only one of the first two must
            be there, ``x`` standing for ``numbers``; anything else is an InputError.
        embedding: features of a category's vector.
        values: vectors of each category column.
    """

    def __init__(self, name: str, input_shape: InputShape, embedding: int, values: int) -> None:
        super().__init__()
        shape = dict(input_shape)
        self.sources = shape.pop("source", (0,))[0] or 0
        self.numbers = SINGLE if SINGLE in shape else "numbers"
        known = {self.numbers, "categories"}
        if not shape or not set(shape) <= known or any(len(size) != 1 or not size[0] for size in shape.values()):
            raise wrong_inputs(name, "numbers (F,) and categories (C,)", input_shape)
        check_number("encoder.embedding", embedding, whole=True, least=1)
        check_number("encoder.values", values, whole=True, least=1)
        self.number_columns, self.category_columns = (
            shape.get(key, (0,))[0] or 0 for key in (self.numbers, "categories")
        )
        self.values = values
        self.embeddings = nn.ModuleList(nn.Embedding(values + 1, embedding) for _ in range(self.category_columns))
        self.summary_features = 2 * self.number_columns + self.category_columns

    def _numbers(self, inputs: Inputs) -> list[Tensor]:
        """Numbers with 0 for missing ones, and which are missing: two of ``[B, F]``, or none."""
        found = inputs.get(self.numbers)
        if found is None:
            return []
        found = floating(found).flatten(1)
        missing = found.isnan()
        return [found.masked_fill(missing, 0.0), missing.to(found.dtype)]

    def _indices(self, inputs: Inputs) -> Tensor | None:
        """Rows of the embedding tables, ``[B, C]``: 0 is missing."""
        if "categories" not in inputs:
            return None
        categories = inputs["categories"].long()
        return torch.where((categories < 0) | (categories >= self.values), 0, categories + 1)

    def _vectors(self, inputs: Inputs) -> list[Tensor]:
        """The vectors of the categories, C of ``[B, embedding]``."""
        indices = self._indices(inputs)
        return [] if indices is None else [table(indices[:, i]) for i, table in enumerate(self.embeddings)]

    def _features(self, inputs: Inputs, curves: nn.Module | None) -> Tensor:
        """All features of a row, ``[B, H]``, those of the categories last.

        With curves every number is a vector, which is 0 where the number is missing; the indicators come first.
        """
        numbers = self._numbers(inputs)
        if curves is not None:
            known, missing = numbers
            vectors = curves(known) * (1 - missing).unsqueeze(-1)
            numbers = [missing, vectors.flatten(1)]
        return torch.cat([*numbers, *self._vectors(inputs)], -1)

    @override
    def summary(self, inputs: Inputs) -> Tensor:
        """Numbers, their indicators, and the categories' numbers scaled to [0, 1]."""
        parts, indices = self._numbers(inputs), self._indices(inputs)
        if indices is not None:
            parts.append(indices / self.values)
        return torch.cat(parts, -1)


class Tabular(TableEncoder):
    """A perceptron over numbers with their indicators and the vectors of categories; see :class:`TableEncoder`.

    With ``bins`` each number is a vector, too, that changes linearly within each bin
    (:class:`~mtl.nn.piecewise.PiecewiseLinear`).

    Args:
        input_shape: of numbers and categories.
        widths: features of each layer after the embedding.
        embedding: features of a category's vector, and of a number's.
        values: vectors of each category column.
        activation: name of the activation after each layer (see :mod:`mtl.nn.activation`).
        norm: see :mod:`mtl.nn.norm`.
        dropout: share of features set to zero in training.
        bins: of a number; 0: numbers have no vectors.
    """

    def __init__(
        self,
        input_shape: InputShape,
        widths: tuple[int, ...] | list[int] = (256, 256),
        embedding: int = 8,
        values: int = 64,
        activation: str = "relu",
        norm: str = "none",
        dropout: float = 0.0,
        bins: int = 0,
    ) -> None:
        super().__init__("tabular", input_shape, embedding, values)
        check_number("encoder.bins", bins, whole=True, least=0)
        self.widths = checked_widths(widths)
        self.curves = PiecewiseLinear(self.number_columns, bins, embedding) if bins and self.number_columns else None
        of_a_number = 1 + (embedding if self.curves else 1)
        sizes = (of_a_number * self.number_columns + embedding * self.category_columns, *self.widths)
        self.stages = nn.ModuleList(Layer(a, b, activation, norm, dropout, self.sources) for a, b in pairwise(sizes))

    @override
    def stem(self, inputs: Inputs) -> Tensor:
        return self._features(inputs, self.curves)


def check_values(network: nn.Module, most: int) -> None:
    """InputError if a table of vectors is too small for a column's categories, some of which it would take for missing.

    Args:
        network: with encoders of any kind.
        most: categories that a column has.
    """
    few = [module.values for module in network.modules() if isinstance(module, TableEncoder) and module.values < most]
    if few:
        raise InputError(
            f"encoder.values={few[0]} and a column of {most} categories: expected encoder.values={most} or more, or "
            f"task.categories={few[0]} for the most frequent ones"
        )
