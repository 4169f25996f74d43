"""The loss of the best constant prediction, beside what each kind of task has for it in closed form."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mtl.module.constant_losses import Part, constant_losses, constant_shape, least_loss
from mtl.network import Network
from mtl.nn.candidates import CandidateSet
from mtl.nn.encoder import SINGLE
from mtl.nn.mlp import MLP
from mtl.sharing.hard import Hard
from mtl.suites.batch import Batch
from mtl.suites.digits.grid import grid_boxes, grid_classes
from mtl.tasks import NO_LABEL, Task, TaskGraph, binary, choice, classification, conditional, regression

NAN = math.nan


def entropy(shares: Tensor) -> float:
    """Of shares that sum to 1, in nats."""
    return float(torch.special.entr(shares.double()).sum())


def flat_network(*tasks: Task) -> Network:
    """Tasks on four numbers, with dropout."""
    graph = TaskGraph(tasks)
    return Network(Hard({SINGLE: (4,)}, graph.names, partial(MLP, widths=[8], dropout=0.5)), graph)


def found(network: Network, targets: dict[str, Tensor], parts: int = 3) -> list[float]:
    """Constant losses over rows of random inputs in several batches."""
    rows = len(next(iter(targets.values())))
    pieces = torch.arange(rows).tensor_split(parts)
    batches = [
        Batch({SINGLE: torch.randn(len(piece), 4)}, {k: v[piece] for k, v in targets.items()}) for piece in pieces
    ]
    values: list[float] = constant_losses(network, batches).tolist()
    return values


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from([0.0, 1.0, NAN]), min_size=5, max_size=40),
    st.lists(st.sampled_from([0, 1, 2, NO_LABEL]), min_size=5, max_size=40),
    st.floats(-100, 100),
    st.floats(0.1, 30),
)
def test_yes_or_no_classes_and_numbers(yes: Sequence[float], classes: Sequence[int], mean: float, std: float) -> None:
    """Entropies of the labels' shares; the variance in units of the standardisation, wherever its zero is."""
    rows = min(len(yes), len(classes))
    torch.manual_seed(rows)
    targets = {
        "yes": torch.tensor(yes[:rows]),
        "which": torch.tensor(classes[:rows]),
        "much": mean + std * torch.randn(rows).masked_fill(torch.rand(rows) < 0.3, NAN),
    }
    network = flat_network(binary("yes"), classification("which", 3), regression("much", mean=1.0, std=2.0))
    labels = targets["yes"][~targets["yes"].isnan()]
    which = targets["which"][targets["which"] >= 0]
    much = targets["much"][~targets["much"].isnan()].double()
    expected = [
        entropy(torch.stack([labels.mean(), 1 - labels.mean()])) if len(labels) else NAN,
        entropy(torch.bincount(which, minlength=3) / len(which)) if len(which) else NAN,
        float(much.var(correction=0)) / 4 if len(much) else NAN,
    ]
    values = torch.tensor(found(network, targets))
    torch.testing.assert_close(values, torch.tensor(expected).float(), rtol=2e-3, atol=1e-4, equal_nan=True)


def test_rows_count_by_their_weights() -> None:
    """As in the losses of a step: sums of weighted losses over the number of labelled rows."""
    yes, much = torch.tensor([1.0, 0.0, 0.0, NAN, 1.0]), torch.tensor([2.0, 5.0, NAN, 1.0, 3.0])
    weights = torch.tensor([2.0, 1.0, 0.5, 9.0, 0.5])
    network = flat_network(binary("yes"), regression("much"))
    batches = [
        Batch({SINGLE: torch.randn(len(rows), 4)}, {"yes": yes[rows], "much": much[rows]}, weights=weights[rows])
        for rows in (torch.arange(2), torch.arange(2, 5))
    ]
    share, mean = 2.5 / 4, (2 * 2.0 + 5.0 + 9 * 1.0 + 0.5 * 3.0) / 12.5
    spread = 2 * (2.0 - mean) ** 2 + (5.0 - mean) ** 2 + 9 * (1.0 - mean) ** 2 + 0.5 * (3.0 - mean) ** 2
    expected = torch.tensor([4 * entropy(torch.tensor([share, 1 - share])) / 4, spread / 4])
    torch.testing.assert_close(constant_losses(network, batches), expected.float(), rtol=1e-4, atol=1e-6)


def test_a_conditional_task_is_one_of_yes_or_no() -> None:
    """Its constant does not need the upstream task's."""
    targets = {"click": torch.tensor([1.0, 1, 0, 0, 1, 0, 0, 0]), "buy": torch.tensor([1.0, 0, 0, 0, 0, 0, 0, 0])}
    values = found(flat_network(binary("click"), conditional("buy", "click")), targets)
    expected = [entropy(torch.tensor([p, 1 - p])) for p in (3 / 8, 1 / 8)]
    torch.testing.assert_close(torch.tensor(values), torch.tensor(expected).float(), rtol=1e-4, atol=0)


def test_a_choice_is_uniform_among_the_candidates_that_there_are() -> None:
    """``log(candidates / acceptable ones)``, whichever places they stand at; a row without a label does not count."""
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1], [1, 0, 0, 0]]).bool()
    target = torch.tensor([[1.0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [NAN] * 4])
    graph = TaskGraph((choice("pick"),))
    shape = {"candidates": (None, 5), "mask": (None,), "context": (3,)}
    network = Network(Hard(shape, graph.names, partial(CandidateSet, width=8, heads=2)), graph)
    inputs = {"candidates": torch.randn(5, 4, 5), "mask": mask, "context": torch.randn(5, 3)}
    expected = sum(map(math.log, (2, 3, 4, 4 / 2))) / 4
    assert math.isclose(float(constant_losses(network, [Batch(inputs, {"pick": target})])), expected, rel_tol=1e-6)


def test_classes_in_cells() -> None:
    """The entropy of the classes, where each row counts once and divides that among its objects."""
    target = torch.tensor([[0, NO_LABEL, 1, 1], [2, NO_LABEL, NO_LABEL, NO_LABEL], [NO_LABEL, 0, 1, NO_LABEL]])
    share = torch.tensor([1 / 3 + 1 / 2, 2 / 3 + 1 / 2, 1.0]) / 3
    value = least_loss(grid_classes("digits", 2, 3), [Part(torch.Size([3, 4, 3]), None, target)], exchangeable=False)
    assert math.isclose(value, entropy(share), rel_tol=1e-4)


def weighted_median_distance(values: Tensor, weights: Tensor) -> float:
    """The least ``sum_i w_i |x - v_i|`` over x, which is at one of the values."""
    return float(((values[:, None] - values[None]).abs() * weights).sum(1).min())


def test_boxes_in_cells() -> None:
    """Weighted medians of what a box is made of, and the entropy of there being an object."""
    torch.manual_seed(0)
    side, rows = 2, 30
    present = torch.rand(rows, side**2) < 0.5
    present[:, 0] |= ~present.any(1)
    index = torch.arange(side**2)
    corner = torch.stack([index % side, index // side], -1)  # [P, 2]
    inside = torch.rand(rows, side**2, 4)  # centres relative to their cell, and sizes
    target = torch.cat([(corner + inside[..., :2]) / side, inside[..., 2:]], -1).masked_fill(~present[..., None], NAN)
    weights = (1 / present.sum(1, keepdim=True)).expand(-1, side**2)
    units = torch.tensor([1 / side, 1 / side, 1, 1])
    distance = sum(
        float(unit) * weighted_median_distance(inside[..., i][present], weights[present])
        for i, unit in enumerate(units)
    )
    share = (weights * present).sum() / weights.sum()
    surprise = float(weights.sum()) * entropy(torch.stack([share, 1 - share]))
    value = least_loss(grid_boxes("boxes", side), [Part(torch.Size([rows, 4, 5]), None, target)], exchangeable=False)
    assert math.isclose(value, (distance + surprise) / rows, rel_tol=0.01)


def test_a_loss_of_ones_own() -> None:
    """Absolute errors: the mean distance from the median."""
    task = replace(regression("much"), loss=lambda value, target: (value - target).abs())
    target = torch.randn(101, generator=torch.Generator().manual_seed(0)) * 50 + 7
    expected = float((target - target.median()).abs().mean())
    value = least_loss(task, [Part(target.shape, None, target)], exchangeable=False)
    assert math.isclose(value, expected, rel_tol=0.01)


def test_what_is_constant_leaves_nothing_to_learn() -> None:
    """Labels that are all the same: 0, and not the small loss at which a search for the limit ends."""
    targets = {"yes": torch.ones(6), "which": torch.full((6,), 2), "much": torch.full((6,), 300.0)}
    network = flat_network(binary("yes"), classification("which", 3), regression("much"))
    assert found(network, targets) == [0, 0, 0]


def test_labels_that_are_nearly_the_same_leave_something() -> None:
    """A ten-thousandth of the loss of zeros is not nothing, in one batch and in several."""
    much = torch.tensor([300.0, 301.0, 300.0, 303.0])
    for parts in (1, 2, 4):
        (value,) = found(flat_network(regression("much")), {"much": much}, parts)
        assert value == pytest.approx(float(much.var(correction=0)), rel=1e-2)


@pytest.mark.parametrize(
    ("prediction", "target", "shape"),
    [
        ((5,), (5,), ()),
        ((5, 3), (5,), (3,)),
        ((5, 4, 3), (5, 4), (3,)),  # classes of every cell come last
        ((5, 3, 4), (5, 4), (3, 1)),  # of every pixel second
        ((5, 4, 4), (5, 4), (4,)),  # where both could be, last
        ((5, 3, 2, 4), (5, 2, 4), (3, 1, 1)),
    ],
    ids=str,
)
def test_a_constant_has_one_number_of_each_answer(
    prediction: tuple[int, ...], target: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    assert constant_shape(prediction, target) == shape


def test_a_loss_that_is_not_finite_is_not_known() -> None:
    """Then the weighting takes what it sees first."""
    task = replace(regression("much"), loss=lambda value, target: value * math.nan)
    assert math.isnan(found(flat_network(task), {"much": torch.randn(6)})[0])


def test_nothing_is_drawn_and_nothing_changes() -> None:
    """The network, its mode and the random numbers to come are as they were; the values depend on neither."""
    network = flat_network(binary("yes"), classification("which", 3)).train()
    targets = {"yes": torch.tensor([0.0, 1, 1, 1]), "which": torch.tensor([0, 1, 2, 2])}
    batches = [Batch({SINGLE: torch.randn(4, 4)}, targets)]
    before, state = {k: v.clone() for k, v in network.state_dict().items()}, torch.get_rng_state()
    first = constant_losses(network, batches)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert network.training
    with torch.no_grad():
        for p in network.parameters():
            p.mul_(3)
    assert torch.equal(constant_losses(network, batches), first)


def test_classes_of_every_pixel_come_before_its_place() -> None:
    """As cross-entropy reads them: a constant has a logit of each class, and not one of each column."""
    pixels = torch.tensor([0, 0, 0, 1, 2, 2]).repeat(4).view(2, 3, 4)

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        return nn.functional.cross_entropy(logits, target, reduction="none").mean((1, 2))

    classes = replace(classification("classes", 3), loss=loss)
    shares = torch.tensor([3 / 6, 1 / 6, 2 / 6])
    value = least_loss(classes, [Part(torch.Size([2, 3, 3, 4]), None, pixels)], exchangeable=False)
    assert value == pytest.approx(entropy(shares), rel=1e-4)
    depth = replace(regression("depth"), loss=lambda p, t: (p[:, 0] - t).square().mean((1, 2)))
    value = least_loss(depth, [Part(torch.Size([2, 1, 3, 4]), None, pixels.float())], exchangeable=False)
    assert value == pytest.approx(float(pixels.float().var(correction=0)), rel=1e-4)
