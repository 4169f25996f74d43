"""Build many schedules at once with a policy."""

from collections.abc import Callable

import torch
from torch import Tensor

from mtl.suites.scheduling.features import features
from mtl.suites.scheduling.simulator import Simulator

# The present states of N shops to one score per job, [N, J]: higher is sooner. Only scores of legal jobs count.
Policy = Callable[[Simulator], Tensor]


def network_policy(score: Callable[[dict[str, Tensor]], Tensor]) -> Policy:
    """The policy of a network: ``score`` maps :func:`features` to one logit per candidate ``[N, W]``."""

    def policy(simulator: Simulator) -> Tensor:
        inputs = features(simulator)
        jobs, mask = simulator.candidates()
        scores = score(inputs).float().masked_fill(~mask, -torch.inf)
        return torch.full_like(simulator.est, -torch.inf).scatter_(1, jobs, scores)

    return policy


class RulePolicy:
    """The policy of a rule: the score of a candidate is the sum of its features, weighted by the rule.

    Args:
        rule: ``[F]``.

    Attributes:
        rule: the same, by which compiled loops can do what a call does.
    """

    def __init__(self, rule: Tensor) -> None:
        self.rule = rule
        self._policy = network_policy(lambda inputs: (inputs["candidates"] * rule).sum(-1))

    def __call__(self, simulator: Simulator) -> Tensor:
        """Scores of the jobs, ``[N, J]``."""
        return self._policy(simulator)


@torch.no_grad()
def rollout(
    policy: Policy, simulator: Simulator, generator: torch.Generator | None = None, temperature: float = 1.0
) -> Simulator:
    """Let ``policy`` finish every schedule of ``simulator``; where there is no choice it is not asked.

    Greedy without a ``generator``; with one, jobs are drawn with probabilities ``softmax(scores / temperature)`` (the
    same generator state gives the same schedules). For S samples of each shop start from
    ``Simulator(shops.take(torch.arange(len(shops)).repeat_interleave(S)))``.

    Args:
        policy: scores of the candidates.
        simulator: partly built schedules; they are completed in place.
        generator: of the random numbers; None: greedy.
        temperature: of the draws.

    Returns:
        ``simulator``, done: see its ``makespan``, ``starts``, ``utilisation``.
    """
    simulator.advance()
    while not simulator.done.all():
        scores = policy(simulator)
        if generator is not None:
            # Adding Gumbel noise and taking the largest is drawing from the softmax.
            noise = torch.empty_like(scores).exponential_(generator=generator)
            scores = scores / temperature - noise.log()
        simulator.dispatch(scores.masked_fill(~simulator.legal, -torch.inf).argmax(1))
        simulator.advance()
    return simulator
