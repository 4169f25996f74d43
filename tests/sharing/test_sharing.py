"""Every strategy of conf/model on every encoder of conf/encoder that fits: what they declare is what autograd finds."""

import copy
import io
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import permutations
from math import log
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from mtl.assembly import make
from mtl.errors import InputError
from mtl.network import Network
from mtl.nn.convolution import Convolution
from mtl.nn.encoder import Inputs, InputShape
from mtl.nn.mlp import MLP
from mtl.sharing import dselect_k, ltb, soft_distance
from mtl.sharing.base import Sharing, mean_of_these
from mtl.sharing.grouped import Grouped
from mtl.tasks import TaskGraph, binary, classification, regression
from tests.sharing.finding import reached

CONF = Path(__file__).parents[2] / "conf"
TASKS = ("first", "second", "third")
ROWS = 6

# One shape of sample for each kind of input that an encoder may read.
SHAPES: dict[str, InputShape] = {
    "set": {"candidates": (None, 5), "mask": (None,), "context": (3,)},
    "text": {"tokens": (None,), "mask": (None,)},
    "table": {"numbers": (4,), "categories": (2,)},
    "flat": (6,),
    "picture": (1, 6, 5),
}
# Sizes that keep every encoder small, by the name of its argument; the others stay as they are in the YAML.
SMALL: dict[str, Any] = {
    "widths": [8, 8],
    "width": 8,
    "depth": 2,
    "heads": 2,
    "vocabulary": 20,
    "length": 8,
    "values": 4,
    "network": "test_convnext",  # without batch norm
    "side": 32,
}


def options(group: str) -> list[str]:
    """The names of the YAML files of a group."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


@cache
def encoder(name: str) -> Callable[[InputShape], Any]:
    """An encoder factory, as a run has it, but small."""
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / "encoder" / f"{name}.yaml"))
    node |= {key: value for key, value in SMALL.items() if key in node}
    factory: Callable[[InputShape], Any] = make(node)
    return factory


def fitting() -> Iterator[tuple[str, str]]:
    """Every encoder with the first kind of input that it can read."""
    for name in options("encoder"):
        for kind, shape in SHAPES.items():
            try:
                encoder(name)(shape)
            except InputError:
                continue
            yield name, kind
            break


FITTING = list(fitting())


@pytest.mark.parametrize("name", options("encoder"))
def test_every_encoder_reads_some_kind_of_input(name: str) -> None:
    """So that the suites below run on it; skipped, and named, is one whose library is not installed."""
    if name in dict(FITTING):
        return
    for shape in SHAPES.values():
        with pytest.raises(InputError) as refused:
            encoder(name)(shape)
        if "pip install" in str(refused.value) or "does not fit this torch" in str(refused.value):
            pytest.skip(str(refused.value))
    pytest.fail(f"encoder={name} reads none of {', '.join(SHAPES)}")


MODELS = options("model")
every_pair = pytest.mark.parametrize(("trunk", "kind"), FITTING, ids=["-".join(pair) for pair in FITTING])
every_model = pytest.mark.parametrize("model", MODELS)


def build(model: str, trunk: str, kind: str, names: tuple[str, ...] = TASKS, **changes: Any) -> Sharing:
    """The strategy as a run has it, with some arguments changed."""
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / "model" / f"{model}.yaml"))
    if "order" in node and "order" not in changes and len(names) == len(TASKS):
        node["order"] = list(TASKS)  # a chain stays the same when the tasks come in another order
    sharing: Sharing = make(node | changes)(SHAPES[kind], names, encoder(trunk))
    return sharing


def sample(kind: str, rows: int = ROWS) -> Inputs:
    """Random inputs; in a set, some members are padding."""
    if kind in ("flat", "picture"):
        return torch.randn(rows, *SHAPES[kind])
    if kind == "table":
        numbers = torch.randn(rows, 4)
        numbers[::2, 1] = torch.nan
        return {"numbers": numbers, "categories": torch.randint(-1, 4, (rows, 2))}
    mask = torch.arange(4).expand(rows, 4) <= torch.arange(rows).unsqueeze(1) % 4
    if kind == "text":
        return {"tokens": torch.randint(0, 20, (rows, 4)) * mask, "mask": mask}
    return {"candidates": torch.randn(rows, 4, 5) * mask.unsqueeze(-1), "mask": mask, "context": torch.randn(rows, 3)}


def disturbed(module: Sharing) -> Sharing:
    """The same in evaluation mode, with noise on every parameter: nothing is zero by its initial value. Wide ones get
    less, as their features would grow until a softmax is exactly 0.
    """
    noise = 0.3 if module.out_features < 50 else 0.03
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += noise * torch.randn_like(parameter)
    return module.eval()


def some(inputs: Inputs, rows: Any) -> Inputs:
    """Some rows of the inputs."""
    return inputs[rows] if isinstance(inputs, Tensor) else {key: value[rows] for key, value in inputs.items()}


# Parameters that stack something by task, by the end of their name, with the axes along which they do.
STACKED = {"alpha": (0,), "stitch": (1, 2), "spaces": (1, 3), "sources": (0,)}


# Towers of which there is one for each task, by the start of the name: as one stacked module, or one by one.
TOWERS = {"cross_stitch": "towers", "nddr": "towers", "sluice": "towers", "adatt": "experts"}


def reordered(sharing: Sharing, model: str, order: list[int]) -> dict[str, Tensor]:
    """The state of a strategy, for the same one whose tasks come in another order."""
    out = {}
    start = f"{TOWERS.get(model)}.copies."
    for key, value in sharing.state_dict().items():
        axes, name = STACKED.get(key.rpartition(".")[2], ()), key
        if key.startswith(start):
            number, rest = key.removeprefix(start).split(".", 1)
            stackable = sharing.get_submodule(TOWERS[model]).stackable
            axes, name = ((0,), key) if stackable else ((), f"{start}{order.index(int(number))}.{rest}")
        moved = value
        for axis in axes:
            moved = moved.index_select(axis, torch.tensor(order))
        out[name] = moved
    return out


@every_model
@every_pair
class TestEveryStrategy:
    """What holds for each of them."""

    def test_declared_parameters_are_those_that_autograd_finds(self, model: str, trunk: str, kind: str) -> None:
        sharing = disturbed(build(model, trunk, kind))
        found = reached(sharing, sample(kind, 12))
        for name in TASKS:
            others = set().union(*(found[other] for other in TASKS if other != name))
            assert {id(p) for p in sharing.private_parameters(name)} == found[name] - others
        common = {i for a, b in permutations(found.values(), 2) for i in a & b}
        assert {id(p) for p in sharing.shared_parameters()} == common

    def test_every_parameter_is_used_and_counted_once(self, model: str, trunk: str, kind: str) -> None:
        sharing = disturbed(build(model, trunk, kind))
        declared = [*sharing.shared_parameters(), *(p for name in TASKS for p in sharing.private_parameters(name))]
        assert sorted(map(id, declared)) == sorted(map(id, sharing.parameters()))
        used = set().union(*reached(sharing, sample(kind, 12)).values())
        assert used == {id(p) for p in sharing.parameters()}

    def test_last_shared_layer_is_shared_by_all(self, model: str, trunk: str, kind: str) -> None:
        sharing = disturbed(build(model, trunk, kind))
        layer = {id(p) for p in sharing.last_shared_layer()}
        shared = {id(p) for p in sharing.shared_parameters()}
        assert layer <= shared
        assert bool(layer) == bool(shared)

    def test_one_representation_per_task(self, model: str, trunk: str, kind: str) -> None:
        sharing, inputs = build(model, trunk, kind), sample(kind)
        out = sharing(inputs)
        assert tuple(out) == TASKS
        members = () if kind != "set" else (4,)
        assert {value.shape for value in out.values()} == {(ROWS, *members, sharing.out_features)}
        assert all(value.isfinite().all() for value in out.values())

    def test_no_row_sees_another(self, model: str, trunk: str, kind: str) -> None:
        sharing, inputs = disturbed(build(model, trunk, kind)), sample(kind)
        whole, part = sharing(inputs), sharing(some(inputs, slice(2, 3)))
        for name in TASKS:
            torch.testing.assert_close(whole[name][2:3], part[name], atol=1e-4, rtol=1e-4)

    def test_order_of_the_tasks_is_only_the_order_of_the_answers(self, model: str, trunk: str, kind: str) -> None:
        """Tasks named in another order, with the same values for each: the same answers, in the other order."""
        order = [2, 0, 1]
        names = tuple(TASKS[i] for i in order)
        first, second = disturbed(build(model, trunk, kind)), build(model, trunk, kind, names).eval()
        second.load_state_dict(reordered(first, model, order))
        inputs = sample(kind)
        expected, out = first(inputs), second(inputs)
        assert tuple(out) == names
        for name in TASKS:
            torch.testing.assert_close(out[name], expected[name])

    def test_state_survives_saving_and_copying(self, model: str, trunk: str, kind: str) -> None:
        sharing, inputs = disturbed(build(model, trunk, kind)), sample(kind)
        file = io.BytesIO()
        torch.save(sharing.state_dict(), file)
        file.seek(0)
        other = build(model, trunk, kind).eval()
        other.load_state_dict(torch.load(file, weights_only=True))
        for again in (other, copy.deepcopy(sharing)):
            out = again(inputs)
            assert all(out[name].equal(value) for name, value in sharing(inputs).items())

    def test_one_task_is_legal(self, model: str, trunk: str, kind: str) -> None:
        sharing = build(model, trunk, kind, ("only",))
        assert tuple(sharing(sample(kind))) == ("only",)
        assert sharing.penalty().shape == ()

    def test_mixture_is_a_row_per_task(self, model: str, trunk: str, kind: str) -> None:
        sharing = build(model, trunk, kind)
        sharing(sample(kind))
        mixture = sharing.mixture()
        if mixture is not None:
            assert mixture.dim() == 2
            assert len(mixture) == len(TASKS)
            assert not mixture.requires_grad
        stages = sharing.mixtures()
        assert all(stage.shape == stages[-1].shape for stage in stages)
        assert stages[-1].equal(mixture) if mixture is not None else not stages

    def test_penalty_is_finite_and_not_negative(self, model: str, trunk: str, kind: str) -> None:
        sharing, inputs = disturbed(build(model, trunk, kind)), sample(kind)
        penalty = sharing.penalty([inputs])
        assert penalty.shape == ()
        assert 0 <= penalty.item() < torch.inf
        parts = [some(inputs, slice(0, 2)), some(inputs, slice(2, ROWS))]
        torch.testing.assert_close(sharing.penalty(parts), penalty)  # the rows count, not how they are divided

    def test_gradients_do_not_depend_on_each_other(self, model: str, trunk: str, kind: str) -> None:
        """Two passes in a row give what one gives: nothing is kept from the last batch."""
        sharing, inputs = disturbed(build(model, trunk, kind)), sample(kind)
        once = {name: value.detach().clone() for name, value in sharing(inputs).items()}
        sharing(sample(kind))
        again = sharing(inputs)
        assert all(again[name].equal(value) for name, value in once.items())


def network(model: str, trunk: str = "mlp", kind: str = "flat") -> Network:
    """With heads, one of which sees another's prediction, in evaluation mode."""
    tasks = (regression("first"), binary("second"), classification("third", 4))
    out = Network(build(model, trunk, kind), TaskGraph(tasks).depending({"second": ["first"]}))
    disturbed(out.sharing)
    return out.eval()


EVERY_MODEL_AND_ENCODER = [
    *((model, "mlp", "flat") for model in MODELS),
    *(("gated", trunk, kind) for trunk, kind in FITTING if trunk != "mlp"),
]


@pytest.mark.parametrize(
    ("model", "trunk", "kind"), EVERY_MODEL_AND_ENCODER, ids=map("-".join, EVERY_MODEL_AND_ENCODER)
)
def test_export(model: str, trunk: str, kind: str) -> None:
    """torch.export takes a network of every strategy and every encoder as it is, for any number of rows."""
    whole, inputs, other = network(model, trunk, kind), sample(kind), sample(kind, 9)
    rows = {0: torch.export.Dim("rows", min=2, max=1024)}
    shapes = rows if isinstance(inputs, Tensor) else dict.fromkeys(inputs, rows)
    exported = torch.export.export(whole, (inputs,), dynamic_shapes=(shapes,)).module()
    found = exported(other)
    for name, value in whole(other).items():
        torch.testing.assert_close(found[name], value)


@pytest.mark.parametrize(
    ("model", "trunk", "kind"), EVERY_MODEL_AND_ENCODER, ids=map("-".join, EVERY_MODEL_AND_ENCODER)
)
def test_compile(model: str, trunk: str, kind: str) -> None:
    """torch.compile traces a network of every strategy and every encoder in one piece, with the same values and
    gradients.
    """
    whole, inputs = network(model, trunk, kind), sample(kind)
    torch.compiler.reset()
    # Tracing is what can fail; what comes after it is torch's own, and takes long
    compiled = torch.compile(
        whole, backend="aot_eager" if trunk == "mlp" and model in ("gated", "lora") else "eager", fullgraph=True
    )
    total = torch.stack([value.square().sum() for value in whole(inputs).values()]).sum()
    expected = torch.autograd.grad(total, list(whole.parameters()))
    again = torch.stack([value.square().sum() for value in compiled(inputs).values()]).sum()
    torch.testing.assert_close(again, total)
    torch.testing.assert_close(torch.autograd.grad(again, list(whole.parameters())), expected)


@pytest.mark.parametrize(
    ("model", "norm"), [*((model, "none") for model in MODELS), ("adapters", "per_task"), ("cgc", "batch")]
)
def test_training_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(model: str, norm: str) -> None:
    """Bit for bit, with dropout, noise, running statistics and penalties, from what is written to a file."""
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / "model" / f"{model}.yaml"))

    def fresh(seed: int) -> tuple[Sharing, torch.optim.Optimizer]:
        torch.manual_seed(seed)
        sharing: Sharing = make(node)((6,), TASKS, partial(MLP, widths=[8, 8], norm=norm, dropout=0.2))
        return sharing.train(), torch.optim.Adam(sharing.parameters(), lr=0.01)

    def steps(sharing: Sharing, optimizer: torch.optim.Optimizer) -> None:
        for _ in range(2):
            optimizer.zero_grad()
            inputs = sample("flat")
            total = torch.stack([value.square().mean() for value in sharing(inputs).values()]).sum()
            (total + sharing.penalty([inputs])).backward()
            optimizer.step()

    sharing, optimizer = fresh(0)
    steps(sharing, optimizer)
    file = io.BytesIO()
    torch.save([sharing.state_dict(), optimizer.state_dict(), torch.get_rng_state()], file)
    steps(sharing, optimizer)
    other, again = fresh(1)
    file.seek(0)
    state, moments, noise = torch.load(file, weights_only=True)
    other.load_state_dict(state)
    again.load_state_dict(moments)
    torch.set_rng_state(noise)
    steps(other, again)
    for key, value in sharing.state_dict().items():
        assert other.state_dict()[key].equal(value), key


def same(one: nn.Module, other: nn.Module, inputs: Inputs) -> None:
    """Both give every task the same in evaluation."""
    one.eval()
    other.eval()
    for (_, left), (_, right) in zip(one(inputs).items(), other(inputs).items(), strict=True):
        torch.testing.assert_close(left, right)


@every_pair
class TestLimits:
    """Where the mathematics says that two strategies are one."""

    def test_gated_with_one_expert_is_hard(self, trunk: str, kind: str) -> None:
        gated, hard = build("gated", trunk, kind, experts=1), build("hard", trunk, kind)
        values = dict(gated.experts.copies[0].named_parameters())  # type: ignore[union-attr]
        with torch.no_grad():
            for name, parameter in hard.trunk.named_parameters():  # type: ignore[union-attr]
                parameter.copy_(values[name].view_as(parameter))
        same(gated, hard, sample(kind))

    def test_soft_with_identity_is_single_task(self, trunk: str, kind: str) -> None:
        torch.manual_seed(2)
        soft = build("soft", trunk, kind, alpha="free", own=1.0)
        torch.manual_seed(2)
        single = build("single_task", trunk, kind)
        same(soft, single, sample(kind))

    def test_soft_with_equal_rows_gives_all_the_same(self, trunk: str, kind: str) -> None:
        out = build("soft", trunk, kind, own=0.0)(sample(kind))
        for name in TASKS[1:]:
            torch.testing.assert_close(out[name], out[TASKS[0]])

    def test_residual_is_the_trunk_plus_a_layer_of_its_own(self, trunk: str, kind: str) -> None:
        hard, inputs = build("hard", trunk, kind, residual=True).eval(), sample(kind)
        shared = hard.trunk(inputs)  # type: ignore[operator]
        for name, value in hard(inputs).items():
            own = hard.own[name]  # type: ignore[index]
            assert value.equal(shared + own(shared))

    def test_residual_keeps_the_trunk_shared_and_the_layers_private(self, trunk: str, kind: str) -> None:
        hard = disturbed(build("hard", trunk, kind, residual=True))
        found = reached(hard, sample(kind, 12))
        for name in TASKS:
            own = {id(p) for p in hard.private_parameters(name)}
            assert own == found[name] - set().union(*(found[other] for other in TASKS if other != name))
            assert len(own) == 2


# Strategies that start as one trunk, or as networks apart, with the arguments that make them do so.
START_AS_HARD = {"adapters": {}, "film": {}, "lora": {}}
START_AS_SINGLE = {
    "cross_stitch": {"own": 1.0},
    "nddr": {"own": 1.0},
    "soft_distance": {"strength": 0.0},
    "sluice": {"own": 1.0, "orthogonality": 0.0},
    "ple": {"own": 1, "shared": 0},
    "cgc": {"own": 1, "shared": 0},
}


def seeded(model: str, trunk: str, kind: str, **changes: Any) -> Sharing:
    """Built from one random state, so that encoders built in the same order start with the same values."""
    torch.manual_seed(3)
    return build(model, trunk, kind, **changes)


@every_pair
class TestStarts:
    """What a strategy computes before it has learned anything."""

    @pytest.mark.parametrize("model", START_AS_HARD)
    def test_starts_as_one_trunk(self, model: str, trunk: str, kind: str) -> None:
        same(seeded(model, trunk, kind, **START_AS_HARD[model]), seeded("hard", trunk, kind), sample(kind))

    @pytest.mark.parametrize("model", START_AS_SINGLE)
    def test_starts_as_networks_apart(self, model: str, trunk: str, kind: str) -> None:
        sharing, single = seeded(model, trunk, kind, **START_AS_SINGLE[model]), seeded("single_task", trunk, kind)
        sharing.eval()
        single.eval()
        inputs = sample(kind)
        if model == "sluice":  # mixes its stages besides: all but one thousandth of the last one
            for name, value in sharing(inputs).items():
                torch.testing.assert_close(value, single(inputs)[name], atol=0.01, rtol=0.01)
        else:
            same(sharing, single, inputs)

    @pytest.mark.parametrize("model", ["cgc", "ple"])
    def test_apart_means_nothing_shared(self, model: str, trunk: str, kind: str) -> None:
        sharing = disturbed(build(model, trunk, kind, own=1, shared=0))
        assert list(sharing.shared_parameters()) == list(sharing.last_shared_layer()) == []
        found = reached(sharing, sample(kind, 12))
        for name in TASKS:
            assert {id(p) for p in sharing.private_parameters(name)} == found[name]

    def test_cgc_without_own_experts_is_gated(self, trunk: str, kind: str) -> None:
        cgc, gated = seeded("cgc", trunk, kind, own=0, shared=3), seeded("gated", trunk, kind, experts=3)
        same(cgc, gated, sample(kind))

    def test_sparse_gates_that_choose_all_are_gated(self, trunk: str, kind: str) -> None:
        same(seeded("sparse", trunk, kind, experts=3, select=3), seeded("gated", trunk, kind, experts=3), sample(kind))

    @pytest.mark.parametrize("select", [1, 2])
    def test_sparse_gates_use_no_more_experts_than_they_may(self, trunk: str, kind: str, select: int) -> None:
        sparse = disturbed(build("sparse", trunk, kind, experts=4, select=select))
        for row in range(ROWS):
            sparse(some(sample(kind), slice(row, row + 1)))
            use = sparse.mixture()
            assert use is not None
            assert ((use > 0).sum(1) == select).all()

    def test_decided_selectors_use_no_more_experts_than_they_may(self, trunk: str, kind: str) -> None:
        """Codes far from 0 are binary: at most k experts have any weight, and the penalty is none."""
        sharing = build("dselect_k", trunk, kind, experts=4, select=2, entropy=1.0).train()
        with torch.no_grad():
            for name, parameter in sharing.named_parameters():
                if "code.bias" in name:
                    parameter.copy_(torch.tensor([9.0, -9.0, 9.0, 9.0]))
        sharing(sample(kind))
        use = sharing.mixture()
        assert use is not None
        assert ((use > 0) == torch.tensor([False, True, False, True])).all()
        assert sharing.penalty([sample(kind)]).item() < 1e-3


@pytest.mark.parametrize("model", ["gated", "cgc", "ple", "dselect_k", "sparse", "adatt", "ltb", "aitm"])
@every_pair
def test_use_of_the_experts_sums_to_one(model: str, trunk: str, kind: str) -> None:
    sharing = disturbed(build(model, trunk, kind))
    sharing(sample(kind))
    stages = sharing.mixtures()
    assert stages
    for stage in stages:
        torch.testing.assert_close(stage.sum(1), torch.ones(len(TASKS)))
        assert (stage >= 0).all()


@pytest.mark.parametrize("distance", ["l2", "trace"])
def test_penalty_draws_towers_together(distance: str) -> None:
    sharing = build("soft_distance", "mlp", "flat", strength=1.0, distance=distance)
    before = sharing.penalty().item()
    optimizer = torch.optim.SGD(sharing.parameters(), lr=0.01)
    for _ in range(20):
        optimizer.zero_grad()
        sharing.penalty().backward()
        optimizer.step()
    assert sharing.penalty().item() < before


def test_distances_of_towers_by_hand() -> None:
    rows = torch.tensor([[3.0, 0.0], [0.0, 4.0]])
    assert soft_distance.spread(rows).item() == pytest.approx(2 * (1.5**2 + 2.0**2))
    assert soft_distance.trace_norm(rows).item() == pytest.approx(7.0)
    assert soft_distance.spread(torch.ones(3, 5)).item() == 0.0


def test_balance_is_least_when_all_experts_are_used_alike() -> None:
    """Equal probabilities give the factor itself; a gate that always prefers one expert gives more."""
    sharing = build("sparse", "mlp", "flat", experts=4, select=1, balance=0.5)
    with torch.no_grad():
        for parameter in sharing.gates.parameters():  # type: ignore[union-attr]
            parameter.zero_()
    assert sharing.penalty([sample("flat")]).item() == pytest.approx(0.5)
    with torch.no_grad():
        for gate in sharing.gates.children():  # type: ignore[union-attr]
            gate.bias.copy_(torch.tensor([5.0, 0.0, 0.0, 0.0]))
    assert sharing.penalty([sample("flat")]).item() > 1.5


@pytest.mark.parametrize("model", ["sparse", "dselect_k"])
def test_penalty_can_be_differentiated_after_the_losses(model: str) -> None:
    sharing, inputs = build(model, "mlp", "flat").train(), sample("flat")
    torch.stack([value.sum() for value in sharing(inputs).values()]).sum().backward()
    before = [None if p.grad is None else p.grad.clone() for p in sharing.gates.parameters()]  # type: ignore[union-attr]
    sharing.penalty([inputs]).backward()
    after = [p.grad for p in sharing.gates.parameters()]  # type: ignore[union-attr]
    assert any(not torch.equal(a, b) for a, b in zip(after, before, strict=True) if a is not None and b is not None)


def test_entropy_of_undecided_selectors_by_hand() -> None:
    """Codes of 0 leave all four experts alike: every selector of every task has the entropy log 4."""
    sharing = build("dselect_k", "mlp", "flat", experts=4, select=2, entropy=0.5)
    with torch.no_grad():
        for gate in sharing.gates.children():  # type: ignore[union-attr]
            gate.code.weight.zero_()
            gate.code.bias.zero_()
    expected = 0.5 * len(TASKS) * 2 * log(4)
    assert sharing.penalty([sample("flat")]).item() == pytest.approx(expected, rel=1e-4)


def test_selectors_may_not_choose_a_number_without_expert() -> None:
    """Three experts have numbers of two bits: 11 is nobody's, gets nothing, and is penalised even without entropy."""
    sharing = disturbed(build("dselect_k", "mlp", "flat", experts=3, select=1, entropy=0.0))
    with torch.no_grad():
        for gate in sharing.gates.children():  # type: ignore[union-attr]
            gate.code.weight.zero_()
            gate.code.bias.copy_(torch.tensor([0.25, 9.0]))  # bits 0.84375 and 1: 2 with 0.15625, else nobody
    inputs = sample("flat")
    sharing(inputs)
    use = sharing.mixture()
    assert use is not None
    torch.testing.assert_close(use, torch.tensor([[0.0, 0.0, 0.15625]]).expand(len(TASKS), -1))
    penalty = sharing.penalty([inputs])
    assert penalty.item() == pytest.approx(len(TASKS) * (1 / 0.15625 - 1), rel=1e-4)
    penalty.backward()
    for gate in sharing.gates.children():  # type: ignore[union-attr]
        assert gate.code.bias.grad[0] > 0  # a step down makes the first bit 0, and the number that of an expert


def test_smooth_step() -> None:
    values = torch.tensor([-9.0, -0.5, 0.0, 0.25, 0.5, 9.0], dtype=torch.double, requires_grad=True)
    out = dselect_k.smooth_step(values, 1.0)
    torch.testing.assert_close(out, torch.tensor([0, 0, 0.5, 0.84375, 1, 1], dtype=torch.double))
    (slope,) = torch.autograd.grad(out.sum(), values)
    assert slope[[0, 1, 4, 5]].abs().max() == 0


@pytest.mark.parametrize("model", ["adapters", "lora"])
def test_frozen_trunk_leaves_only_what_is_private(model: str) -> None:
    sharing = build(model, "mlp", "flat", freeze=True)
    assert not any(p.requires_grad for p in sharing.shared_parameters())
    assert all(p.requires_grad for name in TASKS for p in sharing.private_parameters(name))


@pytest.mark.parametrize("model", ["adapters", "film", "lora"])
def test_one_batch_norm_over_several_tasks_is_warned_of(model: str) -> None:
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / "model" / f"{model}.yaml"))
    with pytest.warns(UserWarning, match="encoder.norm=layer"):
        make(node)((6,), TASKS, partial(MLP, widths=[8], norm="batch"))
    make(node)((6,), TASKS, partial(MLP, widths=[8], norm="group"))


def test_branches_follow_the_firmest_choices() -> None:
    sharing = build("ltb", "mlp", "flat", blocks=2)
    assert isinstance(sharing, ltb.LearningToBranch)
    with torch.no_grad():
        sharing.parents[0].copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
        for name, block in zip(TASKS, (0, 1, 1), strict=True):
            sharing.leaves[name][block] = 1.0
    assert sharing.branches() == {"first": [1, 0], "second": [0, 1], "third": [0, 1]}


def test_branching_becomes_firm() -> None:
    sharing = build("ltb", "mlp", "flat", temperature=5.0, final=0.01, half_life=1.0).train()
    with torch.no_grad():
        sharing.leaves["first"][1] = 1.0  # type: ignore[index]
    for _ in range(20):
        sharing(sample("flat"))
    sharing.eval()
    assert isinstance(sharing, ltb.LearningToBranch)
    assert sharing._choice(sharing.leaves["first"])[1] > 0.99


def test_chain_hands_on_in_its_order_only() -> None:
    sharing = disturbed(build("aitm", "mlp", "flat"))
    found = reached(sharing, sample("flat"))
    assert found["first"] < found["second"] < found["third"]


def test_a_later_event_is_not_expected_more_than_the_one_before_it() -> None:
    """The calibrator by hand, its gradient, and through groups of tasks."""
    torch.manual_seed(0)
    tasks = TaskGraph([binary(name) for name in TASKS])
    chain = build("aitm", "mlp", "flat", calibrate=0.6, order=["third", "first", "second"])
    whole = Network(chain, tasks).eval()
    batches = [sample("flat", 4), sample("flat", 2)]
    found = whole.penalty(batches, mean_of_these)
    chances = torch.cat([torch.stack([whole(x)[name].sigmoid() for name in TASKS], 1) for x in batches])
    first, second, third = chances.unbind(1)
    expected = 0.6 * ((first - third).clamp(min=0) + (second - first).clamp(min=0)).mean()
    torch.testing.assert_close(found, expected)
    before = found.item()
    assert before > 0
    optimizer = torch.optim.SGD(whole.parameters(), lr=0.5)
    for _ in range(30):
        optimizer.zero_grad()
        whole.penalty(batches, mean_of_these).backward()
        optimizer.step()
    assert whole.penalty(batches, mean_of_these).item() < 0.2 * before
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / "model" / "aitm.yaml"))
    grouped = Grouped(SHAPES["flat"], TASKS, encoder("mlp"), make(node | {"calibrate": 0.3}), [["third", "first"]])
    assert list(grouped.expectations()) == [("first", "third", 0.3)]


@pytest.mark.parametrize("model", ["ple", "adatt", "mtan", "sluice", "cross_stitch", "nddr", "ltb", "film"])
def test_stages_of_more_and_more_places(model: str) -> None:
    """A convolution of three stages: what is gathered before a stage has more places than what comes after it."""
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / "model" / f"{model}.yaml"))
    sharing: Sharing = make(node)((1, 12, 9), TASKS, partial(Convolution, widths=[8, 8, 8]))
    out = disturbed(sharing)(torch.randn(2, 1, 12, 9))
    assert all(value.shape == (2, 8) and value.isfinite().all() for value in out.values())


GROUPS = [["third", "first"]]


@every_model
def test_groups_share_among_themselves_only(model: str) -> None:
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / "model" / f"{model}.yaml"))
    sharing = disturbed(Grouped(SHAPES["flat"], TASKS, encoder("mlp"), make(node), GROUPS))
    found = reached(sharing, sample("flat", 12))
    assert tuple(sharing(sample("flat"))) == TASKS
    assert not found["second"] & (found["first"] | found["third"])
    assert {id(p) for p in sharing.private_parameters("second")} == found["second"]
    assert {id(p) for p in sharing.shared_parameters()} == found["first"] & found["third"]
    assert {id(p) for p in sharing.last_shared_layer()} <= found["first"] & found["third"]
    assert all((stage[1] * stage[0] == 0).all() for stage in sharing.mixtures())


def test_one_group_of_all_is_the_strategy_itself() -> None:
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / "model" / "gated.yaml"))
    torch.manual_seed(3)
    grouped = Grouped(SHAPES["flat"], TASKS, encoder("mlp"), make(node), [TASKS])
    same(grouped, seeded("gated", "mlp", "flat"), sample("flat"))


@pytest.mark.parametrize(
    ("groups", "complaint"), [([["first", "secnd"]], "second"), ([["first"], ["first", "third"]], "more than one")]
)
def test_wrong_groups_are_one_line(groups: list[list[str]], complaint: str) -> None:
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / "model" / "hard.yaml"))
    with pytest.raises(InputError, match=complaint):
        Grouped(SHAPES["flat"], TASKS, encoder("mlp"), make(node), groups)


@every_pair
def test_gates_of_a_row_sum_to_one(trunk: str, kind: str) -> None:
    """With experts that all answer 1, every task gets 1; and the use over a batch sums to 1."""
    gated = disturbed(build("gated", trunk, kind))
    gated(sample(kind))
    use = gated.mixture()
    assert use is not None
    torch.testing.assert_close(use.sum(1), torch.ones(len(TASKS)))
    soft = build("soft", trunk, kind).mixture()
    assert soft is not None
    torch.testing.assert_close(soft.sum(1), torch.ones(len(TASKS)))


@pytest.mark.parametrize(
    ("model", "changes", "complaint"),
    [
        ("gated", {"experts": 0}, "model.experts=0"),
        ("soft", {"experts": -1}, "model.experts=-1"),
        ("soft", {"alpha": "sofmax"}, "softmax"),
        ("soft_distance", {"distance": "trce"}, "trace"),
        ("soft_distance", {"strength": -1}, "model.strength=-1"),
        ("cross_stitch", {"own": 2}, "model.own=2"),
        ("nddr", {"own": -0.5}, "model.own=-0.5"),
        ("sluice", {"subspaces": 3}, "model.subspaces=3"),
        ("cgc", {"own": 0, "shared": 0}, "at least one"),
        ("ple", {"own": 0}, "model.own=0"),
        ("adatt", {"own": 0}, "model.own=0"),
        ("mtan", {"bottleneck": 0}, "model.bottleneck=0"),
        ("adapters", {"bottleneck": 0}, "model.bottleneck=0"),
        ("lora", {"rank": 0}, "model.rank=0"),
        ("dselect_k", {"experts": 1}, "at least 2"),
        ("dselect_k", {"entropy": -1}, "model.entropy=-1"),
        ("dselect_k", {"select": 9}, "model.select=9"),
        ("sparse", {"select": 9}, "model.select=9"),
        ("ltb", {"final": 9.0}, "final"),
        ("aitm", {"order": ["first", "second"]}, "every task once"),
        ("aitm", {"calibrate": -1}, "model.calibrate=-1"),
        ("aitm", {"order": ["first", "second", "thrd"]}, "third"),
    ],
)
def test_mistakes_are_one_line(model: str, changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build(model, "mlp", "flat", **changes)
