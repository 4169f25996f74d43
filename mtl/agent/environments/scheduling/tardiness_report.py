"""What came of scheduling where jobs have due dates: the weighted tardiness of every method on every instance."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

import numpy as np
from rich.markup import escape
from rich.table import Table
from typing_extensions import override

from mtl.agent.environments.scheduling.schedule_report import (
    AGENT,
    BuiltSchedule,
    BuiltSchedulesReport,
    hash_of,
    searched,
    what_was_not_trained,
)
from mtl.agent.environments.scheduling.shop_table import shop_table
from mtl.agent.report import Value
from mtl.runs.contributions import Outcome

_LATE, _MAKESPAN, _SECONDS = "late\njobs", "make-\nspan", "sec."  # columns that there may be no room for
_BOUND_ONLY = "†"
_NOTE = "† only a lower bound is known"


class TardinessReport(BuiltSchedulesReport):
    """Outcomes of the agent and of the baselines on the same instances, by weighted tardiness.

    The optimum is often 0, to which nothing can be put in relation: so there are no gaps, and the tardiness itself is
    shown, beside the largest lower bound that is known.

    A record is one method on one instance. The summary holds means over the instances: the agent's, then
    ``<method>_weighted_tardiness`` and ``<method>_seconds`` of every baseline. Every schedule is written, see
    :func:`~mtl.agent.environments.scheduling.schedule_files.schedule_files`. Pictures are Gantt charts of the agent's
    schedules, named ``gantt-<instance>``, and there is a page of each, ``chart-<instance>.html``.

    Args:
        outcomes: every method on every instance; the agent's are named ``agent``.
        proofs: by name of an instance, a lower bound of the weighted tardiness that a solver proved.
        gantt: which of the agent's schedules to draw: all, first or none.
    """

    def __init__(self, outcomes: Sequence[BuiltSchedule], proofs: Mapping[str, int], gantt: str = "first") -> None:
        super().__init__(outcomes, gantt)
        self.proofs = dict(proofs)

    def mean(self, method: str) -> float:
        """Mean weighted tardiness of a method over the instances."""
        return fmean(outcome.schedule.cost for outcome in self.of(method))

    def proof(self, outcome: BuiltSchedule) -> int:
        """The largest lower bound known of an instance: what jobs would cost alone, or what a solver proved."""
        instance = outcome.schedule.instance
        late = [
            weight * max(0, int(end) - due)
            for due, weight, end in zip(
                instance.constraints.due, instance.constraints.weights, instance.earliest_ends, strict=True
            )
            if due is not None
        ]
        return max(sum(late), self.proofs.get(instance.name, 0))

    @override
    def records(self) -> list[dict[str, Value]]:
        return [
            {
                "instance": outcome.schedule.instance.name,
                "jobs": outcome.schedule.instance.jobs,
                "machines": outcome.schedule.instance.machine_count,
                "method": outcome.method,
                "weighted_tardiness": outcome.schedule.cost,
                "lower_bound": self.proof(outcome),
                "late_jobs": outcome.schedule.late_jobs,
                "makespan": outcome.schedule.makespan,
                "utilisation": outcome.schedule.utilisation,
                "seconds": outcome.seconds,
            }
            for outcome in self.outcomes
        ]

    @override
    def summary(self) -> dict[str, float]:
        agent = self.of(AGENT)
        numbers: dict[str, float] = {
            "weighted_tardiness": self.mean(AGENT),
            "late_jobs": fmean(outcome.schedule.late_jobs for outcome in agent),
            "makespan": fmean(outcome.schedule.makespan for outcome in agent),
            "utilisation": fmean(outcome.schedule.utilisation for outcome in agent),
            "seconds": fmean(outcome.seconds for outcome in agent),
            "instances": len(agent),
        }
        for method in self.labels:
            if method != AGENT:
                numbers[f"{method}_weighted_tardiness"] = self.mean(method)
                numbers[f"{method}_seconds"] = fmean(outcome.seconds for outcome in self.of(method))
        return numbers

    @override
    def outcome(self) -> Outcome:
        """Weighted tardiness of the agent by instance. Lower is better, and a gain is relative to the baseline."""
        values = np.array([float(outcome.schedule.cost) for outcome in self.of(AGENT)])
        instances = hash_of([outcome.schedule.instance for outcome in self.of(AGENT)])
        return Outcome("weighted_tardiness", higher_is_better=False, values=values, scale=None, instances=instances)

    @override
    def table(self) -> Table:
        agent, every = self.of(AGENT), list(self.labels)
        open_bounds = any(self.proof(rows[0]) < min(one.schedule.cost for one in rows) for rows in self._rows())
        notes = [_NOTE] if open_bounds else []
        notes += what_was_not_trained([outcome.schedule.instance for outcome in agent], searched(agent))
        rows = list(self._rows())
        costs = [bold_least([one.schedule.cost for one in outcomes]) for outcomes in rows]
        means = bold_least([self.mean(method) for method in every])
        schedules = [outcome.schedule for outcome in agent]
        columns = {
            "instance": ("mean", [escape(one.instance.name) for one in schedules]),
            "least": ("", [self._least(outcomes) for outcomes in rows]),
            **{
                AGENT if method == AGENT else self.labels[method]: (mean, [cells[place] for cells in costs])
                for place, (method, mean) in enumerate(zip(every, means, strict=True))
            },
            _LATE: (f"{fmean(one.late_jobs for one in schedules):.1f}", [str(one.late_jobs) for one in schedules]),
            _MAKESPAN: (f"{fmean(one.makespan for one in schedules):.0f}", [str(one.makespan) for one in schedules]),
            _SECONDS: (f"{fmean(outcome.seconds for outcome in agent):.2f}", [f"{one.seconds:.2f}" for one in agent]),
        }
        title = f"Job shops: weighted tardiness (agent: {self.labels[AGENT]})"
        return shop_table(title, notes, columns, [_MAKESPAN, _LATE, _SECONDS])

    def _least(self, outcomes: Sequence[BuiltSchedule]) -> str:
        """The lower bound of an instance, with a mark where none of these schedules meets it."""
        proof = self.proof(outcomes[0])
        met = proof == min(one.schedule.cost for one in outcomes)
        return f"{proof}{'' if met else _BOUND_ONLY}"

    def _rows(self) -> Iterator[tuple[BuiltSchedule, ...]]:
        """The outcomes of each instance, the agent's first."""
        yield from zip(*(self.of(method) for method in self.labels), strict=True)


def bold_least(costs: Sequence[float]) -> list[str]:
    """The costs, the smallest in bold."""
    least = min(costs)
    return [f"[bold]{cost:.0f}[/bold]" if cost == least else f"{cost:.0f}" for cost in costs]
