"""Every strategy of conf/model on every encoder of conf/encoder that fits: what holds for each of them."""

import io
from functools import partial

import pytest
import torch

from mtl.errors import InputError
from mtl.network import Network
from mtl.nn.convolution import Convolution
from mtl.nn.encoder import SINGLE
from mtl.nn.mlp import MLP
from mtl.sharing.base import Sharing
from mtl.sharing.grouped import Grouped
from mtl.tasks import TaskGraph, binary, classification, regression
from mtl.testing import strategies as checks
from mtl.testing.strategies import SHARING_CHECKS, TASKS, disturbed, reached
from tests.sharing.strategies import (
    ALL_FITTING,
    FITTING,
    MODELS,
    SHAPES,
    build,
    encoder,
    every_model,
    options,
    sample,
    strategy,
)


@pytest.mark.parametrize("name", options("encoder"))
def test_every_encoder_reads_some_kind_of_input(name: str) -> None:
    """So that the suites below run on it; skipped, and named, is one whose library is not installed."""
    if name in dict(ALL_FITTING):
        return
    for shape in SHAPES.values():
        with pytest.raises(InputError) as refused:
            encoder(name)(shape)
        if "pip install" in str(refused.value) or "does not fit this torch" in str(refused.value):
            pytest.skip(str(refused.value))
    pytest.fail(f"encoder={name} reads none of {', '.join(SHAPES)}")


# Texts take no number beside their tokens: test_conditioned.py has the refusal
PAIRS = [
    (model, trunk, kind) for model in MODELS for trunk, kind in FITTING if (model, kind) != ("conditioned", "text")
]


@pytest.mark.parametrize(("model", "trunk", "kind"), PAIRS, ids=map("-".join, PAIRS))
def test_every_strategy(model: str, trunk: str, kind: str) -> None:
    """What users' own strategies are tested by, too."""
    ordered = "order" in strategy(model).keywords
    for check in SHARING_CHECKS:
        # A chain of tasks, which is not the order in which they are named
        chain = ordered and check is checks.order_of_the_tasks_is_only_the_order_of_the_answers
        changed = {"order": list(TASKS)} if chain else {}
        torch.default_generator.manual_seed(0)
        check(partial(build, model, trunk, kind, **changed), partial(sample, kind))


TWO_STAGES = partial(MLP, widths=[8, 6])


def network(model: str, trunk: str = "mlp", kind: str = "flat") -> Network:
    """With heads, one of which sees another's prediction, in evaluation mode. Of two stages: more are traced alike."""
    tasks = (regression("first"), binary("second"), classification("third", 4))
    sharing = build(model, trunk, kind) if trunk != "mlp" else strategy(model)(SHAPES[kind], TASKS, TWO_STAGES)
    out = Network(sharing, TaskGraph(tasks).depending({"second": ["first"]}))
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
    shapes = dict.fromkeys(inputs, rows)
    exported = torch.export.export(whole, (inputs,), dynamic_shapes=(shapes,)).module()
    found = exported(other)
    for name, value in whole(other).items():
        torch.testing.assert_close(found[name], value)


# Traced as another one: adapters, which also put layers behind the stages, and lora, which also moves the weights
ALIKE = ("film", "mtl_lora", "star")
TRACED = [case for case in EVERY_MODEL_AND_ENCODER if case[0] not in ALIKE]


@pytest.mark.parametrize(("model", "trunk", "kind"), TRACED, ids=map("-".join, TRACED))
def test_compile(model: str, trunk: str, kind: str) -> None:
    """torch.compile traces a network of every kind of strategy and every encoder in one piece, with the same values and
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

    def fresh(seed: int) -> tuple[Sharing, torch.optim.Optimizer]:
        torch.manual_seed(seed)
        sharing: Sharing = strategy(model)(SHAPES["flat"], TASKS, partial(MLP, widths=[8, 8], norm=norm, dropout=0.2))
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


@every_model
@pytest.mark.parametrize("norm", ["none", "per_task"])
def test_tasks_may_be_called_like_methods_of_modules(model: str, norm: str) -> None:
    """Names change nothing: the same initial values give the same representations, of each task in its place."""
    odd = ("train", "items", "type")
    x = sample("flat")
    found = []
    for names in (TASKS, odd):
        torch.manual_seed(0)
        sharing: Sharing = strategy(model)(SHAPES["flat"], names, partial(MLP, widths=[8, 8], norm=norm))
        sharing.load_state_dict(sharing.eval().state_dict())
        found.append([sharing(x)[name] for name in names])
        private = [list(sharing.private_parameters(name)) for name in names]
        assert len({id(p) for one in private for p in one}) == sum(map(len, private))
    for plain, named in zip(*found, strict=True):
        assert torch.equal(plain, named)


@every_model
def test_stages_of_more_and_more_positions(model: str) -> None:
    """A convolution of three stages: a state has more positions than what comes after it."""
    shape, encoder = {SINGLE: (1, 12, 9)}, partial(Convolution, widths=[8, 8, 8])
    out = disturbed(strategy(model)(shape, TASKS, encoder))({SINGLE: torch.randn(2, 1, 12, 9)})
    assert all(value.shape == (2, 8) and value.isfinite().all() for value in out.values())


GROUPS = [["third", "first"]]


@every_model
def test_groups_share_among_themselves_only(model: str) -> None:
    sharing = disturbed(Grouped(SHAPES["flat"], TASKS, encoder("mlp"), strategy(model), GROUPS))
    found = reached(sharing, sample("flat", 12))
    assert tuple(sharing(sample("flat"))) == TASKS
    assert not found["second"] & (found["first"] | found["third"])
    assert {id(p) for p in sharing.private_parameters("second")} == found["second"]
    assert {id(p) for p in sharing.shared_parameters()} == found["first"] & found["third"]
    assert {id(p) for p in sharing.last_shared_layer()} <= found["first"] & found["third"]
    assert all((stage[1] * stage[0] == 0).all() for stage in sharing.mixtures())
