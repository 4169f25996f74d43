"""What became of shop floors: the costs of every planner, and how sure their differences are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
import torch
from rich.table import Table
from typing_extensions import override

from mtl.agent.environments.scheduling.chart_page import chart_page
from mtl.agent.environments.scheduling.floor.disturbances import Episode
from mtl.agent.environments.scheduling.floor.play import Played
from mtl.agent.environments.scheduling.schedule_files import ExecutedSchedule, names_in_files, schedule_files
from mtl.agent.environments.scheduling.schedule_report import AGENT, hash_of, what_was_not_trained
from mtl.agent.improvement.paired import Difference, mean_difference
from mtl.agent.report import ExecutionReport, Value, plain_table
from mtl.runs.contributions import Outcome

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALPHA = 0.05  # share of the intervals that may miss the true mean


@dataclass(frozen=True, eq=False)
class PlayedEpisode:
    """One planner in one episode.

    Attributes:
        planner: its name.
        episode: what happened.
        played: what became of it.
    """

    planner: str
    episode: Episode
    played: Played

    @property
    def cost(self) -> int:
        """Makespan or weighted tardiness of what was done."""
        return self.played.schedule.cost


class FloorReport(ExecutionReport):
    """Costs by planner over the same episodes.

    A record is one planner in one episode. The summary holds mean costs: the agent's, then ``<planner>_cost`` and
    ``<planner>_seconds`` per plan of all others, and ``<planner>_difference`` with ``_low`` and ``_high``: the mean of
    its cost minus the agent's over episodes and its 95 % interval, of makespans in percent of the agent's.

    Args:
        outcomes: every planner in every episode; the agent's are named ``agent``.
        seconds: that a plan was given.
        gantt: whether to draw the agent's first episode.
        dispatchers: with how many the agent plans.
        searched: how many of them were searched for shops of which more is demanded.
    """

    def __init__(
        self,
        outcomes: Sequence[PlayedEpisode],
        seconds: float,
        gantt: bool = True,
        dispatchers: int = 1,
        searched: int = 0,
    ) -> None:
        self.outcomes, self.seconds, self.gantt = list(outcomes), seconds, gantt
        self.dispatchers, self.searched = dispatchers, searched
        self.planners = list(dict.fromkeys(outcome.planner for outcome in outcomes))
        self.tardiness = self.outcomes[0].played.schedule.instance.objective == "weighted_tardiness"

    def of(self, planner: str) -> list[PlayedEpisode]:
        """The outcomes of one planner, in the order of the episodes."""
        return [outcome for outcome in self.outcomes if outcome.planner == planner]

    def difference(self, planner: str) -> Difference:
        """Its cost minus the agent's, mean over episodes with its interval; of makespans in percent of the agent's."""
        costs = [
            torch.tensor([float(one.cost) for one in self.of(name)], dtype=torch.double) for name in (planner, AGENT)
        ]
        differences = costs[0] - costs[1] if self.tardiness else 100 * (costs[0] / costs[1] - 1)
        return mean_difference({"episodes": differences}, ALPHA)

    @override
    def records(self) -> list[dict[str, Value]]:
        return [
            {
                "episode": one.episode.name,
                "planner": one.planner,
                "weighted_tardiness" if self.tardiness else "makespan": one.cost,
                "breakdowns": len(one.episode.breakdowns),
                "late_operations": one.episode.late_operations,
                "new_jobs": len(one.episode.new_jobs),
                "plans": len(one.played.seconds),
                "seconds_per_plan": fmean(one.played.seconds),
                "longest_seconds": max(one.played.seconds),
            }
            for one in self.outcomes
        ]

    @override
    def summary(self) -> dict[str, float]:
        numbers = {"weighted_tardiness" if self.tardiness else "makespan": self.mean(AGENT)}
        numbers |= {"seconds": self.mean_seconds(AGENT), "episodes": len(self.of(AGENT))}
        for planner in self.planners:
            if planner != AGENT:
                key, difference = planner.replace(" ", "_"), self.difference(planner)
                numbers |= {f"{key}_cost": self.mean(planner), f"{key}_seconds": self.mean_seconds(planner)}
                numbers |= {f"{key}_difference": difference.mean}
                numbers |= {f"{key}_difference_low": difference.low, f"{key}_difference_high": difference.high}
        return numbers

    def mean(self, planner: str) -> float:
        """Mean cost of a planner over the episodes."""
        return fmean(one.cost for one in self.of(planner))

    def mean_seconds(self, planner: str) -> float:
        """Mean seconds of a plan."""
        return fmean(second for one in self.of(planner) for second in one.played.seconds)

    @override
    def outcome(self) -> Outcome:
        """Cost of the agent by episode. Lower is better, and a gain is relative to the baseline."""
        name = "weighted_tardiness" if self.tardiness else "makespan"
        values = np.array([float(one.cost) for one in self.of(AGENT)])
        episodes = [one.episode for one in self.of(AGENT)]
        instances = hash_of([one.instance for one in episodes], [one.disturbed for one in episodes])
        return Outcome(name, higher_is_better=False, values=values, scale=None, instances=instances)

    @override
    def table(self) -> Table:
        rows = []
        for planner in self.planners:
            difference = "" if planner == AGENT else shown_difference(self.difference(planner), self.tardiness)
            longest = max(max(one.played.seconds) for one in self.of(planner))
            rows.append(
                (
                    planner,
                    f"{self.mean(planner):.0f}",
                    difference,
                    f"{self.mean_seconds(planner):.3f}",
                    f"{longest:.3f}",
                )
            )
        cost = "tardiness" if self.tardiness else "makespan"
        columns = ("planner", cost, "minus the agent's, 95 %", "s/plan", "longest")
        table = plain_table(
            f"Shop floor: {len(self.of(AGENT))} episodes, {self.seconds:g} s for a plan", columns, rows, 1
        )
        plans = fmean(len(one.played.seconds) for one in self.of(AGENT))
        several = f", each with {self.dispatchers} dispatchers" if self.dispatchers > 1 else ""
        notes = [f"{plans:.1f} plans of the agent per episode{several}"]
        notes += what_was_not_trained([one.played.schedule.instance for one in self.of(AGENT)], self.searched)
        table.caption = "\n".join(notes)
        return table

    @override
    def texts(self) -> Iterator[tuple[str, str]]:
        named = [(f"{one.planner}/{one.episode.name}", one.played.schedule) for one in self.outcomes]
        yield from schedule_files([ExecutedSchedule(method, schedule) for method, schedule in named])
        if self.gantt:
            first = self.of(AGENT)[0]
            (name,) = names_in_files([first.episode.name])
            yield f"chart-{name}.html", chart_page(first.played.schedule, "agent, as it was done")

    @override
    def figures(self) -> Iterator[tuple[str, "Figure"]]:
        # matplotlib is slow to import, and not every report has a picture
        from mtl.agent.environments.scheduling.gantt import gantt

        if self.gantt:
            first = self.of(AGENT)[0]
            (name,) = names_in_files([first.episode.name])
            yield f"gantt-{name}", gantt(first.played.schedule, "agent, as it was done")


def shown_difference(difference: Difference, tardiness: bool) -> str:
    """A difference with its interval, in percent where it is one of makespans."""
    if tardiness:
        return f"{difference.mean:+.0f} ({difference.low:+.0f} to {difference.high:+.0f})"
    return f"{difference.mean:+.1f} % ({difference.low:+.1f} to {difference.high:+.1f})"
