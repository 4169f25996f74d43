"""Learning to dispatch from the outcome: a search for the weights of the dispatcher that make schedules short."""

import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import torch
from torch import Tensor
from typing_extensions import override

from mtl.agent.improvement.base import Progress, Watch
from mtl.agent.improvement.evolution import Evolution
from mtl.agent.improvement.population import dispatch_head, makespans
from mtl.agent.improvement.shop_search import VALIDATION, ShopSearch
from mtl.config.run_result import ImprovementResult
from mtl.errors import InputError
from mtl.network import Network
from mtl.nn.heads import TRAINED_GAIN
from mtl.runs.checkpoint import read_checkpoint, write_checkpoint
from mtl.suites.scheduling.features import BOUND_RULE
from mtl.suites.scheduling.rollout import network_policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator

_SEARCH, _SCALE, _GAIN = 10, 12, 13  # streams of generated shops beside those of the suite
_GAINS = (1.0, 0.4, 0.2, 0.1, 0.05, 0.0)  # parts of the trained gain among which the search begins with the best
_GAIN_SHOPS = 4  # times as many shops as in a generation tell these apart
_NO_DIFFERENCE = 1e-4  # standard deviation among candidates below which a feature chooses nothing


@dataclass(frozen=True)
class Coordinates:
    """The searched vector z ``[F + 1]``, in which dimensions are of one size.

    Of each candidate feature, z is its weight in the rule times the standard deviation of the feature among the
    candidates of one state, over the length of all these at the start. The last dimension is the gain of the network's
    correction, over that of the start. So a step of 0.1 moves the rule's scores by a tenth of what they differ by, and
    what the network adds by a tenth, whichever of the two is larger.

    Attributes:
        units: ``[F + 1]`` weights and gain of z = 1.
        used: ``[F + 1]`` bool: dimensions in which candidates differ; the others keep the value of the start.
        start: ``[F + 1]`` the vector of the trained network; its part of the rule has length 1.
    """

    units: Tensor
    used: Tensor
    start: Tensor

    @classmethod
    def of(cls, start: Tensor, deviations: Tensor) -> "Coordinates":
        """Coordinates around the rule and the gain of a trained head.

        Args:
            start: these, ``[F + 1]``.
            deviations: of the features and of the network's correction among the candidates of one state, ``[F + 1]``.

        Returns:
            The coordinates.
        """
        used = deviations > _NO_DIFFERENCE
        length = (start * deviations)[:-1].norm()
        gain = start[-1:] if start[-1] != 0 else torch.ones(1)
        units = torch.cat([length / deviations[:-1].clamp(min=_NO_DIFFERENCE), gain])
        return cls(units, used, start / units)

    def weights(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Rules ``[P, F]`` and gains ``[P]`` of vectors z ``[P, F + 1]``.

        Each rule is scaled to the length of the start's. That changes no choice of the rule, and leaves what the gain
        and a temperature mean.
        """
        z = torch.where(self.used, z, self.start)
        rules = z[:, :-1] / z[:, :-1].norm(dim=1, keepdim=True) * self.start[:-1].norm()
        return rules * self.units[:-1], z[:, -1] * self.units[-1]


@dataclass(eq=False)
class OutcomeSearch(ShopSearch):
    """Searches the weights of the dispatcher's rule by the makespans of the schedules that it builds.

    The trained dispatcher scores a candidate by ``scale * rule . features + gain * correction``
    (:class:`~mtl.nn.heads.ChoiceHead`). The search moves the rule's weights, which begin at the bound rule, and the
    gain of the network's correction, which begins at the best of a few parts of the trained one, or where an earlier
    search has left it. The network itself stays as it is, so that the other tasks predict as before. Members of a
    generation schedule the same freshly generated shops greedily. What counts is the makespan relative to that of the
    bound rule on the same shop, the mean over shops of each size, and then over sizes: see
    :class:`~mtl.agent.improvement.evolution.Evolution`.

    At the end the trained dispatcher, the searched one and the bound rule schedule the validation shops, which no
    generation has seen. The best of them stays, so on these the result is never worse than the start or the rule.

    Attributes:
        rate: how far each generation moves.
    """

    rate: float = 0.7

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.rate > 0:
            raise InputError(f"improve.rate={self.rate}: expected a number above 0")

    @override
    def improve(self, network: Network, seed: int, memory: Path, watch: Watch) -> ImprovementResult:
        search, state = self.searched(network, seed, memory, watch)
        began = time.perf_counter()
        choice, ratios = search.choose(state)
        head = dispatch_head(network, self.task)
        rule, gain = search.candidates(state)[choice]
        head.rule.copy_(rule)
        head.gain.copy_(gain)
        return ImprovementResult(
            kept=choice,
            validation=ratios,
            generations=self.generations,
            seconds=state.seconds + time.perf_counter() - began,
        )

    @override
    def propose(self, network: Network, seed: int, memory: Path, watch: Watch) -> float:
        search, state = self.searched(network, seed, memory, watch)
        head = dispatch_head(network, self.task)
        rule, gain = search.candidates(state)["searched"]
        head.rule.copy_(rule)
        head.gain.copy_(gain)
        return state.seconds

    def search_of(self, network: Network, seed: int) -> "Search":
        """The search for a network."""
        return Search.of(self, network, seed)

    def searched(self, network: Network, seed: int, memory: Path, watch: Watch) -> "tuple[Search, State]":
        """A search that is over, and its last state; arguments as for :meth:`improve`."""
        search = self.search_of(network, seed)
        state = State.read(memory) or search.begin()
        while state.evolution.generation < self.generations:
            began = time.perf_counter()
            values = search.advance(state, self.rate)
            state.seconds += time.perf_counter() - began
            state.write(memory)
            watch(Progress(state.evolution.generation, self.generations, values))
        return search, state


@dataclass
class State:
    """What an interrupted search goes on from.

    Attributes:
        start: ``[F + 1]`` rule and gain of the trained network.
        coordinates: of the vector that is searched.
        evolution: the search.
        seconds: that it has taken.
    """

    start: Tensor
    coordinates: Coordinates
    evolution: Evolution
    seconds: float = 0.0

    def write(self, path: Path) -> None:
        """Write it down, whole or not at all."""
        parts = {"coordinates": vars(self.coordinates), "evolution": vars(self.evolution)}
        tensors = {
            f"{name}.{key}": torch.as_tensor(value) for name, part in parts.items() for key, value in part.items()
        }
        tensors |= {"start": self.start, "seconds": torch.tensor(self.seconds, dtype=torch.double)}
        write_checkpoint(path, {"state_dict": tensors})

    @classmethod
    def read(cls, path: Path) -> "State | None":
        """What was written; None if nothing was. InputError if it is damaged."""
        if not path.is_file():
            return None
        tensors = read_checkpoint(path)["state_dict"]

        def part(name: str) -> dict[str, Tensor]:
            return {key.partition(".")[2]: value for key, value in tensors.items() if key.startswith(f"{name}.")}

        try:
            found = part("evolution")
            counts = int(found["counted"]), int(found["generation"])
            evolution = Evolution(found["mean"], found["total"], *counts)
            return cls(tensors["start"], Coordinates(**part("coordinates")), evolution, float(tensors["seconds"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"'{path}' is damaged: it is not the state of a search ({error})") from None


@dataclass(frozen=True)
class Search:
    """One search: what it is told, and of which network.

    Attributes:
        settings: what it is told.
        network: a copy of the trained network, on the CPU.
        seed: of everything random.
    """

    settings: ShopSearch
    network: Network
    seed: int

    @classmethod
    def of(cls, settings: ShopSearch, network: Network, seed: int) -> Self:
        """A search for a trained network, of which it makes a copy."""
        return cls(settings, deepcopy(network).to("cpu").eval(), seed)

    def begin(self) -> State:
        """The state before the first generation."""
        head = dispatch_head(self.network, self.settings.task)
        start = torch.cat([head.rule, head.gain[None]])
        deviations = self.deviations()
        trained = start[-1] == TRAINED_GAIN and deviations[-1] > _NO_DIFFERENCE
        gain = self.best_gain(start) if trained else start[-1:]  # one that was searched already is not tried again
        coordinates = Coordinates.of(torch.cat([start[:-1], gain]), deviations)
        return State(start, coordinates, Evolution.start(coordinates.start))

    def best_gain(self, start: Tensor) -> Tensor:
        """``[1]``: the best part of the trained gain, the others as they are.

        Labels teach the correction to be sure of itself, so that it may outweigh the rule by far.
        """
        groups = [
            replace(group, count=_GAIN_SHOPS * group.count).shops(self.seed, _GAIN, 0) for group in self.settings.groups
        ]
        gains = start[-1] * torch.tensor(_GAINS)
        ratios = self.relative(start[:-1].expand(len(gains), -1), gains, groups)
        return gains[ratios.argmin()][None]

    @torch.inference_mode()
    def deviations(self) -> Tensor:
        """``[F + 1]``: standard deviations among the candidates of one state, of features and of the correction.

        The mean square over the states of schedules that the start builds; the correction is over the learned scale.
        """
        task, head = self.settings.task, dispatch_head(self.network, self.settings.task)
        head.gain = torch.tensor(1.0)  # of this copy; the members have gains of their own
        squares, count = torch.zeros(len(head.rule) + 1, dtype=torch.double), 0

        def score(inputs: dict[str, Tensor]) -> Tensor:
            nonlocal squares, count
            scores: Tensor = self.network(inputs)[task]
            rule = (inputs["candidates"] * head.rule).sum(-1)
            correction = (scores - head.scale * rule) / head.scale
            values = torch.cat([inputs["candidates"], correction[..., None]], -1)
            real = inputs["mask"][..., None]
            values = values.masked_fill(~real, 0.0)
            mean = values.sum(1, keepdim=True) / real.sum(1, keepdim=True).clamp(min=1)
            squares += ((values - mean) * real).double().square().sum((0, 1))
            count += int(real.sum())
            return scores

        for group in self.settings.groups:
            rollout(network_policy(score), Simulator(group.shops(self.seed, _SCALE, 0)))
        return (squares / max(count, 1)).sqrt().float()

    def advance(self, state: State, rate: float) -> dict[str, float]:
        """One generation, at a rate. Returns the relative makespans: of the mean, and of the best member."""
        settings, evolution = self.settings, state.evolution
        members = evolution.members(settings.members, settings.spread, self.seed)
        first = evolution.generation
        groups = [group.shops(self.seed, _SEARCH, first * group.count) for group in settings.groups]
        rules, gains = state.coordinates.weights(torch.cat([members, evolution.mean[None]]))
        ratios = self.relative(rules, gains, groups)
        evolution.update(members, ratios[:-1], rate, settings.generations)
        return {"mean": float(ratios[-1]), "best": float(ratios[:-1].min())}

    def relative(self, rules: Tensor, gains: Tensor, groups: Sequence[Shops]) -> Tensor:
        """``[P]``: how much longer schedules are than the bound rule's, mean over the shops of a size and over sizes.

        Args:
            rules: of P dispatchers, ``[P, F]``.
            gains: of these, ``[P]``.
            groups: shops.

        Returns:
            Differences relative to the rule.
        """
        return torch.stack([one.mean(1) for one in self.ratios(rules, gains, groups)]).mean(0)

    def ratios(self, rules: Tensor, gains: Tensor, groups: Sequence[Shops]) -> list[Tensor]:
        """The same of each shop, ``[P, N]`` for each group; arguments as for :meth:`relative`."""
        rules = torch.cat([rules, torch.tensor(BOUND_RULE)[None]])
        gains = torch.cat([gains, torch.zeros(1)])
        built = makespans(self.network, self.settings.task, rules, gains, groups, torch.get_num_threads())
        return [one[:-1] / one[-1] - 1.0 for one in built]

    def candidates(self, state: State) -> dict[str, tuple[Tensor, Tensor]]:
        """Rule ``[F]`` and gain ``[]`` of the dispatchers among which validation chooses."""
        rules, gains = state.coordinates.weights(state.evolution.average[None])
        return {
            "start": (state.start[:-1], state.start[-1]),
            "searched": (rules[0], gains[0]),
            "rule": (torch.tensor(BOUND_RULE), torch.tensor(0.0)),
        }

    def choose(self, state: State) -> tuple[str, dict[str, float]]:
        """The best of the candidates on the validation shops, and how each did there; the first of equals."""
        named = self.candidates(state)
        groups = [group.shops(self.seed, VALIDATION, 0) for group in self.settings.validation_groups]
        rules = torch.stack([rule for rule, _ in named.values()])
        gains = torch.stack([gain for _, gain in named.values()])
        ratios = dict(zip(named, self.relative(rules, gains, groups).tolist(), strict=True))
        return min(ratios, key=lambda name: ratios[name]), ratios
