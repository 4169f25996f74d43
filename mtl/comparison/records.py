"""Finished runs as records: what a comparison needs of each, read from its directory; broken ones are named."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from math import nan
from pathlib import Path
from typing import Any

from mtl.config.run_result import AffinityResult, RunResult, TaskFacts
from mtl.errors import InputError
from mtl.runs import contributions
from mtl.runs.contributions import Contributions, read_contributions
from mtl.runs.directory import Run, read_result
from mtl.runs.identity import configuration_id, identity

PLAN = "plan.json"  # in the directory of a comparison that was planned: its runs, by name
OF_OUTPUT = 3  # the place of the output directory among the parents of a run directory


@dataclass(frozen=True)
class Problem:
    """A run or file that could not be used, and why."""

    path: str
    reason: str


def planned_path(plan: Path, text: str) -> Path:
    """Where a planned run is: in the output directory of its plan, also where that was moved or copied as a whole.

    Args:
        plan: its file, ``<output>/comparisons/<name>/plan.json``.
        text: the run's directory as the plan has it, ``<output>/runs/<suite>/<method>/<id>``.

    Returns:
        The directory; the one that the plan has where the runs are not beside the comparison.
    """
    path = Path(text)
    if len(path.parents) <= OF_OUTPUT:
        return path
    moved = plan.resolve().parents[2] / path.relative_to(path.parents[OF_OUTPUT])
    return moved if moved.parent.is_dir() else path


@dataclass(frozen=True)
class Record:
    """One finished run.

    Attributes:
        path: its directory.
        configuration: hash of its config without the seed; runs that share it differ in the seed only, and in the split
            where a plan says so.
        suite, fingerprint: the data.
        model, weighting, seed: what was chosen.
        directions: by task that counts, whether a higher primary metric is better.
        primary: by task that counts, the name of the primary metric.
        val, test: by task that counts, the primary metric.
        score: geometric mean of the validation losses of the tasks that count, lower being better.
        parameters: trainable numbers in all.
        seconds: of training; inference: of predicting one batch of up to 1024 rows.
        memory: peak bytes.
        execution: what came of acting with the network; empty if it did not act.
        config: what can change a number in it, as plain values.
        environment: versions and machine.
        kept: reads what each test row contributes to the primary metrics, and each instance to acting.
        rows: by split.
        still_improving: whether the budget ended it at its best epoch.
        notes: warnings of its training.
        affinity: what was measured to find groups of tasks; None if the config names none or says them.
        replicas: runs that were trained at once, this one among them: its seconds are its share of what all took, and
            its memory is that of all.
        named: by module of own code or file for acting, its hash when the run began.
        auxiliary: by task that was learned to help the others and does not count, what it is measured by.
        auxiliary_test: by such a task, its primary metric on test.
        learned: names of all tasks, in the order of every vector.
    """

    path: Path
    configuration: str
    suite: str
    fingerprint: str
    model: str
    weighting: str
    seed: int
    directions: dict[str, bool]
    primary: dict[str, str]
    val: dict[str, float]
    test: dict[str, float]
    score: float
    parameters: int
    seconds: float
    inference: float
    memory: float
    execution: dict[str, float]
    config: dict[str, Any]
    environment: dict[str, str]
    kept: Callable[[], Contributions]
    rows: dict[str, int]
    still_improving: bool = False
    notes: tuple[str, ...] = ()
    affinity: AffinityResult | None = None
    replicas: int = 1
    named: dict[str, str] = field(default_factory=dict)
    auxiliary: dict[str, TaskFacts] = field(default_factory=dict)
    auxiliary_test: dict[str, float] = field(default_factory=dict)
    learned: tuple[str, ...] = ()

    @property
    def question(self) -> tuple[object, ...]:
        """What has to be equal for two runs to be comparable beside their data.

        Suite, tasks that count, primary metrics, and the column by which rows count in these.
        """
        return self.suite, tuple(self.primary.items()), tuple(self.directions.items()), self.row_weight

    @property
    def row_weight(self) -> str | None:
        """The column by which rows count in metrics; None: they count alike."""
        task = self.config.get("task")
        found = task.get("row_weight") if isinstance(task, Mapping) else None
        return None if found is None else str(found)

    @property
    def test_share(self) -> float:
        """Test rows over training rows."""
        return self.rows["test"] / self.rows["train"]


def record(path: Path) -> Record:
    """The record of one run directory. InputError says what is wrong with it."""
    found = read_result(path / "result.json")
    if not (path / contributions.FILE).is_file():
        raise InputError(f"run '{path}' keeps no {contributions.FILE}: train it again")
    val, test = (found.metrics[split] for split in ("val", "test"))
    auxiliary = {name: task for name, task in found.tasks.items() if task.auxiliary}
    counted = {name: task for name, task in found.tasks.items() if not task.auxiliary}
    primary = {name: task.primary for name, task in counted.items()}
    return Record(
        path=path,
        configuration=configuration_id(found.config),
        suite=found.choices.task,
        fingerprint=found.data.fingerprint,
        model=model_of(found),
        weighting=found.choices.weighting,
        seed=found.seed,
        directions={name: task.higher_is_better for name, task in counted.items()},
        primary=primary,
        val={name: number(val.tasks.get(name, {}).get(metric)) for name, metric in primary.items()},
        test={name: number(test.tasks.get(name, {}).get(metric)) for name, metric in primary.items()},
        score=number(val.score),
        parameters=found.parameters.total,
        seconds=found.seconds.fit,
        inference=number(found.seconds.inference),
        memory=number(found.peak_memory_bytes),
        execution={k: float(v) for k, v in (found.execution or {}).items() if isinstance(v, int | float)},
        config=identity(found.config),
        environment=found.environment,
        kept=cache(
            partial(read_contributions, path / contributions.FILE, tuple(found.tasks), found.data.rows.get("test"))
        ),
        rows=dict(found.data.rows),
        still_improving=found.selection.still_improving,
        notes=tuple(found.notes),
        affinity=found.affinity,
        replicas=found.replicas,
        named=Run(path).named,
        learned=tuple(found.tasks),
        auxiliary=auxiliary,
        auxiliary_test={name: number(test.tasks.get(name, {}).get(task.primary)) for name, task in auxiliary.items()},
    )


def model_of(found: RunResult) -> str:
    """The model of a result, and whether it is one for each of several groups of tasks."""
    model = found.choices.model
    return f"{model} in groups" if found.config.grouping and model != "single_task" else model


def number(value: float | None) -> float:
    """A measured number; NaN for None, which stands for what was not measured or not finite."""
    return nan if value is None else value


def read(paths: Iterable[Path]) -> tuple[list[Record], list[Problem]]:
    """Records of all runs at or below these paths, in order of path, and what could not be used.

    Of several runs with the same config, seed and data the first counts: they answer the same question. When the runs
    are of unlike suites, data or tasks, the question with most runs is kept.
    """
    records: dict[tuple[Any, ...], Record] = {}
    problems: list[Problem] = []
    for path in paths:
        if not path.is_dir():
            problems.append(Problem(str(path), "no such directory"))
            continue
        for place in sorted({file.parent for name in ("result.json", "config.yaml") for file in path.rglob(name)}):
            if not (place / "result.json").is_file():
                if (place / "state").is_file():
                    state = (place / "state").read_text(encoding="utf-8").strip()
                    problems.append(Problem(str(place), f"unfinished: {state}"))
                continue
            try:
                one = record(place)
            except InputError as error:
                problems.append(Problem(str(place), str(error)))
                continue
            records.setdefault((one.configuration, one.seed, one.fingerprint), one)
    return comparable(list(records.values()), problems)


def comparable(
    records: list[Record], problems: list[Problem], *, resplit: bool = False
) -> tuple[list[Record], list[Problem]]:
    """The records of the question with most runs; the others become problems.

    Args:
        records: of runs.
        problems: known already.
        resplit: whether each seed has data of its own: then only runs of one seed have to agree in it, as their plan
            sees to.

    Returns:
        Records and problems.
    """

    def question_of(one: Record) -> tuple[object, ...]:
        return one.question if resplit else (*one.question, one.fingerprint)

    questions = [question_of(one) for one in records]
    if not questions:
        return [], problems
    main = max(dict.fromkeys(questions), key=questions.count)
    usual = next(one for one in records if question_of(one) == main)
    foreign = [Problem(str(one.path), unlike(one, usual)) for one in records if question_of(one) != main]
    return [one for one in records if question_of(one) == main], [*problems, *foreign]


def unlike(one: Record, usual: Record) -> str:
    """Why a run cannot be compared with the usual ones of a report."""
    if one.question != usual.question:
        tasks = ", ".join(f"{task} ({metric})" for task, metric in one.primary.items())
        by = [None if each.row_weight is None else f"'{each.row_weight}'" for each in (one, usual)]
        weights = "" if by[0] == by[1] else f", task.row_weight {by[0] or 'null'} in place of {by[1] or 'null'}"
        return f"another question: suite {one.suite}, tasks {tasks}{weights}"
    return (
        f"other data than most runs here (fingerprint {one.fingerprint}, not {usual.fingerprint}), as every split of "
        "data=resplit is, but for reports of its comparisons"
    )


def flatten(node: Any, prefix: str = "") -> dict[str, str]:
    """Nested values as dotted keys with texts."""
    if isinstance(node, Mapping) and node:
        found = [flatten(value, f"{prefix}.{key}" if prefix else str(key)) for key, value in node.items()]
        return {key: value for part in found for key, value in part.items()}
    return {prefix: str(node)}
