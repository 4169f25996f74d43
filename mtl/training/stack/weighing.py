"""What the weightings of a stack's members make of the losses of a step: the gradients of all members."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from mtl.training.stack.member import Member
from mtl.training.stack.parameters import StackedParameters
from mtl.weighting.base import GradientWeighting, LossWeighting, Step, Weighting


def write_gradients(stack: StackedParameters, members: Sequence[Member], losses: Sequence[Tensor]) -> None:
    """Make the gradients of the stack those that every member's weighting asks for.

    Members that look at the losses alone need one pass through all networks, members that compare gradients one pass
    for each task. One whose weighting fails has no gradient.

    Args:
        stack: the networks' parameters.
        members: all of the first kind, or all of the second.
        losses: ``[R]`` of each task, with their graph.
    """
    values = torch.stack([loss.detach() for loss in losses], 1)  # [R, K]
    if isinstance(members[0].module.weighting, GradientWeighting):
        compare_gradients(stack, members, losses, values)
    else:
        weights = []
        for member, own in zip(members, values.unbind(), strict=True):
            found = member.attempt(partial(weigh, member, own))
            weights.append(torch.zeros_like(own) if found is None else found)
        stack.write_gradients(losses, torch.stack(weights))


def compare_gradients(
    stack: StackedParameters, members: Sequence[Member], losses: Sequence[Tensor], values: Tensor
) -> None:
    """The same for members whose weightings compare the tasks' gradients.

    Where all look at a small last shared layer, K short passes and a whole one are made, as by a run of its own; else K
    whole ones, whose weighted sum is the update.

    Args:
        stack: the networks' parameters.
        members: of the stack.
        losses: ``[R]`` of each task, with their graph.
        values: of the losses, ``[R, K]``.
    """
    asked = [asked_columns(stack, member) for member in members]
    tasks = len(losses)
    short = (
        stack.layer_size * tasks < stack.columns * (tasks - 1)
        and all(columns == stack.layer_columns for columns in asked)
        and all(weighs_private(member) for member in members)
    )
    found = stack.task_gradients(losses, stack.layer if short else None)  # [K, R, P]
    weights, factors = [], []
    for number, (member, columns) in enumerate(zip(members, asked, strict=True)):
        own = found[:, number]  # [K, P]
        compared = own if short else torch.cat([own[:, start:end] for start, end in columns], 1)
        weighting = member.module.weighting
        assert isinstance(weighting, GradientWeighting)
        with torch.no_grad():
            position = member.module.step.state.position
            solution = member.attempt(partial(weighting.solve, compared, values[number], position))
        nothing = torch.zeros_like(values[number])
        solved, factor = (nothing, nothing) if solution is None else solution
        member.module.step.state.weights = solved
        weights.append(solved)
        factors.append(factor)
    by_task, private = torch.stack(weights), torch.stack(factors)  # [R, K]
    if short:
        stack.write_gradients(losses, by_task)
    else:
        stack.write_weighted(found, by_task, private)


def asked_columns(stack: StackedParameters, member: Member) -> list[tuple[int, int]]:
    """Columns of the parameters at which a member's weighting compares gradients."""
    weighting = member.module.weighting
    assert isinstance(weighting, GradientWeighting)
    return stack.layer_columns if weighting.at == "last_shared" else [stack.parts[0]]


def weighs_private(member: Member) -> bool:
    """Whether a member's private gradients get the weights of the shared ones."""
    kind = type(member.module.weighting)
    assert issubclass(kind, GradientWeighting)
    return kind.weights_private and kind.private_factors is GradientWeighting.private_factors


def weigh(member: Member, losses: Tensor) -> Tensor:
    """The factors ``[K]`` of the gradients of a member's losses ``[K]`` in the step under way."""
    state, weighting = member.module.step.state, member.module.weighting
    known = member.weights.get(state.position.tasks or ())
    if known is not None:
        state.weights = known
        return known
    state.weights, found = loss_weights(weighting, losses, state.position)
    if isinstance(weighting, LossWeighting) and weighting.constant and weighting.normalise == "none":
        member.weights[state.position.tasks or ()] = found
    return found


def loss_weights(weighting: Weighting, losses: Tensor, step: Step) -> tuple[Tensor, Tensor]:
    """What a weighting multiplies the gradients of the losses by; parameters of its own get their gradient.

    The losses are handed to it as if they were the shared parameters, so what it writes to their gradient is the
    derivative of its objective by the losses.

    Args:
        weighting: a function of the loss values alone.
        losses: ``[K]``, without a graph.
        step: that they are of.

    Returns:
        The weights as it reports them ``[K]``, and the factors of the gradients ``[K]``.
    """
    for p in weighting.parameters():
        p.grad = None
    leaf = nn.Parameter(losses)
    with torch.enable_grad():
        reported = weighting.backward(leaf.unbind(), [leaf], [[] for _ in losses], step=step)
    assert leaf.grad is not None
    return reported, leaf.grad
