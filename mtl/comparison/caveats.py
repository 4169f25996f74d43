"""How far the evidence of a comparison goes: what was not measured, not finished, or unlike."""

from collections.abc import Sequence
from math import isfinite

from mtl.comparison.design import CONFIRM, FULL
from mtl.comparison.notes import merge_notes
from mtl.comparison.records import Record
from mtl.comparison.statistics.gains import PLAIN
from mtl.comparison.types import UNCLEAR, Comparison, Measurement, Row
from mtl.comparison.wording import count_noun, join_words

CODE = ("mtl", "commit", "torch")  # of a run's environment: what may change its numbers beyond rounding
SHORT = 12  # letters of a version or a commit in a sentence


def caveats(comparison: Comparison, best: Row) -> list[str]:
    """How far the evidence goes."""
    out = []
    improving = [row.label for row in (comparison.baseline, best) if row.still_improving]
    if improving:
        out.append(
            f"{join_words(improving)} still improved when the budget ended the training, so nothing is claimed: "
            "give more epochs."
        )
    unclaimed = [
        row.label
        for row in comparison.rows
        if row.still_improving and not improving and row.label in comparison.against
        if not isfinite(comparison.against[row.label].interval[0])
    ]
    if unclaimed:
        out.append(
            f"{join_words(unclaimed)} still improved when the budget ended the training, so nothing is claimed of the "
            "difference to it: give more epochs."
        )
    plain = [task for task in comparison.tasks if comparison.scales[task] == PLAIN]
    if plain:
        out.append(f"The gain of {join_words(plain)} is a {PLAIN.reason}, in delta_m too.")
    for row in comparison.rows:
        if row.multi and not isfinite(row.delta_validation):
            found = unmeasured(row.label, [one for one in row.records if one.seed in row.screened])
            out += [f"{row.label} was no candidate for the best configuration. {sentence}" for sentence in found[:1]]
    if best.tested is not None:
        base = [one for one in comparison.baseline.records if one.seed in best.tested.seeds]
        out += unmeasured(comparison.baseline.label, base, "test")
        out += unmeasured(best.label, best.tested.records, "test")
    noted = [one for one in best.records if one.notes]
    if noted:
        runs = count_noun(len(best.records), "run")
        notes = list(merge_notes(note for one in noted for note in one.notes).values())
        others = f" (and {count_noun(len(notes) - 1, 'other note')}, which the report lists)" if len(notes) > 1 else ""
        out.append(f"{len(noted)} of {runs} of {best.label} warned: {notes[0]}{others}")
    out += unlike_versions([*comparison.baseline.records, *best.records])
    if best.tested is not None and len(best.tested.seeds) == 1:
        out.append("One seed says nothing about chance: start the command again with more.")
    if comparison.unpaired:
        has = "has" if len(comparison.unpaired) == 1 else "have"
        out.append(
            f"{join_words(comparison.unpaired)} {has} no run on a seed of the baseline, and no part in this report."
        )
    if comparison.design.kind != CONFIRM:
        most = max((len(tested.seeds) for _, tested in comparison.tested_rows), default=0)
        unlike = [
            row.label
            for row, tested in comparison.tested_rows
            if row.multi and len(tested.seeds) < most and not decided_early(comparison, tested)
        ]
        if unlike:
            out.append(f"Seeds are missing for {join_words(unlike)}.")
    return out


def unmeasured(label: str, records: Sequence[Record], split: str = "validation") -> list[str]:
    """Which primary metrics some runs have no number of, and so no gain.

    Args:
        label: of the configuration.
        records: its runs.
        split: ``validation`` or ``test``.

    Returns:
        A sentence for each such task.
    """
    out = []
    for task, metric in records[0].primary.items() if records else ():
        values = [(one.seed, (one.val if split == "validation" else one.test)[task]) for one in records]
        lacking = [str(seed) for seed, value in values if not isfinite(value)]
        if lacking:
            seeds = f"{'seed' if len(lacking) == 1 else 'seeds'} {join_words(lacking)}"
            out.append(
                f"{task}: {metric} is no number on the {split} rows of {len(lacking)} of "
                f"{count_noun(len(values), 'run')} of {label} ({seeds}), so no gain is measured."
            )
    return out


def decided_early(comparison: Comparison, tested: Measurement) -> bool:
    """Whether an earlier one of the planned looks had an answer, after which later seeds do not count."""
    return comparison.design.kind == FULL and bool(tested.looks) and tested.looks[-1].call != UNCLEAR


def unlike_versions(records: Sequence[Record]) -> list[str]:
    """That runs of the baseline and of the best configuration were made by unlike code; empty where they were not."""
    found = []
    for name in CODE:
        values = dict.fromkeys((one.environment.get(name) or "unknown")[:SHORT] for one in records)
        found += [f"{name} {join_words(values)}"] if len(values) > 1 else []
    for name in dict.fromkeys(name for one in records for name in one.named):  # not all name the same
        values = dict.fromkeys(one.named[name][:SHORT] for one in records if name in one.named)
        found += [f"{name} {join_words(values)}"] if len(values) > 1 else []
    return [f"These runs were made by unlike code, which may be a difference too: {'; '.join(found)}."] if found else []
