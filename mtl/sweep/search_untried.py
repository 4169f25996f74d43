"""What no trial of a search has tried yet, where only so many configurations are searched."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from random import Random
from typing import TYPE_CHECKING, Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial
from typing_extensions import override

if TYPE_CHECKING:
    from optuna.study import Study

DRAWS = 20  # of the sampler, after which a configuration is taken by chance


class Untried(BaseSampler):
    """Draws as another sampler does, again where that draws what was tried.

    Args:
        sampler: the other one.
        space: what is searched, by key.
        values: of each key.
        is_tried: whether a trial has these values.
        seed: of what is taken where the other sampler draws nothing new.
    """

    def __init__(
        self,
        sampler: BaseSampler,
        space: Mapping[str, BaseDistribution],
        values: Mapping[str, Sequence[Any]],
        is_tried: Callable[[Mapping[str, Any]], bool],
        seed: int,
    ) -> None:
        self.sampler, self.space, self.values = sampler, dict(space), values
        self.is_tried, self.seed = is_tried, seed

    @override
    def infer_relative_search_space(self, study: "Study", trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self.space

    @override
    def sample_relative(
        self, study: "Study", trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        together = self.sampler.infer_relative_search_space(study, trial)
        for _ in range(DRAWS):
            found = self.sampler.sample_relative(study, trial, together)
            drawn = {
                key: found[key] if key in found else self.sample_independent(study, trial, key, one)
                for key, one in search_space.items()
            }
            if not self.is_tried(drawn):
                return drawn
        size = prod(map(len, self.values.values()))
        first = Random(self.seed).randrange(size)
        every = (self._at((first + more) % size) for more in range(size))
        return next((found for found in every if not self.is_tried(found)), drawn)

    @override
    def sample_independent(
        self, study: "Study", trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self.sampler.sample_independent(study, trial, param_name, param_distribution)

    def _at(self, place: int) -> dict[str, Any]:
        found = {}
        for key, values in self.values.items():
            place, number = divmod(place, len(values))
            found[key] = values[number]
        return found


def values_of(one: BaseDistribution) -> Sequence[Any] | None:
    """The values of a key, in order; None where it takes any number between two."""
    if isinstance(one, CategoricalDistribution):
        return one.choices
    if isinstance(one, IntDistribution):
        return range(one.low, one.high + 1, one.step)
    if isinstance(one, FloatDistribution) and one.step is not None:
        steps = round((one.high - one.low) / one.step)
        return [min(one.low + number * one.step, one.high) for number in range(steps + 1)]
    return None
