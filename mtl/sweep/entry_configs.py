"""The configs of the models and weightings that a comparison is asked for, and what they are called."""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import product
from pathlib import Path

from mtl.config.compose import configure
from mtl.config.run_config import RunConfig
from mtl.config.study import APART, BASELINE, FRONT, TREES, Study
from mtl.sweep.counted import without_auxiliary
from mtl.sweep.entries import as_trained, front_points, overrides_for, shorten_entry, weights_of

WHOLE = (BASELINE, "equal", 0, None)  # what the config of the baseline is composed of
OF_TASKS = ("tasks", "auxiliary", "relations", "rates")  # what differs in a config of learning apart


class EntryConfigs:
    """Composes the configs of entries, each once: Hydra reads all its files anew every time.

    Args:
        study: what is asked.
        tasks: gives the names of the tasks, by which a front is written out.
    """

    def __init__(self, study: Study, tasks: Callable[[], Sequence[str]]) -> None:
        self.study, self.tasks = study, tasks
        self._composed: dict[tuple[str, str, int, int | None], RunConfig] = {}
        self._first_points: dict[str, str] = {}  # of its front, for each further point
        self._short: dict[str, str] = {}  # what the points of fronts are called
        self._apart: dict[str, RunConfig] = {}  # without the tasks that nothing learned apart needs

    @cached_property
    def whole(self) -> RunConfig:
        """The config of the baseline with all tasks that any run learns, auxiliary ones too."""
        return self._composed_of(*WHOLE)

    def of(self, model: str, weighting: str, seed: int = 0, epochs: int | None = None) -> RunConfig:
        """The config of a model and a weighting, each with overrides of its own after a space.

        Of a front, which has dozens of points that differ in their weights only, the first is composed. A model that
        learns tasks apart gets those that count, and others only where these need them.

        Args:
            model: an entry of ``models``.
            weighting: an entry of ``weightings``.
            seed: of the run.
            epochs: exactly so many; None: the budget that the comparison asks for.

        Returns:
            The config.
        """
        asked = (model, weighting, seed, epochs)
        if asked not in self._composed:
            first = self._first_points.get(weighting)
            if first is None:
                self._composed[asked] = self._compose(*asked)
            else:
                alike = self.of(model, first, seed, epochs)
                self._composed[asked] = alike.changed(weighting={**alike.weighting, "weights": weights_of(weighting)})
        return self._composed[asked]

    def _compose(self, model: str, weighting: str, seed: int, epochs: int | None) -> RunConfig:
        asked = (model, weighting, seed, epochs)
        config = self.whole if asked == WHOLE else self._composed_of(*asked)
        if not config.auxiliary or model.split()[0] not in APART:
            return config
        of_tasks = [getattr(config, key) for key in OF_TASKS]
        question = repr([model.split()[0] == TREES, config.task, *of_tasks, config.execution])
        if question not in self._apart:
            self._apart[question] = without_auxiliary(config)
        found = self._apart[question]
        return config.changed(**{key: getattr(found, key) for key in OF_TASKS})

    def _composed_of(self, model: str, weighting: str, seed: int, epochs: int | None) -> RunConfig:
        chosen = [*overrides_for("model", model), *overrides_for("weighting", weighting)]
        budget = [] if self.study.budget is None else [f"steps={self.study.budget}"]
        if epochs is not None:
            budget = [f"epochs={epochs}", "steps=null", "patience=null"]
        config = configure(*as_trained(self.study.overrides), *budget, *chosen, f"seed={seed}")
        return config.changed(output=str(Path(config.output).resolve()), progress=False, resume=None)

    @cached_property
    def weightings(self) -> list[str]:
        """The entries of ``weightings``, the front written out as one entry for each point of its grid."""
        found = []
        for entry in self.study.weightings:
            if entry.split()[0] != FRONT:
                found.append(entry)
                continue
            points = front_points(entry, list(self.tasks()), self.study.front)
            first, *others = points
            found += points
            self._first_points |= dict.fromkeys(others, first)
            self._short |= points
        return found

    def first_of(self, weighting: str) -> str:
        """The first point of the front that a weighting is a further point of; empty if it is none."""
        return self._first_points.get(weighting, "")

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Every model with every weighting."""
        return list(product(self.study.models, self.weightings))

    def label(self, model: str, weighting: str) -> str:
        """What a model with a weighting is called: in short, unless another pair is called so too."""
        label = self._short_label(model, weighting)
        alone = [self._short_label(*pair) for pair in self.pairs].count(label) == 1
        return label if alone else f"{model}-{weighting}"

    def _short_label(self, model: str, weighting: str) -> str:
        return f"{shorten_entry(model)}-{self._short.get(weighting) or shorten_entry(weighting)}"
