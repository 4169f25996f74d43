"""The linear baseline: what it learns, of any form of inputs."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mtl.agent.labelled_rows import predict_test_rows
from mtl.agent.linear_baseline import LinearBaseline
from mtl.nn.encoder import SINGLE
from mtl.tasks import binary, regression
from tests.support import Rows


def draw(rows: int = 400) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, 3, generator=generator)
    return x, torch.rand(rows, generator=generator)


def fitted(data: Rows, *names: str) -> dict[str, Tensor]:
    data.setup("test")
    return predict_test_rows(LinearBaseline(data, names).predict, data, names).predicted


def test_a_linear_number_is_learned_in_its_own_unit() -> None:
    """Though the task standardises its target."""
    x, _ = draw()
    target = x @ torch.tensor([3.0, -2.0, 0.0]) + 40
    data = Rows({SINGLE: x}, {"number": target}, [regression("number", mean=35.0, std=7.0)])
    torch.testing.assert_close(fitted(data, "number")["number"], target, atol=0.1, rtol=0.0)


@pytest.mark.parametrize("settings", [{"limits": (0.0, 41.0)}, {"logarithm": (3.0, 0.5)}], ids=["limits", "log"])
def test_a_number_that_is_cut_or_transformed_is_learned_on_the_scale_of_the_network(settings: dict[str, Any]) -> None:
    """Which two decoded points do not tell."""
    x, _ = draw()
    raw = 0.3 * x[:, 0] - 0.2 * x[:, 1]
    task = regression("number", mean=40.0, std=7.0, **settings)
    plain = regression("number", mean=40.0, std=7.0) if "limits" in settings else task
    target = plain.decode(raw)
    found = fitted(Rows({SINGLE: x}, {"number": target}, [task]), "number")["number"]
    torch.testing.assert_close(found, task.decode(raw), atol=0.1, rtol=0.0)


def test_probabilities_are_those_that_were_planted() -> None:
    """Rows without a label teach nothing."""
    x, draws = draw(4000)
    chance = torch.sigmoid(x @ torch.tensor([1.0, -1.0, 0.0]) - 0.5)
    target = (draws < chance).float()
    known = torch.where(torch.arange(4000) % 5 == 0, torch.nan, target)
    found = fitted(Rows({SINGLE: x}, {"yes": known}, [binary("yes")]), "yes")["yes"]
    assert (found - chance[~known.isnan()]).abs().mean() < 0.02


def test_the_penalty_keeps_separable_classes_finite() -> None:
    x, _ = draw(50)
    found = fitted(Rows({SINGLE: x}, {"yes": (x[:, 0] > 0).float()}, [binary("yes")]), "yes")["yes"]
    assert found.isfinite().all()
    assert ((found > 0.5) == (x[:, 0] > 0)).float().mean() > 0.95


@pytest.mark.filterwarnings("error")
def test_categories_missing_numbers_and_constant_columns() -> None:
    generator = torch.Generator().manual_seed(0)
    categories = torch.randint(-1, 3, (300, 2), generator=generator)
    numbers = torch.randn(300, 2, generator=generator, dtype=torch.float64)
    numbers[::3, 0] = torch.nan
    numbers[:, 1] = 7.0
    target = (categories[:, 0] == 2) * 5.0 + numbers[:, 0].isnan() * 3.0
    data = Rows({"categories": categories, "numbers": numbers}, {"number": target.float()})
    found = fitted(data, "number")["number"]
    torch.testing.assert_close(found, target.float(), atol=0.2, rtol=0.0)


def test_a_category_that_training_has_not_seen_is_none_of_them() -> None:
    categories = torch.tensor([[0], [1]]).repeat(50, 1)
    data = Rows({"categories": categories}, {"number": categories[:, 0].float()})
    data.setup("test")
    found = LinearBaseline(data, ("number",)).predict({"categories": torch.tensor([[0], [1], [5]])})["number"]
    assert np.all(np.diff(found.numpy()[[0, 2, 1]]) > 0.3)
