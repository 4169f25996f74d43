"""An ensemble in one network: its members are perceptrons of their own that share a weight matrix."""

from functools import partial
from itertools import pairwise

import pytest
import torch
from torch.nn import functional

from mtl.errors import InputError
from mtl.module.losses import loss_sums
from mtl.network import Network
from mtl.nn.encoder import SINGLE, InputShape
from mtl.nn.piecewise import PiecewiseLinear
from mtl.nn.tabm import MemberLayer, TabM
from mtl.nn.tabular import Tabular
from mtl.sharing.gated import Gated
from mtl.suites.batch import Batch
from mtl.tasks import TaskGraph, binary, classification, labelled, regression

TABLE: InputShape = {"numbers": (3,), "categories": (2,)}
INPUTS = {
    "numbers": torch.randn(5, 3, generator=torch.Generator().manual_seed(0)),
    "categories": torch.tensor([[-1, 0], [0, 1], [1, 2], [2, 0], [9, 0]]),
}


def test_each_member_is_a_layer_with_scaled_weights() -> None:
    layer = MemberLayer(4, 3, 2, "relu", 0.0, torch.randn(2, 4))
    with torch.no_grad():
        for part in (layer.bias, layer.after):
            part.copy_(torch.randn(2, 3))
    hidden = torch.randn(5, 2, 4)
    out = layer(hidden.flatten(0, 1), {}).view(5, 2, 3)
    for m in range(2):
        weight = layer.after[m][:, None] * layer.weight * layer.before[m]
        expected = functional.relu(hidden[:, m] @ weight.T + layer.bias[m])
        torch.testing.assert_close(out[:, m], expected)


def test_members_of_a_sample_are_neighbours_and_unlike() -> None:
    encoder = TabM(TABLE, [8, 6], members=4, values=3)
    encoder.eval()
    out = encoder(INPUTS)
    assert out.shape == (20, 6)
    assert encoder.summary(INPUTS).shape == (20, encoder.summary_features)
    alone = encoder({name: value[2:3] for name, value in INPUTS.items()})
    torch.testing.assert_close(out[8:12], alone)
    assert len(alone.unique(dim=0)) == 4


def test_a_missing_number_says_so_and_reaches_no_gradient() -> None:
    encoder = TabM({SINGLE: (3,)}, [8], members=2, dropout=0.0)
    missing = {SINGLE: torch.tensor([[0.0, torch.nan, 0.0]])}
    encoder(missing).sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in encoder.parameters())
    assert not torch.allclose(encoder(missing), encoder({SINGLE: torch.zeros(1, 3)}))


@pytest.mark.parametrize("bins", [2, 5, 48])
def test_curves_are_linear_within_bins_and_go_on_beyond_them(bins: int) -> None:
    curve = PiecewiseLinear(1, bins, 1)
    with torch.no_grad():
        curve.curves.copy_(torch.randn(1, bins, 1))
    edges = curve.edges
    assert len(edges) == bins + 1
    assert (edges.diff() > 0).all()
    inner = edges.clone()
    inner[0], inner[-1] = edges[0] - 5, edges[-1] + 5
    for low, high in pairwise(inner):
        ends = curve(torch.stack([low, (low + high) / 2, high])[:, None])[:, 0, 0]
        torch.testing.assert_close(ends[1], (ends[0] + ends[2]) / 2, rtol=1e-4, atol=1e-4)
    chance = torch.special.ndtr(edges[1:-1])
    torch.testing.assert_close(chance, torch.arange(1, bins) / bins)


def test_one_member_that_scales_nothing_is_a_perceptron_over_the_same_vectors() -> None:
    member, perceptron = TabM(TABLE, [8, 6], 1, 4, 5, 3), Tabular(TABLE, [8, 6], 5, 3, bins=4)
    with torch.no_grad():
        for value in (*perceptron.parameters(), *member.parameters()):
            value.copy_(torch.randn_like(value))
        for stage, layer in zip(member.stages, perceptron.stages, strict=True):
            stage.before.fill_(1), stage.after.fill_(1)
            stage.weight.copy_(layer.linear.weight), stage.bias.copy_(layer.linear.bias[None])
        for one, other in ((member.curves, perceptron.curves), (member.embeddings, perceptron.embeddings)):
            assert one is not None
            assert other is not None
            one.load_state_dict(other.state_dict())
    missing = {**INPUTS, "numbers": INPUTS["numbers"].masked_fill(torch.eye(5, 3).bool(), torch.nan)}
    for inputs in (INPUTS, missing):
        torch.testing.assert_close(member.eval()(inputs), perceptron(inputs))


def test_predictions_are_means_over_members() -> None:
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)) * 5
    torch.testing.assert_close(torch.sigmoid(binary("a").merge(logits)), torch.sigmoid(logits).mean(1))
    scores = torch.randn(6, 4, 3, generator=torch.Generator().manual_seed(0)) * 5
    torch.testing.assert_close(classification("a", 3).merge(scores).softmax(-1), scores.softmax(-1).mean(1))
    torch.testing.assert_close(regression("a").merge(logits), logits.mean(1))
    assert binary("a").merge(torch.full((1, 2), 200.0)).isfinite().all()


def test_each_member_learns_by_its_own_loss_and_evaluation_takes_the_mean() -> None:
    graph = TaskGraph((binary("a"), regression("b")))
    encoder = partial(TabM, widths=[8, 6], members=3, dropout=0.0)
    network = Network(Gated(TABLE, graph.names, encoder), graph)
    targets = {"a": torch.tensor([0, 1, torch.nan, 1, 0]), "b": torch.randn(5)}
    each = network(INPUTS)
    sums = loss_sums(graph, each, Batch(INPUTS, targets))
    of_members = [
        [task.losses(each[name].view(5, 3)[:, m], targets[name], labelled(targets[name])).sum() for m in range(3)]
        for name, task in ((task.name, task) for task in graph.tasks)
    ]
    for total, members in zip(sums, of_members, strict=True):
        torch.testing.assert_close(total, torch.stack(members).mean())
    merged = network.eval()(INPUTS)
    torch.testing.assert_close(merged["b"], each["b"].view(5, 3).mean(1))
    torch.testing.assert_close(torch.sigmoid(merged["a"]), torch.sigmoid(each["a"]).view(5, 3).mean(1))


def test_sizes_below_one_are_refused() -> None:
    for options in ({"members": 0}, {"bins": 1}, {"embedding": 0}):
        with pytest.raises(InputError, match="encoder"):
            TabM(TABLE, [8], **options)
    with pytest.raises(InputError, match=r"encoder=tabm reads numbers \(F,\) and categories \(C,\)"):
        TabM({"tokens": (None,)}, [8])
