"""Trained trees: what they predict, how large they are, and the file that holds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mtl.errors import InputError
from mtl.nn.encoder import Inputs
from mtl.runs.files import read_json, write_json
from mtl.trees.columns import matrix_of
from mtl.trees.lightgbm import lightgbm


@dataclass(frozen=True)
class Forest:
    """The trees of every task.

    Attributes:
        texts: by task, its trees as LightGBM writes them: text, in which nothing can be run.
    """

    texts: Mapping[str, str]

    @cached_property
    def boosters(self) -> dict[str, Any]:
        """By task, the trees ready to predict."""
        return {name: lightgbm().Booster(model_str=text) for name, text in self.texts.items()}

    def predict(self, inputs: Inputs) -> dict[str, Tensor]:
        """Raw predictions by task, as a network's: a logit ``[N]``, logits ``[N, C]``, or a standardised value ``[N]``.

        Args:
            inputs: the columns of a table, of the same order as in training.

        Returns:
            Predictions in single precision.
        """
        columns = np.ascontiguousarray(matrix_of(inputs))
        threads = torch.get_num_threads()
        return {
            name: torch.from_numpy(booster.predict(columns, raw_score=True, num_threads=threads)).float()
            for name, booster in self.boosters.items()
        }

    def nodes(self) -> dict[str, int]:
        """By task, the nodes of its trees: every split is a column with a threshold, every leaf a value."""
        leaves = {name: sum(_leaves(text)) for name, text in self.texts.items()}
        return {name: 2 * leaves[name] - len(_leaves(text)) for name, text in self.texts.items()}

    def write(self, path: Path) -> None:
        """Write the trees as one JSON file, each task's with a hash against damage."""
        write_json(path, {name: {"sha256": digest(text), "trees": text} for name, text in self.texts.items()})

    @classmethod
    def read(cls, path: Path) -> "Forest":
        """The trees that :meth:`write` wrote. InputError if the file is missing or damaged."""
        texts = {}
        for name, entry in read_json(path).items():
            # LightGBM ends the process where a text is cut off
            if not isinstance(entry, dict) or digest(str(entry.get("trees"))) != entry.get("sha256"):
                raise InputError(f"'{path}' is damaged: the trees of task '{name}' are not those that were written")
            texts[name] = str(entry["trees"])
        return cls(texts)


def digest(text: str) -> str:
    """Hash of a text."""
    return sha256(text.encode()).hexdigest()


def _leaves(text: str) -> list[int]:
    """Leaves of each tree."""
    return [int(line.partition("=")[2]) for line in text.splitlines() if line.startswith("num_leaves=")]
