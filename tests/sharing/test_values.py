"""Representations by the formula of each paper, number by number, on two layers of a perceptron."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from mtl.nn.encoder import SINGLE
from mtl.nn.mlp import MLP
from mtl.sharing.base import Sharing
from mtl.testing.strategies import TASKS, disturbed
from tests.sharing.strategies import strategy

FEATURES, WIDTHS = 6, (4, 4)
Outputs = dict[str, Tensor]


def layer(stage: Any, hidden: Tensor, copy: int | None = None) -> Tensor:
    """``relu(W h + b)`` of a stage; of one of several copies whose parameters are stacked."""
    weight, bias = stage.linear.weight, stage.linear.bias
    if copy is not None:
        weight, bias = weight[copy], bias[copy]
    return (hidden @ weight.T + bias).clamp(min=0)


def network(encoder: Any, x: Tensor, copy: int | None = None) -> Tensor:
    """Both layers."""
    return layer(encoder.stages[1], layer(encoder.stages[0], x, copy), copy)


def shares(logits: Tensor) -> Tensor:
    """Softmax along the last axis."""
    powers = torch.exp(logits)
    return powers / powers.sum(-1, keepdim=True)


def affine(linear: Any, x: Tensor) -> Tensor:
    """``V x + b``."""
    out: Tensor = x @ linear.weight.T + linear.bias
    return out


def hard(one: Any, x: Tensor) -> Outputs:
    return dict.fromkeys(TASKS, network(one.trunk, x))


def single_task(one: Any, x: Tensor) -> Outputs:
    return {name: network(one.encoders[name], x) for name in TASKS}


def soft(one: Any, x: Tensor) -> Outputs:
    experts = [network(one.experts.encoder, x, e) for e in range(3)]
    alpha = shares(one.alpha)
    return {name: sum_of(alpha[i, e] * experts[e] for e in range(3)) for i, name in enumerate(TASKS)}


def conditioned(one: Any, x: Tensor) -> Outputs:
    """The preference, here the uniform one, behind the inputs."""
    return dict.fromkeys(TASKS, network(one.trunk, torch.cat([x, torch.full((len(x), 3), 1 / 3)], 1)))


def sparse(one: Any, x: Tensor) -> Outputs:
    """The two highest of four gates, row by row."""
    experts = [network(one.experts.encoder, x, e) for e in range(4)]
    out = {}
    for name in TASKS:
        logits = affine(one.gates[name], x)
        rows = []
        for row, scores in enumerate(logits):
            first, second = sorted(range(4), key=lambda e: -float(scores.detach()[e]))[:2]
            share = torch.sigmoid(scores[first] - scores[second])
            rows.append(share * experts[first][row] + (1 - share) * experts[second][row])
        out[name] = torch.stack(rows)
    return out


def dselect_k(one: Any, x: Tensor) -> Outputs:
    """Two selectors, each of which writes the number of one of four experts in two bits."""
    experts = [network(one.experts.encoder, x, e) for e in range(4)]
    out = {}
    for name in TASKS:
        gate = one.gates[name]
        bits = affine(gate.code, x)  # [B, 2 selectors * 2 bits]
        steps = torch.where(bits <= -0.5, 0.0, torch.where(bits >= 0.5, 1.0, -2 * bits**3 + 1.5 * bits + 0.5))
        counts = shares(affine(gate.share, x))
        total = torch.zeros(len(x), WIDTHS[-1])
        for s in range(2):
            low, high = steps[:, 2 * s], steps[:, 2 * s + 1]
            chances = [(1 - low) * (1 - high), low * (1 - high), (1 - low) * high, low * high]
            for chance, expert in zip(chances, experts, strict=True):
                total = total + (counts[:, s] * chance).unsqueeze(1) * expert
        out[name] = total
    return out


def ltb(one: Any, x: Tensor) -> Outputs:
    """Without noise, at the temperature of the beginning."""
    blocks = [layer(one.towers.encoder.stages[0], x, c) for c in range(3)]
    parents = shares(one.parents[0] / 5.0)
    read = [sum_of(parents[c, p] * blocks[p] for p in range(3)) for c in range(3)]
    blocks = [layer(one.towers.encoder.stages[1], read[c], c) for c in range(3)]
    out = {}
    for name in TASKS:
        leaf = shares(one.leaves[name] / 5.0)
        out[name] = sum_of(leaf[c] * blocks[c] for c in range(3))
    return out


def gated(one: Any, x: Tensor) -> Outputs:
    experts = [network(one.experts.encoder, x, e) for e in range(4)]
    out = {}
    for name in TASKS:
        gate = shares(affine(one.gates[name], x))
        out[name] = sum_of(gate[:, e : e + 1] * experts[e] for e in range(4))
    return out


def cgc(one: Any, x: Tensor) -> Outputs:
    out = {}
    for name in TASKS:
        own = [network(one.task_experts[name].encoder, x, 0)]
        experts = own + [network(one.shared_experts[0].encoder, x, e) for e in range(2)]
        gate = shares(affine(one.gates[name], x))
        out[name] = sum_of(gate[:, e : e + 1] * experts[e] for e in range(3))
    return out


def ple(one: Any, x: Tensor) -> Outputs:
    """One expert of each task's own and one for all, at both stages."""
    common = next(group for group in one.experts if group not in TASKS)
    groups = [*TASKS, common]
    states = dict.fromkeys(groups, x)
    for index in range(2):
        experts = {g: layer(one.experts[g].encoder.stages[index], states[g], 0) for g in groups}
        mixed = {}
        for group in groups if index == 0 else TASKS:
            sources = groups if group == common else [group, common]
            gate = one.gates[index][group].groups
            weights = shares(torch.cat([affine(gate[source], states[group]) for source in sources], 1))
            mixed[group] = sum_of(weights[:, e : e + 1] * experts[source] for e, source in enumerate(sources))
        states = mixed
    return states


def adatt(one: Any, x: Tensor) -> Outputs:
    """One expert for each task: its own way, and what the others know."""
    states = dict.fromkeys(TASKS, x)
    for index in range(2):
        stage = one.experts.encoder.stages[index]
        experts = {name: layer(stage, states[name], i) for i, name in enumerate(TASKS)}
        fused = {}
        for name in TASKS:
            gate = one.gates[index][name].groups
            weights = shares(torch.cat([affine(gate[other], states[name]) for other in TASKS], 1))
            known = sum_of(weights[:, e : e + 1] * experts[other] for e, other in enumerate(TASKS))
            fused[name] = known + one.native[index][name][0] * experts[name]
        states = fused
    return states


def cross_stitch(one: Any, x: Tensor) -> Outputs:
    states = [x, x, x]
    for index in range(2):
        towers = [layer(one.towers.encoder.stages[index], states[j], j) for j in range(3)]
        states = [sum_of(one.stitch[index, i, j] * towers[j] for j in range(3)) for i in range(3)]
    return dict(zip(TASKS, states, strict=True))


def nddr(one: Any, x: Tensor) -> Outputs:
    """``sum_j h_j W_ij + b_i``."""
    states = [x, x, x]
    for index in range(2):
        towers = [layer(one.towers.encoder.stages[index], states[j], j) for j in range(3)]
        fusions = [one.fusions[index][name] for name in TASKS]
        states = [sum_of(towers[j] @ f.sources[j] for j in range(3)) + f.bias for f in fusions]
    return dict(zip(TASKS, states, strict=True))


def sluice(one: Any, x: Tensor) -> Outputs:
    """Halves of the features flow between the tasks; each task mixes its two stages."""
    states, seen = [x, x, x], []
    for index in range(2):
        towers = [layer(one.towers.encoder.stages[index], states[j], j) for j in range(3)]
        halves = [tower[:, :2] for tower in towers], [tower[:, 2:] for tower in towers]
        a = one.spaces[index]
        states = [
            torch.cat([sum_of(a[i, g, j, f] * halves[f][j] for j in range(3) for f in range(2)) for g in range(2)], 1)
            for i in range(3)
        ]
        seen.append(states)
    out = {}
    for i, name in enumerate(TASKS):
        beta = shares(one.betas[name])
        out[name] = beta[0] * seen[0][i] + beta[1] * seen[1][i]
    return out


def mtan(one: Any, x: Tensor) -> Outputs:
    first = layer(one.trunk.stages[0], x)
    second = layer(one.trunk.stages[1], first)
    out = {}
    for name in TASKS:
        low, high = one.private[name]
        gathered = torch.sigmoid(affine(low.mask, affine(low.read, first).clamp(min=0))) * first
        seen = torch.cat([second, gathered], 1)
        out[name] = torch.sigmoid(affine(high.mask, affine(high.read, seen).clamp(min=0))) * second
    return out


def adapters(one: Any, x: Tensor) -> Outputs:
    out = {}
    for name in TASKS:
        hidden = x
        for stage, own in zip(one.trunks.trunk.stages, one.private[name], strict=True):
            hidden = layer(stage, hidden)
            hidden = hidden + affine(own.up, affine(own.down, hidden).clamp(min=0))
        out[name] = hidden
    return out


def film(one: Any, x: Tensor) -> Outputs:
    out = {}
    for name in TASKS:
        hidden = x
        for stage, own in zip(one.trunks.trunk.stages, one.private[name], strict=True):
            hidden = own.scale * layer(stage, hidden) + own.shift
        out[name] = hidden
    return out


def lora(one: Any, x: Tensor) -> Outputs:
    out = {}
    for name in TASKS:
        hidden = x
        for stage, own in zip(one.trunks.trunk.stages, one.private[name], strict=True):
            moved = hidden @ stage.linear.weight.T + (hidden @ own.down.T) @ own.up.T
            hidden = (moved + stage.linear.bias).clamp(min=0)
        out[name] = hidden
    return out


def aitm(one: Any, x: Tensor) -> Outputs:
    out = {TASKS[0]: network(one.encoders[TASKS[0]], x)}
    for before, name in pairwise(TASKS):
        own, transfer = network(one.encoders[name], x), one.transfers[name]
        both = [own, affine(transfer.hand_on, out[before]).clamp(min=0)]
        scores = [(affine(transfer.query, u) * affine(transfer.key, u)).sum(1) / WIDTHS[-1] ** 0.5 for u in both]
        weights = shares(torch.stack(scores, 1))
        out[name] = sum_of(weights[:, u : u + 1] * affine(transfer.value, both[u]) for u in range(2))
    return out


def sum_of(terms: Any) -> Tensor:
    """Of tensors."""
    return torch.stack(list(terms)).sum(0)


REFERENCES: dict[str, Callable[[Any, Tensor], Outputs]] = {
    "adapters": adapters,
    "adatt": adatt,
    "aitm": aitm,
    "cgc": cgc,
    "conditioned": conditioned,
    "cross_stitch": cross_stitch,
    "dselect_k": dselect_k,
    "film": film,
    "gated": gated,
    "hard": hard,
    "lora": lora,
    "ltb": ltb,
    "mtan": mtan,
    "nddr": nddr,
    "ple": ple,
    "single_task": single_task,
    "sluice": sluice,
    "soft": soft,
    "sparse": sparse,
}
CASES = list(REFERENCES)


@pytest.mark.parametrize("name", CASES)
def test_representations_are_those_of_the_formula(name: str) -> None:
    torch.manual_seed(0)
    one = disturbed(strategy(name)({SINGLE: (FEATURES,)}, TASKS, partial(MLP, widths=WIDTHS)))
    assert isinstance(one, Sharing)
    x = torch.randn(5, FEATURES)
    found, expected = one({SINGLE: x}), REFERENCES[name](one, x)
    different = {tuple(value.flatten().tolist()) for value in found.values()}
    assert len(different) == (1 if name in ("hard", "conditioned") else len(TASKS))
    for task in TASKS:
        torch.testing.assert_close(found[task], expected[task], rtol=1e-5, atol=1e-6)


def by_gates(one: Any, x: Tensor) -> Tensor:
    """Means over the rows of a softmax for each task."""
    return torch.stack([shares(affine(one.gates[name], x)).mean(0) for name in TASKS])


def by_sparse_gates(one: Any, x: Tensor) -> Tensor:
    """Of the two highest of four."""
    rows = []
    for name in TASKS:
        logits = affine(one.gates[name], x)
        rest = logits < logits.sort(1, descending=True).values[:, 1:2]
        rows.append(shares(logits.masked_fill(rest, -torch.inf)).mean(0))
    return torch.stack(rows)


def by_stem(one: Any, x: Tensor) -> Tensor:
    """The shared encoder first."""
    logits = [torch.cat([affine(one.shared_gates[n], x), affine(one.gates[n], x)], 1) for n in TASKS]
    return torch.stack([shares(each).mean(0) for each in logits])


def by_sluice(one: Any, x: Tensor) -> Tensor:
    """Of a tower, the mean over the task's two subspaces of what both of the tower give."""
    a = one.spaces[-1]
    return torch.stack([torch.stack([a[i, :, j].sum() / 2 for j in range(3)]) for i in range(3)])


def by_aitm(one: Any, x: Tensor) -> Tensor:
    """The attention on a task's own features and on those of the task before; the first one has only its own."""
    out, rows = aitm(one, x), [torch.tensor([1.0, 0.0])]
    for before, name in pairwise(TASKS):
        transfer = one.transfers[name]
        both = [network(one.encoders[name], x), affine(transfer.hand_on, out[before]).clamp(min=0)]
        scores = [(affine(transfer.query, u) * affine(transfer.key, u)).sum(1) / WIDTHS[-1] ** 0.5 for u in both]
        rows.append(shares(torch.stack(scores, 1)).mean(0))
    return torch.stack(rows)


# How much each task draws on each expert, of the last stage
MIXTURES: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "aitm": by_aitm,
    "cgc": by_gates,
    "cross_stitch": lambda one, _: one.stitch[-1],
    "gated": by_gates,
    "ltb": lambda one, _: torch.stack([shares(one.leaves[name] / 5.0) for name in TASKS]),
    "sluice": by_sluice,
    "soft": lambda one, _: shares(one.alpha),
    "sparse": by_sparse_gates,
    "stem": by_stem,
}


@pytest.mark.parametrize("name", MIXTURES)
def test_what_tasks_draw_on_experts_is_told(name: str) -> None:
    """On average over the rows of the last batch; without a gradient."""
    torch.manual_seed(0)
    one = disturbed(strategy(name)({SINGLE: (FEATURES,)}, TASKS, partial(MLP, widths=WIDTHS)))
    one({SINGLE: torch.randn(7, FEATURES)})
    x = torch.randn(5, FEATURES)
    one({SINGLE: x})
    found = one.mixtures()[-1]
    assert not found.requires_grad
    torch.testing.assert_close(found, MIXTURES[name](one, x).detach(), rtol=1e-5, atol=1e-6)
