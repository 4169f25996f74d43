"""Weights learned on held-out rows: the derivative is that of a step, and only held-out rows teach them."""

import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from mtl.assembly import build
from mtl.config.compose import configure
from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.testing.problem import Problem, flat
from mtl.weighting.auto_lambda import AutoLambda
from mtl.weighting.base import Step
from mtl.weighting.held_out import HeldOutWeighting
from mtl.weighting.moml import MOML
from tests.support import rows, tiny
from tests.weighting import held_out
from tests.weighting.problems import make, weights_after_held_out


@pytest.mark.parametrize("name", ["auto_lambda", "moml"])
def test_products_are_the_derivative_of_the_held_out_losses(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against differences of the held-out losses after a step with other weights, heads included."""
    lr, change = 0.1, 1e-5
    problem, held = Problem(3, [1.0, 2.0, 0.5]), Problem(3, [1.0, 2.0, 0.5], seed=1)
    for one in (problem, held):
        one.trunk.double(), one.heads.double()
        one.inputs, one.targets = one.inputs.double(), one.targets.double()
    weighting = make(name, 3)
    assert isinstance(weighting, HeldOutWeighting)
    rows, private_gradients = problem.gradients()
    start = [p.detach().clone() for p in problem.parameters]

    def after(weights: Tensor) -> Tensor:
        step = torch.cat([weights @ rows, *(w * g for w, g in zip(weights, private_gradients, strict=True))])
        with torch.no_grad():
            for p, before, part in zip(held.parameters, start, step.split([p.numel() for p in start]), strict=True):
                p.copy_(before - lr * part.view_as(p))
        return held.current_losses()

    used = weighting.current_weights(torch.arange(3)).double()
    slopes = torch.stack(
        [(after(used + change * e) - after(used - change * e)) / (2 * change) for e in torch.eye(3).double()], 1
    )
    seen: list[Tensor] = []
    monkeypatch.setattr(weighting, "improve", lambda products, tasks: seen.append(products))
    problem.backward(weighting)
    after(used)
    losses, _ = held.forward()
    weighting.on_held_out_losses(losses, held.shared, held.private)
    slopes = slopes.sum(0, keepdim=True) if name == "auto_lambda" else slopes
    expected = -slopes / slopes.norm(dim=1, keepdim=True)
    torch.testing.assert_close(seen[0] / seen[0].norm(dim=1, keepdim=True), expected.to(seen[0]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("normalise", ["loss_scale", "gradient_norm"])
@pytest.mark.parametrize("name", ["auto_lambda", "moml"])
def test_units_of_normalised_losses_do_not_matter(name: str, normalise: str) -> None:
    """Neither to the step nor to what is learned from it: of eight times a loss the weight is an eighth."""
    found = []
    for factors in ([1.0, 1.0, 1.0], [1.0, 8.0, 0.25]):
        problem, weighting = held_out.problem(), make(name, held_out.TASKS, normalise=normalise, lr=0.02)
        problem.factors = factors
        assert isinstance(weighting, HeldOutWeighting)
        start = weighting.current_weights(torch.arange(3)).clone()
        problem.train(
            weighting,
            4,
            partial(problem.backward, weighting, stop=held_out.TRAINED),
            feed_held_out=partial(problem.feed_held_out, weighting, start=held_out.TRAINED),
        )
        assert float((weighting.current_weights(torch.arange(3)) - start).abs().max()) > 0.01
        found.append((problem.backward(weighting) * torch.tensor(factors), flat(problem.parameters)))
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["auto_lambda", "moml"])
@pytest.mark.parametrize("factor", [0.0, torch.inf], ids=["no gradient", "not finite"])
def test_held_out_losses_that_say_nothing_change_nothing(name: str, factor: float) -> None:
    """The weights stay, and those of later steps are learned as if there had been none."""
    one, other = Problem(3), Problem(3)
    weighting, plain = make(name, 3), make(name, 3)
    assert isinstance(weighting, HeldOutWeighting)
    one.backward(weighting)
    weighting.on_held_out_losses([factor * loss for loss in one.forward()[0]], one.shared, one.private)
    one.clear()
    weights = [(one.train(weighting, 2), one.backward(weighting))[1], (other.train(plain, 2), other.backward(plain))[1]]
    assert torch.equal(*weights)


def test_learning_writes_no_gradient() -> None:
    """Held-out rows change the weights, not the network."""
    problem = Problem(3)
    weighting = make("moml", 3)
    problem.backward(weighting)
    before = copy.deepcopy([p.grad for p in problem.parameters])
    problem.feed_held_out(weighting)
    assert all(torch.equal(a, p.grad) for a, p in zip(before, problem.parameters, strict=True) if p.grad is not None)
    assert weighting.current_weights(torch.arange(3)).sum() == pytest.approx(1)


def test_held_out_rows_are_of_the_training_split(tmp_path: Path) -> None:
    """The others keep their order, validation and test are what they were, and every step has its own rows."""
    plain, carved = (build(tiny(tmp_path, f"weighting={name}", "accumulate=2")) for name in ("equal", "moml"))
    for assembly in (plain, carved):
        assembly.data.setup("fit")
        assembly.data.loader("train", training=True)
    all_rows, remaining, held = plain.data.splits["train"], carved.data.splits["train"], carved.data.splits["held_out"]
    assert len(held) == round(0.1 * len(all_rows))
    assert torch.equal(remaining.inputs[SINGLE], all_rows.inputs[SINGLE][carved.data.kept])
    both = torch.cat([remaining.inputs[SINGLE], held.inputs[SINGLE]])
    assert torch.equal(both[both[:, 0].argsort()], all_rows.inputs[SINGLE][all_rows.inputs[SINGLE][:, 0].argsort()])
    for split in ("val", "test"):
        assert torch.equal(carved.data.splits[split].inputs[SINGLE], plain.data.splits[split].inputs[SINGLE])
    steps = [torch.cat([batch.inputs[SINGLE] for batch in carved.data.held_out(step)]) for step in range(3)]
    assert len(list(carved.data.held_out(0))) == 2
    assert torch.equal(steps[1], torch.cat([batch.inputs[SINGLE] for batch in carved.data.held_out(1)]))
    assert not torch.equal(steps[0], steps[1])


def test_rows_that_are_loaded_are_held_out_of_a_copy_alone() -> None:
    plain, carved = (build(tiny(Path(), f"weighting={name}")).data for name in ("equal", "moml"))
    for data in (plain, carved):
        data.setup("fit")
    found = plain.served_as(carved)
    assert "held_out" not in plain.splits
    assert len(plain.splits["train"]) == len(found.splits["train"]) + len(found.splits["held_out"])
    assert found.kept == carved.kept
    assert len(found.served_as(carved).splits["held_out"]) == len(found.splits["held_out"]), "not twice"


def test_held_out_rows_stay_divided_as_for_the_trainer_where_others_look_at_the_batches(tmp_path: Path) -> None:
    """A search for a learning rate looks at them as of one process, while several train."""
    data = build(tiny(tmp_path, "weighting=moml")).data
    data.setup("fit")
    data.trainer = SimpleNamespace(global_rank=1, world_size=2)  # type: ignore[assignment]
    data.train_dataloader()
    before = [batch.inputs[SINGLE] for batch in data.held_out(0)]
    data.loader("train", training=True, world=1)
    after = [batch.inputs[SINGLE] for batch in data.held_out(0)]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_too_few_rows_to_hold_out() -> None:
    """One line, before training."""
    data = build(configure("task=synthetic", "weighting=moml", "task.rows=20", "accumulate=4")).data
    data.setup("fit")
    with pytest.raises(InputError, match="cannot be divided among 4 accumulated batches"):
        data.loader("train", training=True)
    for share, count in ((0.1, 0), (0.9, 4)):
        few = rows(4)
        few.hold_out(share)
        with pytest.raises(InputError, match=f"weighting.held_out={share} of 4 training rows are {count}: expected a"):
            few.setup("fit")


def test_rows_of_one_group_are_all_held_out_or_none_of_them() -> None:
    data = rows(40)
    groups = torch.arange(40) % 13
    data.given = replace(data.given, groups=groups)
    data.hold_out(0.3)
    data.setup("fit")
    held, kept = data.splits["held_out"].groups, data.splits["train"].groups
    assert held is not None
    assert kept is not None
    assert not set(held.tolist()) & set(kept.tolist())
    assert sorted([*held.tolist(), *kept.tolist()]) == sorted(groups.tolist())
    assert len(held) in (12, 13), "the whole groups that come nearest to 12 rows"
    assert torch.equal(kept, groups[data.kept])
    alone = rows(4)
    alone.given = replace(alone.given, groups=torch.zeros(4, dtype=torch.int64))
    alone.hold_out(0.5)
    with pytest.raises(InputError, match="all training rows are of one group"):
        alone.setup("fit")


def test_state_is_of_the_weighting() -> None:
    """A run that goes on from a state takes the same steps."""
    first = make("auto_lambda", 3)
    problem = Problem(3)
    problem.train(first, 3)
    second = make("auto_lambda", 3)
    second.load_state_dict(first.state_dict())
    other = copy.deepcopy(problem)
    problem.train(first, 2)
    other.train(second, 2)
    assert torch.equal(flat(problem.parameters), flat(other.parameters))


@pytest.mark.parametrize("name", ["auto_lambda", "moml"])
def test_weights_serve_the_tasks_that_count(name: str) -> None:
    """What an auxiliary task gains from a weight is nothing; named primary tasks stay those that are served."""
    rows = [[1.0, 0.0], [-5.0, 5.0]]  # the first gains by the first task, the second by its own
    alone = {"auto_lambda": [[1.0, 0.0], [0.0, 0.0]], "moml": [[1.0, 0.0], [1.0, 0.0]]}[name]
    expected = weights_after_held_out(name, alone)
    assert not torch.equal(weights_after_held_out(name, rows), expected)
    torch.testing.assert_close(weights_after_held_out(name, rows, serves=[0]), expected)


def test_primary_tasks_come_before_those_that_count() -> None:
    """As they are named for this weighting."""
    weighting = make("auto_lambda", 2, primary=["b"])
    weighting.bind(["a", "b"])
    weighting.serve([0])
    assert weighting.state_dict()["serves"].tolist() == [0, 1]


@pytest.mark.parametrize("name", ["auto_lambda", "moml"])
def test_a_step_without_labels_of_tasks_that_count_teaches_nothing(name: str) -> None:
    """Its weights stay, and later steps are looked at as ever."""
    problem, weighting = Problem(2), make(name, 2)
    weighting.serve([1])
    before = problem.backward(weighting)
    problem.feed_held_out(weighting, Step(tasks=(0,)))
    torch.testing.assert_close(problem.backward(weighting), before)
    problem.feed_held_out(weighting)
    assert not torch.equal(problem.backward(weighting), before)


@pytest.mark.parametrize("options", [["weighting=auto_lambda"], ["weighting=samo", "weighting@weighting.inner=moml"]])
def test_a_run_tells_its_weighting_which_tasks_count(options: list[str]) -> None:
    """Also one that is inside another."""
    weighting = build(configure("task=synthetic", "auxiliary=[task1]", *options)).module.weighting
    served = [part.serves.tolist() for part in weighting.modules() if isinstance(part, AutoLambda | MOML)]
    assert served == [[1, 0, 1]]
