"""The verdict in words, from the numbers by stated rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan

from mtl.comparison.caveats import caveats, unmeasured
from mtl.comparison.design import CONFIRM, MEAN_SHARE
from mtl.comparison.scope import error_rate_sentence, power_sentence, scope_sentence
from mtl.comparison.types import HELPS, HURTS, SAME, UNCLEAR, Cell, Comparison, Evidence, Measurement, Row
from mtl.comparison.wording import count_noun, format_percent, format_stated, interval_in_words, join_words

PAYS = "pays"
DOES_NOT_PAY = "does not pay"
NO_DIFFERENCE = "makes no difference"
NOT_ENOUGH = "not enough evidence"

OUTCOMES = {HELPS: PAYS, HURTS: DOES_NOT_PAY, SAME: NO_DIFFERENCE, UNCLEAR: NOT_ENOUGH}

TIMED = ("seconds", "inference")  # costs by a clock, which vary from run to run
NAMED = 8  # tasks that a sentence names at most

RULES = f"""\
The best configuration is the multi-task one with the highest mean gain (delta_m) on the validation split, of those
that screening has not stopped; test data only measures. Every claim is read off one interval: no difference that
matters, if it lies within the margin; otherwise helps, if it lies above zero, or hurts, if it lies below; otherwise
there is no evidence. An interval has the standard error over seeds and test rows together (two crossed random
factors), each part with Student's quantile of its own.
All intervals of a report hold together with probability 1 - alpha: {MEAN_SHARE:.0%} of alpha is divided among the
configurations tested and the looks at delta_m, the rest among tasks, further baselines and acting, by Bonferroni's
inequality, which holds however they depend on each other. After several looks the interval of delta_m is what those of
all looks have in common. A task that is hurt shows negative transfer. No mark is given to a configuration half of whose
runs, or of whose baseline's runs, ended by their budget while they still improved."""


@dataclass(frozen=True)
class Verdict:
    """What to tell somebody who has to decide.

    Attributes:
        outcome: :data:`PAYS`, :data:`DOES_NOT_PAY`, :data:`NO_DIFFERENCE` or :data:`NOT_ENOUGH`.
        headline: one sentence.
        meaning: what it is for each task, in the metrics' own units, and for what the agent achieves.
        cost: what it costs, and how it stands against other baselines.
        certainty: how sure it is, for what it holds, and what to do where it is not sure.
        negative_transfer: (configuration, task) pairs that are hurt, over all configurations.
    """

    outcome: str
    headline: str
    meaning: tuple[str, ...] = ()
    cost: tuple[str, ...] = ()
    certainty: tuple[str, ...] = ()
    negative_transfer: tuple[tuple[str, str], ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """What must be known beside the headline, in order."""
        return (*self.meaning, *self.cost, *self.certainty)

    @property
    def text(self) -> str:
        """All of it as one paragraph."""
        return " ".join((self.headline, *self.sentences))


def verdict(comparison: Comparison) -> Verdict:
    """Apply :data:`RULES`."""
    hurt = tuple(
        (row.label, task)
        for row, tested in comparison.tested_rows
        if row.multi
        for task, cell in tested.cells.items()
        if cell.evidence.call == HURTS
    )
    best = comparison.best
    if best is None:
        return Verdict(NOT_ENOUGH, without_best(comparison), negative_transfer=hurt)
    if best.tested is None or not best.tested.looks:
        done = len(best.tested.seeds) if best.tested else 0
        text = (
            f"Not enough evidence yet: validation prefers {best.label}, and {done} of the "
            f"{count_noun(comparison.design.looks[0], kind_of_seed(comparison))} of the first look are done."
        )
        return Verdict(NOT_ENOUGH, text, negative_transfer=hurt)
    outcome = OUTCOMES[best.tested.delta.call]
    tested = best.tested
    # Of one task that counts the headline has said it
    tasks = "" if comparison.auxiliary and len(comparison.tasks) == 1 else tasks_in_words(tested)
    meaning = [tasks, units_in_words(comparison, tested), acting_in_words(tested)]
    cost = [
        cost_in_words(best, comparison.baseline),
        *(against_in_words(label, found) for label, found in comparison.against.items()),
    ]
    certainty = [
        *runners_up(comparison),
        told_apart(comparison, best),
        *caveats(comparison, best),
        # Where nothing is claimed because of the budget, looking may have ended all the same
        power_sentence(comparison, tested, decided=tested.looks[-1].call != UNCLEAR),
        scope_sentence(comparison),
        error_rate_sentence(comparison, tested),
    ]
    return Verdict(
        outcome,
        headline(outcome, best, tested, comparison),
        tuple(filter(None, meaning)),
        tuple(filter(None, cost)),
        tuple(filter(None, certainty)),
        hurt,
    )


def without_best(comparison: Comparison) -> str:
    """Why there is no best configuration."""
    rows = [row for row in comparison.rows if row.multi]
    if not rows:
        return "Not enough evidence: no multi-task configuration has a finished run on a seed of the baseline."
    found = [unmeasured(row.label, row.records) for row in (comparison.baseline, *rows)]
    said = [sentence for sentences in found for sentence in sentences]
    return " ".join(["Not enough evidence: no multi-task configuration can be ranked on validation.", *said])


def headline(outcome: str, best: Row, tested: Measurement, comparison: Comparison) -> str:
    """The one sentence."""
    size = gain_in_words(tested.delta) if isfinite(tested.delta.mean) else "a gain that is not measured"
    seeds, learning = count_noun(len(tested.seeds), kind_of_seed(comparison)), learning_in_words(best, comparison)
    over, average = f"averaged over {count_noun(len(comparison.tasks), 'task')} and {seeds}", " on average"
    if comparison.auxiliary:
        tasks = len(comparison.tasks)
        over = f"averaged over {f'{tasks} tasks that count and ' if tasks > 1 else ''}{seeds}"
        average = average if tasks > 1 else ""
    if outcome == PAYS:
        return f"{learning} pays: the best configuration, {best.label}, gains {size}, {over}."
    if outcome in (DOES_NOT_PAY, NO_DIFFERENCE):
        no_gain, even = "does not pay", "even "
        if outcome == NO_DIFFERENCE:
            no_gain, even = f"makes no difference beyond {format_stated(comparison.rules.margin, 1)}", ""
        if shown_to_gain(comparison):  # so it pays with another one
            return (
                f"{learning} {no_gain} with the configuration that validation prefers: {best.label} is at {size}, "
                f"{over}."
            )
        return f"{learning} {no_gain}: {even}the best configuration, {best.label}, is at {size}, {over}."
    if comparison.baseline.still_improving or best.still_improving:  # whatever the interval leaves out
        why = f"Nothing is claimed{average}, since the budget ended trainings that still improved"
    else:
        why = f"Not enough evidence either way{average}"
    if auxiliary_of(best):
        return f"{why}: l{learning[1:]} is at {size} with the best configuration, {best.label}, {over}."
    return f"{why}: the best configuration, {best.label}, is at {size}, {over}."


def kind_of_seed(comparison: Comparison) -> str:
    """What the seeds that decide are called: fresh where the choice was made on others."""
    return "fresh seed" if comparison.design.kind == CONFIRM else "seed"


def learning_in_words(best: Row, comparison: Comparison) -> str:
    """What the verdict is about: learning together, or learning beside auxiliary tasks."""
    helping = auxiliary_of(best)
    if not helping:
        return "Learning together"
    learned = comparison.tasks[0] if len(comparison.tasks) == 1 else f"{named(comparison.tasks)} together"
    return f"Learning {learned} beside the auxiliary {'task' if len(helping) == 1 else 'tasks'} {named(helping)}"


def auxiliary_of(row: Row) -> list[str]:
    """The tasks that a configuration learns to help those that count."""
    return list(dict.fromkeys(task for one in row.records for task in one.auxiliary))


def named(tasks: Sequence[str]) -> str:
    """Names of tasks in a sentence: all, or of many the first ones."""
    if len(tasks) <= NAMED:
        return join_words(tasks)
    return join_words([*tasks[:NAMED], count_noun(len(tasks) - NAMED, "other task")])


def counted_sentence(comparison: Comparison) -> str:
    """Which tasks count, and which are learned to help them; empty where all count."""
    if not comparison.auxiliary:
        return ""
    alone = auxiliary_of(comparison.baseline)
    also = f", and {named(alone)}, which a task that counts needs, or acting" if alone else ""
    counts = "Tasks that count" if len(comparison.tasks) > 1 else "The task that counts"
    helping = list(comparison.auxiliary)
    return (
        f"{counts}: {named(comparison.tasks)}. Auxiliary, learned to help and not counted: {named(helping)}. "
        f"The single-task networks learn {named(comparison.tasks)}{also}."
    )


def gain_in_words(evidence: Evidence) -> str:
    """Mean and interval."""
    return f"{format_percent(evidence.mean)} ({interval_in_words(evidence)})"


def tasks_in_words(tested: Measurement) -> str:
    """Which tasks gain and which lose."""
    words = {
        HELPS: "It helps {}.",
        HURTS: "It hurts {} (negative transfer).",
        SAME: "It makes no difference that matters to {}.",
        UNCLEAR: "There is no evidence either way for {}.",
    }
    parts = []
    for call, sentence in words.items():
        cells = {task: cell for task, cell in tested.cells.items() if cell.evidence.call == call}
        found = [
            f"{task} ({format_percent(cell.evidence.mean)}, {interval_in_words(cell.evidence)})"
            for task, cell in most_changed(cells).items()
        ]
        others = len(cells) - len(found)
        if found:
            parts.append(sentence.format(join_words([*found, *([count_noun(others, "other task")] if others else [])])))
    return " ".join(parts)


def most_changed(cells: Mapping[str, Cell]) -> dict[str, Cell]:
    """The tasks that a sentence names: all, or of many those whose mean changes most, first the largest change."""
    if len(cells) <= NAMED:
        return dict(cells)
    gains = {task: abs(cell.evidence.mean) for task, cell in cells.items()}
    ranked = sorted(cells, key=lambda task: gains[task] if isfinite(gains[task]) else -1.0, reverse=True)
    return {task: cells[task] for task in ranked[:NAMED]}


def units_in_words(comparison: Comparison, tested: Measurement) -> str:
    """What the means are in the metrics' own units, of the baseline over the seeds of the other."""
    base = [one for one in comparison.baseline.records if one.seed in tested.seeds]
    apart = {task: sum(one.test[task] for one in base) / len(base) for task in tested.cells} if base else {}
    measured = {
        task: cell for task, cell in tested.cells.items() if isfinite(cell.mean) and isfinite(apart.get(task, nan))
    }
    parts = [
        f"{task} {comparison.primary[task]} {apart[task]:.4g} apart, {cell.mean:.4g} together"
        for task, cell in most_changed(measured).items()
    ]
    left = len(measured) - len(parts)
    others = f"; {count_noun(left, 'other task')} in the table" if left else ""
    return f"In their own units: {'; '.join(parts)}{others}." if parts else ""


def acting_in_words(tested: Measurement) -> str:
    """What the difference is in what the agent achieves."""
    if tested.outcome is None:
        return ""
    if tested.outcome.no_row_differs:
        return "The agent acts the same with it on every instance of every run, which says nothing of others."
    words = {
        HELPS: "The agent acts better with it",
        HURTS: "The agent acts worse with it",
        SAME: "It makes no difference that matters to how the agent acts",
        UNCLEAR: "There is no evidence either way for how the agent acts",
    }
    return f"{words[tested.outcome.call]}: {gain_in_words(tested.outcome)} over its instances."


def cost_in_words(best: Row, baseline: Row) -> str:
    """What it costs beside single-task networks."""
    names = {
        "parameters": "parameters",
        "seconds": "training seconds",
        "memory": "peak memory",
        "inference": "inference seconds",
    }
    if any(one.replicas > 1 for row in (best, baseline) for one in row.records):
        names["seconds"] += " (shares of trainings at once)"
        del names["memory"]
    parts = [
        f"{name} {share(best.costs[key] / baseline.costs[key])}{range_of_runs(key, best, baseline)}"
        for key, name in names.items()
        if baseline.costs[key] > 0 and isfinite(best.costs[key] / baseline.costs[key])
    ]
    beside = "single-task networks of what counts" if auxiliary_of(best) else "single-task networks"
    return f"Beside {beside}: {', '.join(parts)}." if parts else ""


def share(ratio: float) -> str:
    """A ratio of costs as a difference in percent."""
    return f"{ratio - 1:+.0%}".replace("%", "\N{NO-BREAK SPACE}%")


def range_of_runs(key: str, best: Row, baseline: Row) -> str:
    """How far apart single runs are in what a clock measured, in parentheses; nothing for what does not vary.

    Runs that were trained at once share one measurement of a prediction, which is none of how far runs are apart.
    """
    if key not in TIMED:
        return ""
    own, theirs = ({cost for one in row.records if (cost := getattr(one, key)) > 0} for row in (best, baseline))
    if len(own) == len(theirs) == 1:
        return " (one run of each)" if len(best.records) == len(baseline.records) == 1 else " (measured once for each)"
    return f" (from run to run {share(min(own) / max(theirs))} to {share(max(own) / min(theirs))})"


def against_in_words(label: str, found: Evidence) -> str:
    """How the best configuration stands against a further baseline."""
    said = {HELPS: "it is better", HURTS: "it is worse", SAME: "no difference that matters", UNCLEAR: "no evidence"}
    return f"Against {label}: {gain_in_words(found)}, {said[found.call]}."


def runners_up(comparison: Comparison) -> list[str]:
    """Configurations for which there is proof where there is none for the best."""
    best, proven = comparison.best, shown_to_gain(comparison)
    if best is None or best.tested is None or best.tested.delta.call == HELPS or not proven:
        return []
    found = join_words([f"{row.label} ({format_percent(tested.delta.mean)})" for row, tested in proven])
    single_out = "it" if len(proven) == 1 else "them"
    return [f"On test data {found} did gain, but validation data did not single {single_out} out."]


def shown_to_gain(comparison: Comparison) -> list[tuple[Row, Measurement]]:
    """The configurations whose mean gain on test is shown to be above zero."""
    return [(row, tested) for row, tested in comparison.tested_rows if row.multi and tested.delta.call == HELPS]


def told_apart(comparison: Comparison, best: Row) -> str:
    """That a gain of several tasks need not come from the auxiliary ones; empty where an entry does."""
    needed = auxiliary_of(comparison.baseline)
    helping = [task for task in auxiliary_of(best) if task not in needed]
    without = any(row.multi and set(auxiliary_of(row)) <= set(needed) for row in comparison.rows)
    if not helping or len(comparison.tasks) == 1 or without:
        return ""
    learned = [task for task in comparison.learned if task in {*comparison.tasks, *needed}]
    grouping = best.records[0].config.get("grouping")
    model = f"{best.model.split()[0]} grouping={'auto' if grouping == 'auto' else 'null'}" if grouping else best.model
    tasks = named(comparison.tasks)
    auxiliary = f"[{','.join(needed)}]" if needed else "null"
    entry = f"{model} tasks=[{','.join(learned)}] auxiliary={auxiliary}"
    return (
        f"How much of it comes from {named(helping)}, and how much from learning {tasks} together, is not told apart: "
        f"a further entry in models does, such as '{entry}'."
    )
