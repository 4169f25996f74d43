"""The baselines of a comparison beside single_task: of the same size or duration, trees, networks that are merged."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import replace
from statistics import median, median_low

from mtl.assembly import build
from mtl.config.run_config import RunConfig
from mtl.config.study import BASELINE, MERGED, TREES
from mtl.runs.files import read_json_if_whole, write_json
from mtl.runs.identity import configuration_id
from mtl.sweep.baseline_checks import merged_config
from mtl.sweep.entries import shorten_entry, value_of, with_values
from mtl.sweep.matched_baselines import epochs_within, same_parameters
from mtl.sweep.plan import Configuration
from mtl.sweep.planner import Planner
from mtl.training.resources import count_parameters

BUDGET = ("epochs", "steps", "patience")  # keys by which a baseline is trained for a given time


class Baselines:
    """Makes configurations of further baselines.

    Args:
        planner: of the comparison.
    """

    def __init__(self, planner: Planner) -> None:
        self.planner, self.study = planner, planner.study

    def same_parameters(self, single: Configuration, match: Configuration) -> Configuration | None:
        """The single-task baseline of the size of what it is matched with; None if that is the baseline itself."""
        config = same_parameters(single.config, match.parameters, self.planner.suites.base.statistics)
        return None if config == single.config else self.planner.configuration(f"{BASELINE}, same parameters", config)

    def trees(self) -> Configuration:
        """Boosted trees for every task; what their training takes is not timed beforehand."""
        rows = len(self.planner.data.splits["train"])
        return Configuration(TREES, self.planner.configs.of(TREES, "equal"), parameters=0, step_seconds=0.0, rows=rows)

    def merged(self, single: Configuration) -> list[Configuration]:
        """Single-task networks merged in every way that is asked for.

        Args:
            single: the baseline, whose steps take as long as theirs. All of them merge the same networks.

        Returns:
            One for each entry of ``merges``, with the parameters of the network that comes out.
        """
        found = []
        for number, entry in enumerate(self.study.merges):
            config = self.tuned_as(single, merged_config(self.planner.configs, entry))
            parameters = count_parameters(build(config, self.planner.suites.base.statistics).module)["total"]
            seconds = 0.0 if number else single.step_seconds
            found.append(Configuration(f"{MERGED} {shorten_entry(entry)}", config, parameters, seconds, single.rows))
        return found

    def matched(self, configurations: Iterable[Configuration], chosen: Configuration | None) -> Configuration | None:
        """What baselines are matched with: the configuration chosen, or of ``match`` with the first weighting."""
        if self.study.match is None:
            return chosen
        configs = self.planner.configs
        label = configs.label(self.study.match, configs.weightings[0])
        return next(one for one in configurations if one.label == label)

    def same_seconds(self, single: Configuration, match: Configuration) -> Configuration | None:
        """The single-task baseline with the epochs that fit into the duration of what it is matched with.

        Both durations are medians of finished runs, so this comes after them; a few timed steps say too little of a run
        with validation and acting. Where runs of one were trained at once and those of the other were not, their shares
        of seconds say nothing of each other, and timed steps have to do. The epochs are kept, so that plans repeat.

        Args:
            single: the single-task baseline, with its runs.
            match: what it is matched with, with its runs.

        Returns:
            None if it would be single_task itself, or a duration is unknown since all runs failed.
        """
        kept = self.planner.directory / "same_seconds.json"
        both = f"{configuration_id(single.config)} {configuration_id(match.config)} by runs"
        question = hashlib.sha256(both.encode()).hexdigest()
        known = read_json_if_whole(kept)
        if known.get("question") == question:
            return self.single_task_with_epochs(single, int(known["epochs"]), int(known["single_task_epochs"]))
        own, wanted = self.planner.results(single), self.planner.results(match)
        if not own or not wanted:
            return None
        seconds, longest = (median(one.seconds.fit for one in found) for found in (own, wanted))
        if any(one.replicas > 1 for one in (*own, *wanted)):
            seconds = median(one.steps for one in own) * single.step_seconds
            longest = median(one.steps for one in wanted) * match.step_seconds
        if seconds <= 0:  # of a clock that stands still
            return None
        used = median_low(one.epochs for one in own)
        epochs = epochs_within(used, seconds, longest)
        self.planner.directory.mkdir(parents=True, exist_ok=True)
        content = {"question": question, "epochs": epochs, "single_task_epochs": used}
        write_json(kept, {**content, "single_task": seconds, match.label: longest})
        return self.single_task_with_epochs(single, epochs, used)

    def single_task_with_epochs(self, single: Configuration, epochs: int, used: int) -> Configuration | None:
        """The single-task baseline with exactly so many epochs; None if that is what it has ``used`` anyway."""
        if epochs == used:
            return None
        config = self.tuned_as(single, self.planner.configs.of(BASELINE, "equal", epochs=epochs), but=BUDGET)
        return replace(single, label=f"{BASELINE}, same seconds", config=config, entries=())

    def tuned_as(self, single: Configuration, config: RunConfig, but: Collection[str] = ()) -> RunConfig:
        """The config with the values of the grid that were chosen for the baseline; as it is where nothing is tuned.

        Args:
            single: the baseline.
            config: of another one.
            but: keys of which it has values of its own.

        Returns:
            The config.
        """
        if not self.study.tune:
            return config
        tuned = {key: value_of(single.config, key) for key in self.study.grid if key not in but}
        return with_values(config, tuned).changed(rates=single.config.rates)
