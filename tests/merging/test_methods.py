"""Every way to merge, found by listing conf/: beside formulas in plain numpy, and what holds whatever is merged."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from torch import Tensor

from mtl.config.factories import instantiate_node
from mtl.config.folders import CONF, option_names
from mtl.errors import InputError
from mtl.merging.base import MergedTrunk, Merging, ScaledMerging, TaskVectors
from mtl.tasks import binary, classification, regression

LAYERS = (6, 3, 8)  # of two unlike stages: a weight, a bias, a weight
METHODS = [name for name in option_names("merge") if name != "none"]
every_method = pytest.mark.parametrize("name", METHODS)
EXACT = {"ties": {"keep": 1.0}, "dare": {"drop": 0.0}, "adamerging": {"initial": 1.0, "steps": 1, "lr": 1e-12}}


def method(name: str, **changes: Any) -> Merging:
    """As a run has it, with some arguments changed."""
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / "merge" / f"{name}.yaml"))
    found: Merging = instantiate_node(node | changes, "model.merge")
    return found


def drawn(tasks: int, seed: int = 0) -> TaskVectors:
    generator = torch.Generator().manual_seed(seed)
    start, *learned = torch.randn(tasks + 1, sum(LAYERS), generator=generator)
    return TaskVectors(start, torch.stack(learned) - start, LAYERS, seed)


class Nearest:
    """A trunk is worth how near it is to another one."""

    def __init__(self, wanted: Tensor) -> None:
        self.wanted = wanted

    def validation_score(self, trunk: Tensor) -> float:
        return float((trunk - self.wanted).square().sum())

    def entropy(self, trunk: Tensor) -> Tensor:
        return (trunk - self.wanted).square().sum()


def merged(name: str, vectors: TaskVectors, wanted: Tensor | None = None, **changes: Any) -> MergedTrunk:
    return method(name, **changes).merge(vectors, Nearest(vectors.start if wanted is None else wanted))


def sum_of_vectors(tau: np.ndarray) -> np.ndarray:
    return sum(tau)  # type: ignore[return-value]


def ties(tau: np.ndarray, keep: float) -> np.ndarray:
    """Entry by entry, by sorting."""
    trimmed = np.zeros_like(tau)
    for row, out in zip(tau, trimmed, strict=True):
        for place in sorted(range(len(row)), key=lambda place: -abs(row[place]))[: round(keep * len(row))]:
            out[place] = row[place]
    found = np.zeros(tau.shape[1])
    for place, entries in enumerate(trimmed.T):
        elected = [one for one in entries if one * entries.sum() > 0]
        found[place] = np.mean(elected) if elected else 0.0
    return found


SEEDS = st.integers(0, 2**16)


@settings(max_examples=25)
@given(st.integers(1, 5), SEEDS, st.sampled_from([0.1, 0.2, 0.5, 1.0]))
def test_directions_are_those_of_their_formulas(tasks: int, seed: int, keep: float) -> None:
    vectors = drawn(tasks, seed)
    tau = vectors.differences.double().numpy()
    for one, expected in [
        (method("task_arithmetic"), sum_of_vectors(tau)),
        (method("ties", keep=keep), ties(tau, keep)),
        (method("dare", drop=0.0), sum_of_vectors(tau)),
    ]:
        assert isinstance(one, ScaledMerging)
        np.testing.assert_allclose(one.direction(vectors).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_ties_keeps_one_entry_at_least_and_equal_ones_at_the_border() -> None:
    differences = torch.tensor([[1.0, -2.0, 0.5, 0.0], [3.0, 0.0, -3.0, 1.0]])
    one = method("ties", keep=0.01)
    assert isinstance(one, ScaledMerging)
    assert one.direction(TaskVectors(torch.zeros(4), differences, (4,))).tolist() == [3, -2, -3, 0]


@pytest.mark.parametrize("drop", [0.3, 0.9])
def test_dare_drops_its_share_by_the_seed_and_rescales_the_rest(drop: float) -> None:
    vectors = TaskVectors(torch.zeros(20000), torch.randn(1, 20000), (20000,), seed=5)
    one, again, other = (method("dare", drop=drop).merge(v, Nearest(v.start)) for v in (vectors, vectors, drawn(1)))
    direction = (one.values - vectors.start) / one.coefficients[0]
    kept = direction != 0
    assert float(kept.float().mean()) == pytest.approx(1 - drop, abs=0.02)
    torch.testing.assert_close(direction[kept], vectors.differences[0][kept] / (1 - drop))
    assert torch.equal(one.values, again.values)
    assert other.values.shape == (sum(LAYERS),)


@pytest.mark.parametrize("by", ["task", "layer"])
def test_adamerging_takes_the_steps_of_adam_by_the_gradient_of_the_entropy(by: str) -> None:
    """The derivative with respect to lambda_k^l is the product of that layer's part with the entropy's gradient."""
    vectors = drawn(3)
    wanted = vectors.start + 0.9 * vectors.differences[0]
    found = merged("adamerging", vectors, wanted, by=by, steps=1, lr=0.01)
    start = vectors.start + 0.3 * vectors.differences.sum(0)
    products = vectors.differences * (2 * (start - wanted))  # [K, P]
    slopes = torch.stack([part.sum(1) for part in products.split(LAYERS, 1)], 1)
    slopes = slopes if by == "layer" else slopes.sum(1, keepdim=True)
    torch.testing.assert_close(found.coefficients, 0.3 - 0.01 * slopes.sign())  # the first step of Adam


def test_adamerging_finds_the_coefficients_of_least_entropy_within_their_bounds() -> None:
    vectors = drawn(3)
    wanted = vectors.start + torch.tensor([[0.2], [0.7], [1.6]]).mul(vectors.differences).sum(0)
    found = merged("adamerging", vectors, wanted, by="task", steps=300, lr=0.03)
    assert found.coefficients[2] == 1.0
    assert found.tried == ()
    inner = vectors.differences[:2]
    rest = wanted - vectors.start - vectors.differences[2]
    best = torch.linalg.lstsq(inner.T, rest.unsqueeze(1)).solution
    torch.testing.assert_close(found.coefficients[:2], best, atol=0.01, rtol=0)


@every_method
def test_one_task_gives_its_own_network_at_coefficient_one(name: str) -> None:
    vectors = drawn(1)
    changes = EXACT.get(name, {}) | ({} if name == "adamerging" else {"coefficients": [1.0]})
    own = vectors.start + vectors.differences[0]
    torch.testing.assert_close(merged(name, vectors, **changes).values, own)


@every_method
def test_equal_networks_give_the_network(name: str) -> None:
    """With the coefficient that adds up to one where vectors are added, as validation finds it."""
    one = drawn(1)
    vectors = TaskVectors(one.start, one.differences.repeat(4, 1), LAYERS)
    own = one.start + one.differences[0]
    changes = EXACT.get(name, {}) | ({"initial": 0.25} if name == "adamerging" else {"coefficients": [0.25, 0.5, 1.0]})
    torch.testing.assert_close(merged(name, vectors, own, **changes).values, own)


@every_method
def test_the_order_of_the_tasks_does_not_matter(name: str) -> None:
    vectors = drawn(3)
    order = [2, 0, 1]
    turned = TaskVectors(vectors.start, vectors.differences[order], LAYERS)
    changes = {**EXACT.get(name, {}), "steps": 5, "lr": 0.1} if name == "adamerging" else EXACT.get(name, {})
    wanted = vectors.start + vectors.differences[1]
    first, second = (merged(name, one, wanted, **changes) for one in (vectors, turned))
    torch.testing.assert_close(first.values, second.values)
    torch.testing.assert_close(first.coefficients[order], second.coefficients)


@pytest.mark.parametrize("name", [name for name in METHODS if name != "adamerging"])
def test_validation_chooses_the_coefficient(name: str) -> None:
    vectors = drawn(2)
    one = method(name, coefficients=[0.2, 0.5, 0.8])
    assert isinstance(one, ScaledMerging)
    found = one.merge(vectors, Nearest(vectors.start + 0.55 * one.direction(vectors)))
    assert found.coefficients.tolist() == [[pytest.approx(0.5)]] * 2
    assert [coefficient for coefficient, _ in found.tried] == [0.2, 0.5, 0.8]
    assert found.note == ""
    beyond = one.merge(vectors, Nearest(vectors.start + 3 * one.direction(vectors)))
    assert "0.8, is the largest" in beyond.note
    below = one.merge(vectors, Nearest(vectors.start))
    assert "0.2, is the smallest" in below.note


class Broken(Nearest):
    def validation_score(self, trunk: Tensor) -> float:
        return float("nan")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: method("ties", keep=0), "model.merge.keep=0"),
        (lambda: method("dare", drop=1.0), "model.merge.drop=1.0"),
        (lambda: method("task_arithmetic", coefficients=[]), "one number or more"),
        (lambda: method("adamerging", by="network"), "model.merge.by"),
        (lambda: method("adamerging", initial=2.0), "model.merge.initial=2.0"),
        (lambda: method("adamerging", steps=0), "model.merge.steps=0"),
        (lambda: method("adamerging", steps=1.5), "model.merge.steps=1.5: expected a whole number, 1 or more"),
        (lambda: method("adamerging", lr=float("nan")), "model.merge.lr=nan"),
        (lambda: method("dare", drop="a"), "model.merge.drop=a"),
        (lambda: method("ties", coefficients=0.5), "model.merge.coefficients=0.5: expected one number or more"),
        (lambda: method("ties", coefficients=["a"]), "one number"),
        (lambda: method("task_arithmetic").merge(drawn(2), Broken(drawn(2).start)), "finite validation loss"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(make: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()


def test_adamerging_takes_tasks_that_predict_probabilities_alone() -> None:
    certain = [binary("a"), classification("b", 3)]
    method("adamerging").check(certain, keeps_statistics=False)
    with pytest.raises(InputError, match=r"task 'c' \(regression\) predicts none"):
        method("adamerging").check([*certain, regression("c")], keeps_statistics=False)
    with pytest.raises(InputError, match="cannot merge batch norms"):
        method("adamerging").check(certain, keeps_statistics=True)
