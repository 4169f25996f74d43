"""Gather the runs that a report is about, from directories of comparisons and of runs."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mtl.comparison.catalogue import state_of
from mtl.comparison.comparison import compare
from mtl.comparison.design import Design
from mtl.comparison.records import OF_OUTPUT, PLAN, Problem, Record, comparable, planned_path, read, record
from mtl.comparison.report.content import Report
from mtl.comparison.report.publish import publish
from mtl.comparison.report.readme import Provenance, write_readme
from mtl.comparison.types import Rules
from mtl.comparison.verdict import verdict
from mtl.errors import InputError
from mtl.runs import contributions
from mtl.runs.attempts import attempt_file
from mtl.runs.directory import finished
from mtl.runs.files import read_json_if_whole


@dataclass(frozen=True)
class PlannedRun:
    """A run that a plan names.

    Attributes:
        name: its configuration and seed.
        configuration: id of its configuration, the same for all seeds, also where each has a split of its own.
        path: the directory of the first attempt; later ones stand beside it.
        fingerprint: of its data.
        attempt: the file about the last attempt at it.
    """

    name: str
    configuration: str
    path: Path
    fingerprint: str
    attempt: Path

    @classmethod
    def of(cls, run: Mapping[str, Any], file: Path) -> "PlannedRun":
        """From plan.json, which is ``file``."""
        path = planned_path(file, run["path"])
        attempt = attempt_file(path.parents[OF_OUTPUT], str(run["key"]))
        name = f"{run['label']}, seed {int(run['seed'])}"
        return cls(name, str(run["configuration"]), path, str(run["fingerprint"]), attempt)


@dataclass
class GatheredRuns:
    """Runs and what is known of them.

    Attributes:
        records: finished runs.
        problems: runs that failed or could not be used.
        names: labels by configuration id.
        rules: when a difference counts.
        planned_rules: of each plan; where several differ, the usual ones are applied.
        design: of the one plan that the runs are of; of several plans whose seeds each have a split of their own, one
            look at all of their runs; None: they were found, or are of several other plans.
        splits: of each path, the fingerprint of each seed where each has a split of its own; None: they have not.
        command: that made the runs; empty if not known.
        question: that they answer; empty if not known.
        took: how long making them took, in words; empty if not known.
        again: commands of the plans some of whose runs are missing or unfinished, which train these.
    """

    records: list[Record] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    planned_rules: list[Rules] = field(default_factory=list)
    design: Design | None = None
    splits: dict[Path, dict[int, str] | None] = field(default_factory=dict)
    command: str = ""
    question: str = ""
    took: str = ""
    again: list[str] = field(default_factory=list)

    def add(self, path: Path) -> None:
        """Read the directory of a comparison, or a directory of runs. InputError if its plan is damaged."""
        if (path / PLAN).is_file():
            self.add_plan(path / PLAN)
        else:
            self.splits[path] = None
            records, problems = read([path])
            self.records += records
            self.problems += problems

    def add_plan(self, file: Path) -> None:
        """Read the runs of a plan, and what it says of them. InputError if it is damaged."""
        plan = read_json_if_whole(file)
        try:
            self.names |= {str(key): str(label) for key, label in plan["names"].items()}
            self.rules = Rules(alpha=float(plan["rules"]["alpha"]), margin=float(plan["rules"]["margin"]))
            self.planned_rules.append(self.rules)
            self.command, self.question = str(plan["command"]), str(plan["question"])
            self.took = str(plan.get("took", ""))
            left_out = [Problem(str(name), str(why)) for name, why in plan.get("left_out", {}).items()]
            self.design = with_places(Design.read(plan["design"]), file)
            runs = [PlannedRun.of(run, file) for run in plan["runs"]]
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"'{file}' is damaged or not of a comparison: {error!r}") from None
        fingerprints = {int(run["seed"]): str(run["fingerprint"]) for run in plan["runs"]}
        self.splits[file.parent] = fingerprints if self.design.resplit else None
        self.problems += left_out
        for run in runs:
            self.add_run(run)

    def add_run(self, run: PlannedRun) -> None:
        """Read a planned run: the first of its attempts that finished with the planned data, or why there is none."""
        unusable = []
        for place in finished(run.path):
            try:
                one = record(place)
            except InputError as error:
                unusable.append(Problem(str(place), str(error)))
                continue
            if one.fingerprint == run.fingerprint:
                self.records.append(replace(one, configuration=run.configuration))
                self.problems += unusable
                return
        self.problems += unusable
        attempt = read_json_if_whole(run.attempt)
        if attempt.get("error"):
            self.problems.append(Problem(run.name, f"failed: {attempt['error']}"))
        elif not unusable:
            self.problems.append(Problem(run.name, why_unfinished(run, attempt)))
            if self.command not in self.again:
                self.again.append(self.command)


def why_unfinished(run: PlannedRun, attempt: Mapping[str, Any]) -> str:
    """Why there is no result of a run that did not fail: it was deleted, not begun, or is under way.

    Args:
        run: of a plan.
        attempt: what is known of the last attempt at it; its directory may be named as it was before a move.

    Returns:
        In words.
    """
    begun = attempt.get("run")
    place = run.path.with_name(Path(str(begun)).name) if begun else run.path
    named = Path(*place.parts[-OF_OUTPUT - 1 :])  # from the output directory on, which tells no machine
    if not place.is_dir():
        return f"missing: '{named}' {'was deleted or moved' if begun else 'is not there, not begun or deleted'}"
    if (place / "result.json").is_file():
        return f"missing: '{named}' keeps no {contributions.FILE}"
    return f"unfinished: '{named}' is {state_of(place)}"


def with_places(design: Design, file: Path) -> Design:
    """The design of a plan, which is ``file``, with the runs that screening stopped where they are now."""
    stopped = [replace(one, run=str(planned_path(file, one.run))) if one.run else one for one in design.stopped]
    return replace(design, stopped=tuple(stopped))


def gather(paths: Sequence[Path]) -> GatheredRuns:
    """The runs below these paths that answer one question, each once; the others are among the problems.

    Args:
        paths: directories of comparisons or of runs.

    Returns:
        The runs.

    Raises:
        InputError: a plan is damaged, or comparisons whose seeds each have a split of their own cannot be put together.
    """
    found = GatheredRuns()
    for path in paths:
        found.add(path)
    once: dict[Path, Record] = {}
    for one in found.records:
        once.setdefault(one.path.resolve(), one)
    found.records = list(once.values())
    found.problems = list(dict.fromkeys(found.problems))
    if len(paths) > 1:  # what one plan says of its looks and its runs does not hold for the runs of several
        found.design, found.command, found.question, found.took = None, "", "", ""
        found.rules = found.rules if len(set(found.planned_rules)) == 1 else Rules()
        if any(found.splits.values()):
            check_splits(found.splits)
            found.design = replace(Design.unplanned(sorted({one.seed for one in found.records})), resplit=True)
    resplit = found.design is not None and found.design.resplit
    found.records, found.problems = comparable(found.records, found.problems, resplit=resplit)
    return found


def check_splits(splits: Mapping[Path, dict[int, str] | None]) -> None:
    """Raise InputError if runs cannot be put together because each seed has a split of its own in some of them.

    That two tables are the same is seen where they are divided by the same seed, so all comparisons have to be of the
    same splits where they have the same seeds, and each has to share a seed with others.

    Args:
        splits: by path, the fingerprint of each seed; None: all seeds have one split, or it is not known.
    """
    first, *others = splits
    own = next(path for path, fingerprints in splits.items() if fingerprints)
    shared = next((path for path, fingerprints in splits.items() if not fingerprints), None)
    if shared is not None:
        raise InputError(
            f"every seed of '{own}' has a split of its own (data=resplit), and those of '{shared}' have one split: "
            "expected a report of each by itself"
        )
    known, left = dict(splits[first] or {}), list(others)
    while left:
        path = next((one for one in left if known.keys() & (splits[one] or {}).keys()), None)
        if path is None:
            raise InputError(
                f"'{left[0]}' has no seed in common with '{first}': with data=resplit only the same seeds show that "
                "both are of one table: expected a report of each by itself"
            )
        unlike = [seed for seed, split in (splits[path] or {}).items() if known.get(seed, split) != split]
        if unlike:
            raise InputError(
                f"'{path}' has other rows than '{first}' for seed {unlike[0]}: another table, or one that is divided "
                "otherwise: expected a report of each by itself"
            )
        known |= splits[path] or {}
        left.remove(path)


def write_report(runs: GatheredRuns, directory: Path, folder: Path | None = None) -> Report:
    """Compare runs and write the report.

    Args:
        runs: at least one.
        directory: where to; the report is called like it.
        folder: where to keep a short README of it as well.

    Returns:
        What the report shows.

    Raises:
        InputError: nothing can be compared.
    """
    comparison = compare(runs.records, runs.rules, runs.names, runs.design)
    decided = verdict(comparison)
    report = Report(directory.name, runs.command, comparison, decided, tuple(runs.problems), tuple(runs.again))
    figures = publish(directory, report)
    if folder is not None:
        training = f"training {sum(one.seconds for one in runs.records):,.0f} s in all, of one run after the other"
        provenance = Provenance(runs.question, "; ".join(filter(None, (runs.took, training))))
        write_readme(folder, report, provenance, figures)
    return report


def report_directory(paths: Sequence[Path], runs: GatheredRuns, name: str | None = None) -> Path:
    """Where the report of the runs below these paths goes.

    Args:
        paths: directories of comparisons or of runs.
        runs: what was found there.
        name: of the report. By default that of the one comparison, or else one made of the names of all paths and a
            hash of what is compared, so that two comparisons never share a directory.

    Returns:
        A directory, which may be there.

    Raises:
        InputError: the name is that of a planned comparison, whose report is about other runs.
    """
    if name is None and len(paths) == 1 and (paths[0] / PLAN).is_file():
        return paths[0]
    first = paths[0].resolve()
    output = next(
        (parent.parent for parent in (first, *first.parents) if parent.name in ("runs", "comparisons")), first
    )
    if name is not None:
        directory = output / "comparisons" / name
        if (directory / PLAN).is_file() and directory.resolve() not in (path.resolve() for path in paths):
            raise InputError(f"name={name}: '{directory}' holds a comparison of its own: expected a new name")
        return directory
    joined = "+".join(dict.fromkeys(path.resolve().name for path in paths))
    return output / "comparisons" / f"{joined}-{digest(runs)}"


def digest(runs: GatheredRuns) -> str:
    """Eight hexadecimal digits of what is compared: configurations, data, and how they are judged; not of the seeds."""
    compared = sorted({(one.configuration, one.fingerprint) for one in runs.records})
    text = json.dumps([compared, runs.rules.alpha, runs.rules.margin])
    return hashlib.sha256(text.encode()).hexdigest()[:8]
