"""Decoders: from scores of candidates to complete schedules."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from typing_extensions import override

from mtl.agent.environments.scheduling.noise import gumbel
from mtl.agent.environments.scheduling.seeds import check_seed
from mtl.errors import InputError
from mtl.suites.scheduling.demand_rules import simulator_for
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.mirror import mirrored, read_backwards
from mtl.suites.scheduling.plans import Plans
from mtl.suites.scheduling.rollout import Policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from mtl.suites.scheduling.unpacking import padded, shop_of

# Features look at every operation of the shop for every candidate. So many numbers at once stay below about 1 GB.
_LARGEST_CHUNK = 8_000_000


def rows_at_once(shops: Shops) -> int:
    """How many schedules of this size are built at once so that their features fit into memory: at least 1."""
    _, machines, slots = shops.place.shape
    return max(1, _LARGEST_CHUNK // (shops.durations.shape[1] * slots * machines))


class Decoder(ABC):
    """Builds a schedule of each shop with a policy."""

    @property
    @abstractmethod
    def label(self) -> str:
        """What reports call it."""

    def parts(self) -> Mapping[str, "Decoder"]:
        """Decoders to be reported beside it, by name: what it is made of and improves on. None by default."""
        return {}

    def check(self, instance: JobShop) -> None:  # noqa: B027
        """InputError if it cannot schedule such a shop. Every decoder can by default."""

    def check_dispatchers(self) -> None:  # noqa: B027
        """InputError if the agent has too few dispatchers for it. One is enough by default."""

    def beside(self, others: Sequence[Policy], scale: float = 1.0) -> "Decoder":
        """The same decoder, which may also use further policies of the agent. By default it does not.

        Args:
            others: the agent's policies beside the one that it is given.
            scale: by which their scores would have to be multiplied to be as far apart as those of that one.

        Returns:
            The decoder.
        """
        return self

    @abstractmethod
    def decode(self, policy: Policy, shops: Shops) -> Tensor:
        """Build one schedule per shop.

        Args:
            policy: scores the candidates.
            shops: N job shops.

        Returns:
            Start times ``[N, J, K]`` by operation.
        """

    def build(self, policy: Policy, shops: Shops) -> Plans:
        """Build one schedule per shop, also where several machines can do an operation.

        Args:
            policy: scores the candidates.
            shops: N job shops.

        Returns:
            Start times and machines.

        Raises:
            InputError: there are alternative machines, and this decoder does not choose among them.
        """
        if shops.alternatives is not None:
            raise InputError(f"the decoder '{self.label}' does not choose machines: take decoder=greedy or sample")
        return Plans(self.decode(policy, shops), shops.machines)


class ChoosingDecoder(Decoder):
    """A decoder that also chooses machines, where several can do an operation."""

    @override
    def decode(self, policy: Policy, shops: Shops) -> Tensor:
        return self.build(policy, shops).starts


class Greedy(ChoosingDecoder):
    """Always the candidate with the highest score; of equals the one with the lowest job number.

    An agent that has several dispatchers builds a schedule with each; the one that costs least by the objective of the
    shop stays, of equals that of the first.

    Args:
        rows: most schedules to build at once; default: what fits into about 1 GB.
        network: whether the dispatcher that asks the network is one of those; without it a plan of a large shop is
            there in half the time.
        mirror: whether every dispatcher also schedules the shop from its end to its start
            (:mod:`mtl.suites.scheduling.mirror`), where there are no constraints and alternatives.

    Raises:
        InputError: as it builds, if there is no other dispatcher and the network is left out.
    """

    def __init__(self, rows: int | None = None, *, network: bool = True, mirror: bool = False) -> None:
        self.rows, self.network, self.mirror = check_rows(rows), network, mirror
        self.others: tuple[Policy, ...] = ()

    @property
    @override
    def label(self) -> str:
        count = len(self.others) + self.network
        what = "dispatchers" if self.network else "rules"
        ends = " from both ends of plain shops" if self.mirror else ""
        return f"best of {count} {what}{ends}" if count > 1 else f"greedy{ends}"

    @override
    def beside(self, others: Sequence[Policy], scale: float = 1.0) -> Decoder:
        decoder = Greedy(self.rows, network=self.network, mirror=self.mirror)
        decoder.others = tuple(others)
        return decoder

    @override
    def build(self, policy: Policy, shops: Shops) -> Plans:
        parts = chunks(len(shops), self.rows or rows_at_once(shops))
        return join_plans([self._from_both_ends(policy, shops.take(part)) for part in parts])

    def _from_both_ends(self, policy: Policy, shops: Shops) -> Plans:
        plans, costs = self._best(policy, shops)
        if self.mirror and shops.constraints is None and shops.alternatives is None:
            instances = [shop_of(shops, row) for row in range(len(shops))]
            built, lengths = self._best(policy, Shops.pack([mirrored(one) for one in instances]))
            for row in (lengths < costs).nonzero().squeeze(1).tolist():
                starts = built.starts[row][: instances[row].jobs, : instances[row].durations.shape[1]]
                plans.starts[row] = padded(read_backwards(instances[row], starts.round().long().numpy()), shops)
        return plans

    def _best(self, policy: Policy, shops: Shops) -> tuple[Plans, Tensor]:
        first, *others = self._policies(policy)
        best = rollout(first, simulator_for(first, shops))
        plans, costs = best.plans, best.cost
        for other in others:
            built = rollout(other, simulator_for(other, shops))
            shorter = built.cost < costs
            where = shorter[:, None, None]
            starts = torch.where(where, built.plans.starts, plans.starts)
            plans = Plans(starts, torch.where(where, built.plans.machines, plans.machines))
            costs = torch.where(shorter, built.cost, costs)
        return plans, costs

    def _policies(self, policy: Policy) -> tuple[Policy, ...]:
        self.check_dispatchers()
        return (policy, *self.others) if self.network else self.others

    @override
    def check_dispatchers(self) -> None:
        if not self.network and not self.others:
            raise no_further_dispatcher("decoder.network=false")


class Sample(ChoosingDecoder):
    """The best of many schedules that follow the probabilities ``softmax(scores / temperature)``.

    The best is the one that costs least by the objective of the shop, of equals the one drawn first. The first of all
    is the greedy one, so the result is never worse than that of :class:`Greedy`. An agent that has D dispatchers draws
    sample s with dispatcher ``s mod D``, and the first D samples are greedy.

    Args:
        samples: schedules per shop.
        temperature: below 1 keeps closer to the greedy schedule, above 1 strays further.
        seed: the same seed gives the same schedules, and the first k of n samples are those of k samples.
        rows: most schedules to build at once; default: what fits into about 1 GB. Does not change the result.
    """

    def __init__(self, samples: int = 128, temperature: float = 0.05, seed: int = 0, rows: int | None = None) -> None:
        if samples < 1:
            raise InputError(f"decoder.samples={samples}: expected at least 1")
        if not 0.0 < temperature < float("inf"):
            raise InputError(f"decoder.temperature={temperature}: expected above 0 (decoder=greedy is the limit)")
        self.samples, self.temperature, self.rows = samples, temperature, check_rows(rows)
        self.seed = check_seed("decoder.seed", seed)
        self.others: tuple[Policy, ...] = ()
        self.scale = 1.0

    @property
    @override
    def label(self) -> str:
        return f"best of {self.samples}"

    @override
    def beside(self, others: Sequence[Policy], scale: float = 1.0) -> "Sample":
        decoder = Sample(self.samples, self.temperature, self.seed, self.rows)
        decoder.others, decoder.scale = tuple(others), scale
        return decoder

    @override
    def build(self, policy: Policy, shops: Shops) -> Plans:
        best = torch.full((len(shops),), torch.inf, dtype=torch.double)
        starts, machines = torch.zeros_like(shops.durations), shops.machines.clone()
        total = len(shops) * self.samples
        for chunk in chunks(total, self.rows or rows_at_once(shops)):
            origin, sample = chunk // self.samples, chunk % self.samples
            drawn, cost = self.drawn(policy, shops.take(origin), sample)
            least = torch.full_like(best, torch.inf).scatter_reduce_(0, origin, cost, "amin")
            for shop in (least < best).nonzero().squeeze(1):
                row = ((origin == shop) & (cost == least[shop])).nonzero()[0, 0]
                best[shop], starts[shop], machines[shop] = cost[row], drawn.starts[row], drawn.machines[row]
        return Plans(starts, machines)

    def drawn(self, policy: Policy, shops: Shops, sample: Tensor) -> tuple[Plans, Tensor]:
        """One sample of each shop.

        Args:
            policy: of the first dispatcher.
            shops: N job shops.
            sample: number of each one's sample, ``[N]``.

        Returns:
            The schedules, and what each costs ``[N]``.
        """
        starts, machines = torch.zeros_like(shops.durations), shops.machines.clone()
        cost = torch.empty(len(shops), dtype=torch.double)
        turn = sample % (1 + len(self.others))
        for number, one in enumerate((policy, *self.others)):
            rows = (turn == number).nonzero().squeeze(1)
            if len(rows):
                scale = self.scale if number else 1.0
                built = rollout(self.with_noise(one, sample[rows], scale), simulator_for(one, shops.take(rows)))
                cost[rows], starts[rows], machines[rows] = built.cost.double(), built.starts, built.machines
        return Plans(starts, machines), cost

    def with_noise(self, policy: Policy, sample: Tensor, scale: float = 1.0) -> Policy:
        """The policy with noise, so that its greedy choices are draws from the softmax.

        Args:
            policy: scores the candidates.
            sample: number of each row's sample, ``[N]``; the first one of each dispatcher gets no noise.
            scale: of the scores in the softmax.

        Returns:
            The noisy policy.
        """
        greedy = (sample <= len(self.others))[:, None]

        def noisy(simulator: Simulator) -> Tensor:
            scores = policy(simulator)
            noise = gumbel(self.seed, sample, simulator.next_operation.sum(1), scores.shape[1])
            return scores + self.temperature / scale * noise.masked_fill(greedy, 0.0)

        return noisy


def no_further_dispatcher(option: str) -> InputError:
    """The mistake of an option that takes dispatchers beside the first one."""
    return InputError(
        f"{option}: the agent has no dispatcher beside the one that asks the network; python improve.py gives it "
        "further ones, and improve=complement_search in the training"
    )


def check_classical(instance: JobShop, refusal: str, instead: str = "take decoder=greedy or sample") -> None:
    """Check that a shop has routes and durations alone, and that its makespan is to be short.

    Args:
        instance: the shop.
        refusal: which decoder cannot do more, and why.
        instead: what to do.

    Raises:
        InputError: it has more than that.
    """
    found = [*instance.demanded, *([instance.objective] if instance.objective != "makespan" else [])]
    if found:
        raise InputError(f"{refusal}, and instance {instance.name} has {', '.join(found)}: {instead}")


def join_plans(parts: Sequence[Plans]) -> Plans:
    """Plans of some shops and of further ones."""
    return Plans(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


def chunks(total: int, size: int) -> tuple[Tensor, ...]:
    """The numbers 0..total-1 in runs of at most ``size``."""
    return torch.arange(total).tensor_split(list(range(size, total, size)))


def check_rows(rows: int | None) -> int | None:
    """The same number. InputError if it is below 1."""
    if rows is not None and rows < 1:
        raise InputError(f"decoder.rows={rows}: expected at least 1")
    return rows
