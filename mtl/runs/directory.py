"""Run directory: where a run lives, its state, and its result. Everything is written whole or not at all.

``<output>/runs/<task>/<model>-<weighting>/<run id>/`` holds::

    config.yaml    the resolved config, the run's truth
    state          one word: running, done, failed, interrupted, or pruned by a search or a screening
    fingerprint    of the data that the training began with
    notes.json     what there was to say of the data when the training began
    named.json     where the config names own code, or files for acting: a hash of each module and file
    statistics.json  what the suite fitted on the training rows, for suites that do
    affinity.json  what grouping=auto measured, and the groups that follow; affinity.png shows it
    best.ckpt      the checkpoint selected on validation     (tensors and plain values only)
    last.ckpt      the checkpoint of the last finished epoch (from here ``resume=<run>`` goes on)
    heads/         with finish_heads: the training of each task's own parameters; it begins with start.ckpt
    improvement.ckpt  the state of a search on the outcome of acting, which changes best.ckpt when it ends;
                   improvement-first.ckpt and so on are of its parts
    improvement.json  what came of each round of it, where it has rounds; improvement.png and .svg show it
    parent.json    of a run that improves a finished one: which
    trees.json     of a run without a network: its trees, as text
    tensorboard/   the dashboard; csv/ holds the same numbers as a table
    front.csv      of a network of every preference: what it reaches at a grid of them; front.png shows it
    contributions.npz  what each row of the test contributes to the metrics; see :mod:`mtl.runs.contributions`
    result.json    what came of it; see docs/result.md
    checksums.json SHA-256 of checkpoints, statistics, affinity, contributions and result; and of config.yaml, which is
                   looked at where the run is gone on with: a person may have changed it
    lock           who trains it now
    mlflow.json    with logger=mlflow: which run it is there
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from mtl.config.contents import acting_files
from mtl.config.own_modules import code_of
from mtl.config.run_config import SCHEMA, RunConfig
from mtl.config.run_result import AffinityResult, RunResult
from mtl.config.targets import check_config
from mtl.errors import InputError
from mtl.runs.checksums import check, checksums_of, sha256_of, write_checked_text
from mtl.runs.contributions import FILE, Contributions, read_contributions, write_contributions
from mtl.runs.files import make_unique_directory, read_json, read_json_if_whole, to_json, write_json, write_text
from mtl.runs.identity import run_id
from mtl.runs.plain_yaml import read_yaml
from mtl.runs.queries import check_queries, names_query

NAMED, NOTES = "named.json", "notes.json"  # in the directory of a run
MERGED = "mtl.merging.merged.Merged"  # what makes merged networks


def run_path(config: RunConfig) -> Path:
    """Where the first run of this config goes."""
    chosen = config.choices
    return Path(config.output, "runs", chosen.task, f"{chosen.model}-{chosen.weighting}", run_id(config))


LaterRuns = Mapping[str, Sequence[str]]  # by the id of a run, names of the directories beside its first one


def hashes_of(config: RunConfig) -> dict[str, str]:
    """Of what a config names, and its id does not tell from another of the same name: own code, files for acting."""
    return {**code_of(config), **acting_files(config)}


def later_runs(folder: Path) -> LaterRuns:
    """Names of the directories ``<id>-2``, ``<id>-3``, ... of a folder, by id."""
    found: dict[str, list[str]] = {}
    with suppress(OSError):  # there is no such folder yet
        for name in sorted(place.name for place in folder.iterdir()):
            run, dash, _ = name.partition("-")
            if dash:
                found.setdefault(run, []).append(name)
    return found


def finished(first: Path, later: Callable[[Path], LaterRuns] = later_runs) -> Iterator[Path]:
    """Directories with a result of the config whose first run goes to ``first``: that one, and ``-2``, ``-3``, ...

    A result without the contributions of its test rows is none. The folder around them, which may hold thousands of
    runs, is read only when more than the first is asked for.

    Args:
        first: where the first run goes.
        later: reads the folder; where many runs are looked for at once, it may remember what it found.

    Yields:
        Path: of each.
    """
    if _has_result(first):
        yield first
    names = later(first.parent).get(first.name, ())
    yield from (first.parent / name for name in names if _has_result(first.parent / name))


def _has_result(place: Path) -> bool:
    return all((place / name).is_file() for name in ("result.json", FILE))


class Parent(NamedTuple):
    """The finished run that another one improves.

    Attributes:
        directory: of the finished run.
        checkpoint: SHA-256 of its weights.
    """

    directory: str
    checkpoint: str

    @classmethod
    def of(cls, run: "Run") -> "Parent":
        """The parent that a run would be."""
        return cls(str(run.path), sha256_of(run.best))


class Run:
    """One run's directory.

    Args:
        path: the directory.
        trust: modules whose code its config may name, beside this package's and what ``conf/`` names.

    Attributes:
        path: the same.
        trust: the same.
        id: its run id.
    """

    def __init__(self, path: Path, trust: Sequence[str] = ()) -> None:
        self.path, self.trust = path, tuple(trust)
        self.id = path.name

    def __fspath__(self) -> str:
        """Its directory, so that a run stands wherever the path of one does."""
        return str(self.path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @classmethod
    def create(cls, config: RunConfig) -> "Run":
        """Make a new directory for this config.

        The same config run again gets ``<id>-2``, ``<id>-3``, ...: nothing is overwritten. InputError if no directory
        can be made there.
        """
        return cls(make_unique_directory(run_path(config)), config.trust)

    @classmethod
    def open(cls, path: str | PathLike[str], trust: Sequence[str] = ()) -> "Run":
        """An existing run; arguments as for the class. InputError if there is no such run."""
        if not isinstance(path, str | PathLike):
            raise InputError(f"no run: expected the path of a run directory, found a {type(path).__name__}")
        path = Path(path)
        if not path.is_dir():
            raise InputError(f"no run at '{path}': expected a run directory such as outputs/runs/<task>/<model>/<id>")
        if not (path / "config.yaml").is_file():
            raise InputError(f"'{path}' is no run directory: it has no config.yaml")
        return cls(path.resolve(), trust)

    @property
    def best(self) -> Path:
        """Checkpoint selected on validation."""
        return self.path / "best.ckpt"

    @property
    def last(self) -> Path:
        """Checkpoint of the last finished epoch."""
        return self.path / "last.ckpt"

    @property
    def heads(self) -> "Run":
        """The second training of a run that finishes its heads, which has no result of its own."""
        return Run(self.path / "heads", self.trust)

    @property
    def start(self) -> Path:
        """Of the second training of a run that finishes its heads, the checkpoint that it begins with."""
        return self.path / "start.ckpt"

    @property
    def improvement(self) -> Path:
        """Where a search on the outcome of acting keeps its state."""
        return self.path / "improvement.ckpt"

    @property
    def parent(self) -> Parent | None:
        """The finished run that this one improves; None if it was trained. InputError if the file is damaged."""
        path = self.path / "parent.json"
        if not path.is_file():
            return None
        found = read_json(path)
        return Parent(*(str(found.get(name, "")) for name in Parent._fields))

    @parent.setter
    def parent(self, found: Parent) -> None:
        write_json(self.path / "parent.json", found._asdict())

    @property
    def trees(self) -> Path:
        """Where a run without a network keeps its trees."""
        return self.path / "trees.json"

    @property
    def statistics(self) -> Path | None:
        """What the suite fitted on the training rows; None if it fits nothing.

        InputError if it is damaged, or missing where there was one or rows come from a query: it would be fitted anew,
        to rows that may be others now, and the query of somebody else would be run.
        """
        path = self.path / "statistics.json"
        check(path)
        if path.is_file():
            return path
        if checksums_of(path) or names_query(self.config.task):
            raise InputError(
                f"run '{self.path}' has no statistics.json, so what its inputs mean is not known: its directory was "
                "copied in part"
            )
        return None

    @property
    def fingerprint(self) -> str | None:
        """Of the data that the training began with; None where nothing was written down."""
        path = self.path / "fingerprint"
        return path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else None

    @fingerprint.setter
    def fingerprint(self, value: str) -> None:
        write_text(self.path / "fingerprint", value + "\n")

    @property
    def notes(self) -> list[str]:
        """What there was to say of the data when the training began: a run that is gone on with fits nothing anew."""
        found = read_json_if_whole(self.path / NOTES).get("notes")
        return [str(note) for note in found] if isinstance(found, list) else []

    @notes.setter
    def notes(self, notes: Sequence[str]) -> None:
        if notes and not (self.path / NOTES).is_file():  # a run that is gone on with keeps what it began with
            write_json(self.path / NOTES, {"notes": list(notes)})

    @property
    def state(self) -> str:
        """running, done, failed, interrupted or pruned; empty before anything happened."""
        path = self.path / "state"
        return path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else ""

    @state.setter
    def state(self, value: str) -> None:
        write_text(self.path / "state", value + "\n")

    @property
    def config(self) -> RunConfig:
        """What the run was told, with the opener's ``trust``: what the file says of that is not heard.

        InputError if the file is damaged, of another version, not of a run, or names code that is not trusted.
        """
        path = self.path / "config.yaml"
        values = read_yaml(path)
        if not isinstance(values, dict):
            raise InputError(f"'{path}' is not the config of a run: expected a mapping")
        check_schema(values, f"run '{self.path}'")
        values["trust"] = list(self.trust)
        config = RunConfig.read(values, refusal(path, "is not the config of a run"))
        try:
            check_config(config)
            check_queries(config)
        except InputError as error:
            raise InputError(f"'{path}': {error}") from None
        return config

    @config.setter
    def config(self, config: RunConfig) -> None:
        values = {key: value for key, value in config.plain().items() if key != "trust"}
        write_checked_text(self.path / "config.yaml", yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
        named = hashes_of(config)
        if named and not (self.path / NAMED).is_file():  # a run that is gone on with keeps what it began with
            write_json(self.path / NAMED, named)

    @property
    def is_another(self) -> bool:
        """Whether ``config.yaml`` was changed, so that it asks another question than that which the run began with."""
        path = self.path / "config.yaml"
        noted = checksums_of(path)
        return bool(noted) and sha256_of(path) not in noted and run_id(self.config) != self.id.partition("-")[0]

    @property
    def named(self) -> dict[str, str]:
        """By name of a module of own code, or path of a file for acting, its hash when the run began."""
        return {name: str(value) for name, value in read_json_if_whole(self.path / NAMED).items()}

    def changed(self, config: RunConfig) -> list[str]:
        """Modules of own code, and files for acting, that are others now than when the run began, as far as it says."""
        was = self.named
        now = hashes_of(config) if was else {}
        return sorted(name for name in {*was, *now} if was.get(name) != now.get(name)) if now else []

    @property
    def result(self) -> RunResult:
        """What came of the run. InputError if it has not finished, or the file is damaged or of another version."""
        path = self.path / "result.json"
        if not path.is_file():
            raise InputError(f"run '{self.path}' has no result.json: its state is '{self.state or 'unknown'}'")
        return read_result(path)

    @property
    def affinity(self) -> AffinityResult | None:
        """What ``grouping=auto`` measured, and the groups that follow; None if nothing was.

        InputError if the file is damaged.
        """
        path = self.path / "affinity.json"
        check(path)
        return AffinityResult.read(read_json(path), refusal(path, "is damaged")) if path.is_file() else None

    @affinity.setter
    def affinity(self, found: AffinityResult) -> None:
        write_checked_text(self.path / "affinity.json", to_json(found.plain()))

    @property
    def contributions(self) -> Contributions:
        """What each row of the test contributes to the metrics; a run with a result has it.

        InputError if the run has not finished, or the file is missing, damaged, or of other tasks or rows.
        """
        result = self.result
        return read_contributions(self.path / FILE, list(result.tasks), result.data.rows["test"])

    @contributions.setter
    def contributions(self, found: Contributions) -> None:
        write_contributions(self.path / FILE, found)

    def finish(self, result: RunResult) -> RunResult:
        """Write the result, then say that the run is done. Returns the result with the time at which that was."""
        dated = result.model_copy(update={"finished": datetime.now(UTC).isoformat(timespec="milliseconds")})
        write_checked_text(self.path / "result.json", to_json(dated.plain()))
        self.state = "done"
        return dated


def read_result(path: Path) -> RunResult:
    """The result that a file holds. InputError if it is damaged, not of a run, or not what its config says."""
    check(path)
    found = read_json(path)
    check_schema(found, f"'{path}'")
    result = RunResult.read(found, refusal(path, "is damaged"))
    if result.replicas > 1 and str(result.config.model.get("_target_")) == MERGED:
        raise InputError(
            f"'{path}' is not of merged networks: an earlier version trained several such runs at once, as one network "
            "of all tasks; train it again"
        )
    return result


def refusal(path: Path, why: str) -> str:
    """What is said of a file of a run whose keys or values are not those that are expected.

    Args:
        path: of the file.
        why: where it may have been changed since it was written.

    Returns:
        How the line begins.
    """
    whole = sha256_of(path) in checksums_of(path)
    return f"'{path}' {'was written by another version, train the run again' if whole else why}"


def check_schema(values: Mapping[str, Any], what: str) -> None:
    """Raise InputError where a file of a run was written by another version; before there was a schema it was 1."""
    found = values.get("schema", 1)
    if found != SCHEMA:
        raise InputError(f"{what} is of schema {found}, and this version reads {SCHEMA}: train it again")


def newest(output: str | Path) -> Run:
    """The run under ``output`` that finished last. InputError if there is none."""
    results = list(Path(output).glob("runs/*/*/*/result.json"))
    if not results:
        raise InputError(f"no finished run under '{output}': train one first, or name one with run=<run directory>")
    last = max(results, key=lambda path: finished_at(path, read_json_if_whole(path).get("finished")))
    return Run.open(last.parent)


def finished_at(path: Path, recorded: Any) -> datetime:
    """When a run finished, in UTC: as it says itself, since a copy of a directory has other times of files.

    Args:
        path: its ``result.json``, whose time is taken where the run says nothing.
        recorded: what that file says.

    Returns:
        The time.
    """
    try:
        found = datetime.fromisoformat(recorded)
    except (TypeError, ValueError):  # a run of before, or a damaged one
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
