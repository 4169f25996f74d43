"""Norms with statistics of each task's own: rows by their source, trunks by the task that they run for."""

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from mtl.assembly import build
from mtl.config.compose import configure
from mtl.config.factories import instantiate_node
from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.nn.convolution import Convolution
from mtl.nn.encoder import SINGLE, Encoder, InputShape
from mtl.nn.mlp import MLP
from mtl.nn.norm import PerSourceBatchNorm, PerTaskBatchNorm, make_norm
from mtl.nn.tabular import Tabular
from mtl.sharing.base import Sharing
from mtl.suites.tables import tables
from tests.sharing.strategies import reached

CONF = Path(__file__).parents[2] / "conf"
TASKS = ("first", "second", "third")
SOURCES = torch.tensor([0, 1, 0, 0, 1, 1, 0])


def of_each(source: Tensor, hidden: Tensor, norms: list[nn.BatchNorm1d]) -> Tensor:
    """Torch's batch norms, each on the rows of its source."""
    out = torch.empty_like(hidden)
    for number, norm in enumerate(norms):
        out[source == number] = norm(hidden[source == number])
    return out


@pytest.mark.parametrize("own_affine", [True, False])
def test_rows_of_each_source_are_normalised_as_if_alone(own_affine: bool) -> None:
    """Values, gradients, running statistics and evaluation are those of a batch norm for each source."""
    torch.manual_seed(0)
    norm, alone = PerSourceBatchNorm(2, 5, own_affine), [nn.BatchNorm1d(5) for _ in range(2)]
    with torch.no_grad():
        norm.scale.copy_(torch.randn_like(norm.scale))
        norm.shift.copy_(torch.randn_like(norm.shift))
        for number, one in enumerate(alone):
            one.weight.copy_(norm.scale[number % len(norm.scale)])
            one.bias.copy_(norm.shift[number % len(norm.shift)])
    source = nn.functional.one_hot(SOURCES, 2).float()
    for training in (True, True, False):
        norm.train(training)
        _ = [one.train(training) for one in alone]
        hidden = (3 * torch.randn(7, 5) + SOURCES.unsqueeze(1)).requires_grad_()
        found, expected = norm(hidden, source), of_each(SOURCES, hidden, alone)
        torch.testing.assert_close(found, expected)
        into = torch.randn(7, 5)
        scales = [one.weight for one in alone]
        mine, scale = torch.autograd.grad((found * into).sum(), [hidden, norm.scale])
        theirs, *theirs_scale = torch.autograd.grad((expected * into).sum(), [hidden, *scales])
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)
        each = torch.stack(theirs_scale)
        torch.testing.assert_close(scale, each if own_affine else each.sum(0, keepdim=True), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(norm.mean, torch.stack([one.running_mean for one in alone]))  # type: ignore[misc]
    torch.testing.assert_close(norm.variance, torch.stack([one.running_var for one in alone]))  # type: ignore[misc]


def test_a_single_row_of_a_source_is_normalised_by_what_was_seen_before() -> None:
    norm = PerSourceBatchNorm(2, 3, own_affine=True)
    norm.mean[1], norm.variance[1] = 2.0, 4.0
    source = nn.functional.one_hot(torch.tensor([0, 0, 1]), 2).float()
    out = norm(torch.tensor([[1.0] * 3, [3.0] * 3, [6.0] * 3]), source)
    torch.testing.assert_close(out, torch.tensor([[-1.0] * 3, [1.0] * 3, [2.0] * 3]), atol=1e-4, rtol=1e-4)
    assert norm.mean[1].tolist() == [2.0] * 3


def strategy(model: str, encoder: Any, shape: tuple[int, ...] = (6,)) -> Sharing:
    """As a run has it."""
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / "model" / f"{model}.yaml"))
    sharing: Sharing = instantiate_node(node, "model")({SINGLE: shape}, TASKS, encoder)
    return sharing


@pytest.mark.parametrize("model", ["adapters", "film", "lora"])
@pytest.mark.parametrize("norm", ["per_task", "per_task_statistics"])
@pytest.mark.parametrize(("kind", "shape"), [(MLP, (6,)), (Convolution, (1, 6, 5))], ids=["mlp", "convolution"])
class TestTrunkOfSeveralTasks:
    """A trunk that runs once per task."""

    def test_declared_parameters_are_those_that_autograd_finds(
        self, model: str, norm: str, kind: type[Encoder], shape: tuple[int, ...]
    ) -> None:
        sharing = strategy(model, partial(kind, widths=[8, 8], norm=norm), shape)  # type: ignore[call-arg]
        with torch.no_grad():
            for parameter in sharing.parameters():
                parameter += 0.3 * torch.randn_like(parameter)
        found = reached(sharing.eval(), {SINGLE: torch.randn(12, *shape)})
        for name in TASKS:
            others = set().union(*(found[other] for other in TASKS if other != name))
            assert {id(p) for p in sharing.private_parameters(name)} == found[name] - others
        assert {id(p) for p in sharing.shared_parameters()} == found["first"] & found["second"] & found["third"]
        assert {id(p) for p in sharing.last_shared_layer()} <= {id(p) for p in sharing.shared_parameters()}
        assert found["first"] | found["second"] | found["third"] == {id(p) for p in sharing.parameters()}

    def test_statistics_are_those_of_the_task(
        self, model: str, norm: str, kind: type[Encoder], shape: tuple[int, ...]
    ) -> None:
        """Before the tasks' layers have learned anything all see the same; afterwards each norm has seen its own."""
        sharing = strategy(model, partial(kind, widths=[8, 8], norm=norm), shape).train()  # type: ignore[call-arg]
        inputs = {SINGLE: torch.randn(12, *shape)}
        sharing(inputs)
        last = [
            [m.norm for m in sharing.trunks[name].modules() if isinstance(m, PerTaskBatchNorm)][-1] for name in TASKS
        ]  # type: ignore[index]
        assert last[0].running_mean.equal(last[1].running_mean)
        with torch.no_grad():
            for parameter in sharing.private_parameters("second"):
                parameter += torch.randn_like(parameter)
        sharing(inputs)
        assert last[0].running_mean.equal(last[2].running_mean)
        assert not torch.allclose(last[0].running_mean, last[1].running_mean)


@pytest.mark.parametrize("model", ["hard", "single_task", "gated", "ple", "mtan"])
def test_a_trunk_that_runs_once_has_one_distribution(model: str) -> None:
    """There ``per_task`` is ``batch``."""
    outputs = []
    for norm in ("batch", "per_task", "per_task_statistics"):
        torch.manual_seed(0)
        sharing = strategy(model, partial(MLP, widths=[8, 8], norm=norm)).train()
        outputs.append(sharing({SINGLE: torch.linspace(-1, 1, 60).view(10, 6)}))
    for name in TASKS:
        assert all(other[name].equal(outputs[0][name]) for other in outputs[1:])


def test_sources_are_read_by_the_norms_alone() -> None:
    shape: InputShape = {"numbers": (3,), "source": (2,)}
    inputs = {"numbers": torch.randn(7, 3), "source": nn.functional.one_hot(SOURCES, 2).float()}
    torch.manual_seed(0)
    plain, with_source = (Tabular(s, [8], norm="layer") for s in ({"numbers": (3,)}, shape))
    with_source.load_state_dict(plain.state_dict())
    assert with_source(inputs).equal(plain({"numbers": inputs["numbers"]}))
    assert isinstance(make_norm("per_task", 8, sources=2), PerSourceBatchNorm)
    with pytest.raises(InputError, match="reads numbers"):
        Tabular({"source": (2,), "others": (3,)}, [8])


def files(folder: Path) -> dict[str, Any]:
    """Two tables of unlike distributions."""
    for name, centre in (("a", 0.0), ("b", 5.0)):
        x = centre + torch.randn(60, generator=torch.Generator().manual_seed(0)).numpy()
        pd.DataFrame({"x": x, name + "_y": 2 * (x - centre)}).to_csv(folder / f"{name}.csv", index=False)
    return {n: {"path": str(folder / f"{n}.csv"), "targets": {f"{n}_y": "regression"}} for n in "ab"}


def test_tables_tell_where_a_row_comes_from(tmp_path: Path) -> None:
    suite = tables(files(tmp_path), form="columns")
    suite.configure_batches(20, seed=0)
    suite.setup("fit")
    split = suite.splits["train"]
    assert split.inputs["source"].argmax(1).equal(split.targets["a_y"].isnan().long())
    assert suite.input_shape["source"] == (2,)
    unseen = suite.inputs(pd.DataFrame({"x": [0.0], "table": ["c"]}))
    assert unseen["source"].tolist() == [[0.5, 0.5]]


def test_tables_of_unlike_distributions_end_to_end(tmp_path: Path) -> None:
    """One batch norm over two tables is warned of; one of each table's own learns both."""
    given = [f"{n}: {{path: {e['path']}, targets: {{{n}_y: regression}}}}" for n, e in files(tmp_path).items()]
    words = ["task=tables", f"task.tables={{{', '.join(given)}}}", "task.form=columns", "encoder=tabular"]
    words += ["encoder.widths=[8]", "epochs=1", "batch_size=20", "progress=false", f"output={tmp_path}", "threads=1"]
    words += ["execution=none", "model=hard", "weighting=equal"]
    with pytest.warns(UserWarning, match=r"rows of 2 tables .* per_task"):
        build(configure(*words, "encoder.norm=batch"))
    result = train(configure(*words, "encoder.norm=per_task"))
    assert set(result.metrics["test"].tasks) == {"a_y", "b_y"}


@pytest.mark.parametrize("name", ["none", "layer", "group", "batch"])
@pytest.mark.parametrize("middle", [(), (5,), (4, 5)])
def test_norms_take_features_last(name: str, middle: tuple[int, ...]) -> None:
    hidden = torch.randn(6, *middle, 16) * 3 + 1
    norm = make_norm(name, 16, len(middle) + 1)
    out = norm(hidden)
    assert out.shape == hidden.shape
    axes: tuple[int, ...] = {"layer": (-1,), "batch": tuple(range(len(middle) + 1))}.get(name, ())
    if axes:
        assert out.mean(axes).abs().max() < 1e-5
    if name == "group":
        assert out.flatten(1).mean(1).abs().max() < 1e-5
    if name != "batch":
        torch.testing.assert_close(norm(hidden[:2]), out[:2])


@pytest.mark.parametrize("name", ["batch", "per_task", "per_task_statistics"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_single_value_is_normalised_by_running_statistics(name: str, axes: int) -> None:
    norm = make_norm(name, 4, axes)
    shape = (6, *[3] * (axes - 1), 4)
    norm(torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 3 + 1)
    before = {key: value.clone() for key, value in norm.state_dict().items()}
    single = torch.ones(1, *[1] * (axes - 1), 4)
    in_training = norm(single)
    assert all(torch.equal(value, before[key]) for key, value in norm.state_dict().items())
    torch.testing.assert_close(in_training, norm.eval()(single))
