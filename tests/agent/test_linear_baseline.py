"""The linear baseline: what it learns, of any form of inputs."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mtl.agent.labelled_rows import predict_test_rows
from mtl.agent.linear_baseline import LinearBaseline
from mtl.nn.encoder import SINGLE
from mtl.tasks import binary, classification, regression
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


def test_it_is_ridge_and_logistic_regression_of_columns_that_are_made_by_hand() -> None:
    """Of few rows, so that the penalty counts; numbers are far from 0, wide, and missing in one column."""
    generator = torch.Generator().manual_seed(1)
    numbers = 5 + torch.tensor([3.0, 0.2]) * torch.randn(60, 2, generator=generator, dtype=torch.double)
    numbers[::4, 0] = torch.nan
    categories = torch.randint(0, 3, (60, 1), generator=generator)
    draws = torch.rand(60, generator=generator)
    targets = {
        "amount": (2 * categories[:, 0] + draws).float(),
        "yes": (draws + 0.2 * categories[:, 0] > 0.8).float(),
        "kind": (categories[:, 0] + (draws > 0.7)) % 3,
    }
    tasks = [regression("amount", mean=1.0, std=2.0), binary("yes"), classification("kind", 3)]
    data = Rows({"numbers": numbers, "categories": categories}, targets, tasks)
    data.setup("test")
    found = LinearBaseline(data, tuple(targets)).predict(data.splits["test"].inputs)

    table = numbers.numpy()
    scaled = np.nan_to_num((table - np.nanmean(table, 0)) / np.nanstd(table, 0))
    one_hot = np.eye(3)[categories[:, 0].numpy()]
    columns = np.concatenate([np.ones((60, 1)), scaled, np.isnan(table[:, :1]), one_hot], 1)
    free = np.eye(columns.shape[1])[1:]  # as rows whose target is 0: the penalty of all but the constant

    def ridge(target: np.ndarray) -> np.ndarray:
        added = np.zeros((len(free), *target.shape[1:]))
        coefficients = np.linalg.lstsq(np.concatenate([columns, free]), np.concatenate([target, added]))[0]
        return columns @ coefficients

    amount = ridge((targets["amount"].double().numpy() - 1.0) / 2.0)
    np.testing.assert_allclose(found["amount"], amount, rtol=1e-5, atol=1e-5)
    kinds = ridge(np.eye(3)[targets["kind"].numpy()])
    np.testing.assert_allclose(found["kind"], np.log(kinds.clip(1e-3)), rtol=1e-4, atol=1e-5)
    weights, yes = np.zeros(columns.shape[1]), targets["yes"].numpy()
    for _ in range(20):  # Newton's method
        chance = 1 / (1 + np.exp(-columns @ weights))
        slope = columns.T @ (yes - chance) - free.T @ free @ weights
        weights += np.linalg.solve((columns.T * chance * (1 - chance)) @ columns + free.T @ free, slope)
    np.testing.assert_allclose(found["yes"], columns @ weights, atol=1e-3)
