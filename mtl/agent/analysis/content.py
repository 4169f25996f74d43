"""What an analysis of a run holds, and what it says of it in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose, isfinite

from mtl.agent.analysis.association import Association
from mtl.agent.analysis.calibration import COLDEST, HOTTEST, Calibration
from mtl.agent.report import Value


@dataclass(frozen=True)
class OutcomeFacts:
    """What came of acting.

    Attributes:
        name: what was achieved, for people.
        environment: where.
        mean: over instances or rows.
        low: lower end of its interval.
        high: upper end.
        instances: how many.
        higher_is_better: its direction.
    """

    name: str
    environment: str
    mean: float
    low: float
    high: float
    instances: int
    higher_is_better: bool


@dataclass(frozen=True, repr=False)
class Analysis:
    """One finished run, looked at from the side of its outcome.

    Attributes:
        run: its directory.
        suite: what it was trained on.
        alpha: share of the times that any interval of one section misses.
        outcome: of acting; None: the run does not act, or not by instances.
        associations: how the error of each head goes with the outcome.
        no_association: why there are none; empty if there are.
        calibrations: of each head that gives probabilities.
        weighted: tasks whose loss weighs classes, so that their probabilities are not meant as shares.
        failures: records of the worst outcomes, the worst first.
    """

    run: str
    suite: str
    alpha: float
    outcome: OutcomeFacts | None
    associations: tuple[Association, ...]
    no_association: str
    calibrations: tuple[Calibration, ...]
    weighted: tuple[str, ...]
    failures: tuple[dict[str, Value], ...]

    def __repr__(self) -> str:
        """What it says in sentences, as a notebook shows it."""
        limits = [association_sentence(self.associations)] if self.associations else []
        return "\n".join((f"Analysis of {self.run}", *limits, *map(calibration_sentence, self.calibrations)))


def association_sentence(found: Sequence[Association]) -> str:
    """Which task limits the outcome, no more than the intervals say."""
    limiting = [one for one in found if one.limits]
    if not limiting:
        opposite = [one.task for one in found if one.high < 0.0]
        better = f" It is better where {opposite[0]} errs more." if len(opposite) == 1 else ""
        return (
            "No task is shown to limit the outcome, which is no proof that none does: every interval reaches down to 0 "
            f"or below.{better}"
        )
    most = max(limiting, key=lambda one: one.correlation)
    others = [one for one in found if one is not most]
    names, verb = joined([one.task for one in limiting]), "err" if len(limiting) > 1 else "errs"
    said = [f"The outcome is poorer where {names} {verb} more."]
    if others and all(most.low > one.high for one in others):
        said.append(f"It goes with {most.task} most.")
    elif len(found) > 1:
        said.append("Which task it goes with most is not told: the intervals overlap.")
    return " ".join(said)


def calibration_sentence(one: Calibration) -> str:
    """Whether a head can be relied on, no more than its interval says."""
    if not isfinite(one.low):
        said = "nothing is told of its temperature"
    elif one.low > 1.0:
        said = "it is too sure of itself"
    elif one.high < 1.0:
        said = "it is less sure of itself than it may be"
    else:
        said = "it is not told from a calibrated head by its temperature"
    beside = (
        "which also counts the probability that acceptable candidates share"
        if one.kind == "choice"
        else f"of calibrated heads 95 in 100 stay below {100 * one.error_calibrated:.1f} % on as many independent rows"
    )
    interval = f", {one.low:.2f} to {one.high:.2f}" if isfinite(one.low) else ""
    ends = [end for end in (COLDEST, HOTTEST) if any(isclose(end, t) for t in (one.temperature, one.low, one.high))]
    tried = f"; {COLDEST:g} to {HOTTEST:g} were tried, and it may be beyond" if ends else ""
    return (
        f"{one.task}: {said} (temperature {one.temperature:.2f}{interval}{tried}). Calibration error "
        f"{100 * one.error:.1f} %, with this temperature {100 * one.error_after:.1f} %; {beside}."
    )


def joined(words: Sequence[str]) -> str:
    """Words as a list in a sentence."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
