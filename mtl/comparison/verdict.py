"""The verdict in words, from the numbers by stated rules."""

from dataclasses import dataclass
from math import isfinite

from mtl.comparison.statistics.paired import seeds_needed, smallest_p
from mtl.comparison.types import HELPS, HURTS, SAME, UNCLEAR, Comparison, Evidence, Row
from mtl.comparison.wording import count_noun, format_p, format_percent, join_words

PAYS = "pays"
DOES_NOT_PAY = "does not pay"
NO_DIFFERENCE = "makes no difference"
NOT_ENOUGH = "not enough evidence"

RULES = """\
The best configuration is the multi-task one with the highest mean delta_m on the validation split; test data only
measures. Learning together makes no difference if two one-sided t tests place its delta_m on test within the margin.
Otherwise it pays if delta_m is above zero, and does not pay if it is below, by a paired t test over seeds at alpha; if
neither, there is not enough evidence. All p-values are corrected by Holm's method over all multi-task configurations.
Tasks are called by the same rules (helps, hurts, no difference that matters, no evidence), corrected over all
configurations and tasks together. A task that is hurt shows negative transfer."""


@dataclass(frozen=True)
class Verdict:
    """What to tell somebody who has to decide.

    Attributes:
        outcome: :data:`PAYS`, :data:`DOES_NOT_PAY`, :data:`NO_DIFFERENCE` or :data:`NOT_ENOUGH`.
        headline: one sentence.
        sentences: what else must be known, in order.
        negative_transfer: (configuration, task) pairs that are hurt, over all configurations.
    """

    outcome: str
    headline: str
    sentences: tuple[str, ...]
    negative_transfer: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """All of it as one paragraph."""
        return " ".join((self.headline, *self.sentences))


def verdict(comparison: Comparison) -> Verdict:
    """Apply :data:`RULES`."""
    hurt = tuple(
        (row.label, task)
        for row in comparison.rows
        if row.multi
        for task, cell in row.cells.items()
        if cell.evidence.call == HURTS
    )
    best = comparison.best
    if best is None:
        text = "Not enough evidence: no multi-task configuration has a finished run on a seed of the baseline."
        return Verdict(NOT_ENOUGH, text, (), hurt)
    outcome = {HELPS: PAYS, HURTS: DOES_NOT_PAY, SAME: NO_DIFFERENCE, UNCLEAR: NOT_ENOUGH}[best.delta.call]
    sentences = [
        tasks_in_words(best),
        cost_in_words(best, comparison.baseline),
        *matched_in_words(comparison),
        *runners_up(comparison),
        *caveats(comparison, best, outcome),
    ]
    return Verdict(outcome, headline(outcome, best, comparison), tuple(sentences), hurt)


def headline(outcome: str, best: Row, comparison: Comparison) -> str:
    """The one sentence."""
    size = gain_in_words(best.delta)
    over = f"averaged over {count_noun(len(comparison.tasks), 'task')} and {count_noun(len(best.seeds), 'seed')}"
    if outcome == PAYS:
        return f"Learning together pays: the best configuration, {best.label}, gains {size}, {over}."
    if outcome == DOES_NOT_PAY:
        return f"Learning together does not pay: even the best configuration, {best.label}, is at {size}, {over}."
    if outcome == NO_DIFFERENCE:
        return (
            f"Learning together makes no difference beyond {comparison.rules.margin:.1%}: "
            f"the best configuration, {best.label}, is at {size}, {over}."
        )
    return (
        f"Not enough evidence that learning together pays: the best configuration, {best.label}, is at {size}, {over}."
    )


def gain_in_words(evidence: Evidence) -> str:
    """Mean, interval and p-value."""
    low, high = evidence.interval
    interval = f"95 % interval {format_percent(low)} to {format_percent(high)}, " if isfinite(low) else ""
    return f"{format_percent(evidence.mean)} ({interval}p = {format_p(evidence.p)})"


def tasks_in_words(best: Row) -> str:
    """Which tasks gain and which lose."""
    words = {
        HELPS: "It helps {}.",
        HURTS: "It hurts {} (negative transfer).",
        SAME: "It makes no difference that matters to {}.",
        UNCLEAR: "There is no evidence either way for {}.",
    }
    parts = []
    for call, sentence in words.items():
        found = [
            f"{task} ({format_percent(cell.evidence.mean)})"
            for task, cell in best.cells.items()
            if cell.evidence.call == call
        ]
        if found:
            parts.append(sentence.format(join_words(found)))
    return " ".join(parts)


def cost_in_words(best: Row, baseline: Row) -> str:
    """What it costs beside single-task networks."""
    names = {
        "parameters": "parameters",
        "seconds": "training seconds",
        "memory": "peak memory",
        "inference": "inference seconds",
    }
    parts = [
        f"{name} {best.costs[key] / baseline.costs[key] - 1:+.0%}".replace("%", "\N{NO-BREAK SPACE}%")
        for key, name in names.items()
        if baseline.costs[key] > 0 and isfinite(best.costs[key] / baseline.costs[key])
    ]
    return f"Beside single-task networks: {', '.join(parts)}." if parts else ""


def matched_in_words(comparison: Comparison) -> list[str]:
    """How the best stands against further baselines."""
    return [f"Against {label}: {gain_in_words(found)}." for label, found in comparison.against.items()]


def runners_up(comparison: Comparison) -> list[str]:
    """Configurations for which there is proof where there is none for the best."""
    best = comparison.best
    if best is None or best.delta.call == HELPS:
        return []
    proven = [row for row in comparison.rows if row.multi and row.delta.call == HELPS]
    if not proven:
        return []
    found = join_words([f"{row.label} ({format_percent(row.delta.mean)})" for row in proven])
    return [f"On test data {found} did gain, but validation data did not single it out."]


def caveats(comparison: Comparison, best: Row, outcome: str) -> list[str]:
    """How far the evidence goes."""
    n = len(best.seeds)
    out = [
        "One seed says nothing about chance: start the command again with more."
        if n == 1
        else f"{n} seeds: without assuming a distribution they can reach p = {smallest_p(n):.2g} at best"
        + (", so these p-values lean on the differences between seeds being normal." if smallest_p(n) > 0.05 else ".")
    ]
    if outcome == NOT_ENOUGH:
        family = sum(row.multi for row in comparison.rows)
        needed = seeds_needed(best.delta.test.effect, comparison.rules.alpha / max(family, 1))
        if needed is not None and needed > n:
            out.append(f"If the effect is as large as it looks, about {needed} seeds would show it.")
        elif needed is None and isfinite(best.delta.test.effect):
            out.append("More than 1000 seeds would be needed to show an effect this small.")
    unlike = [row.label for row in comparison.rows if len(row.seeds) < len(comparison.baseline.seeds)]
    if unlike:
        out.append(f"Seeds are missing for {join_words(unlike)}.")
    return out
