"""What a comparison is asked to do: its settings, and the overrides that all its runs share. Imports no torch."""

import re
from collections.abc import Mapping
from itertools import count, islice, product
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from mtl.config.fields import Frozen, format_value
from mtl.errors import unknown

BASELINE = "single_task"
AT_ONCE = 16  # runs; more of them gain little, and their memory grows
SAME_PARAMETERS, SAME_SECONDS = "same_parameters", "same_seconds"
MATCHED = (SAME_PARAMETERS, SAME_SECONDS)
TREES = "trees"
MERGED = "merged"
FRONT = "front"  # a weighting that stands for a grid of fixed weights
BASELINES = (*MATCHED, TREES, MERGED)
APART = (BASELINE, TREES, MERGED, "common_start")  # models whose tasks are trained by themselves


def keys_of(entry: str) -> set[str]:
    """The keys that an entry of a comparison gives a value, beside its name."""
    return {part.partition("=")[0].lstrip("+") for part in entry.split()[1:]}


def _list_of_one(value: Any) -> Any:
    """A whole number as a list of it."""
    return [value] if type(value) is int else value


def _names() -> Any:
    return Field(min_length=1, description="a list of at least one name, e.g. [hard,gated]")


Entry = Annotated[str, Field(pattern=r"\S")]  # of models or weightings: a name, and overrides of its own after a space
Seed = Annotated[int, Field(ge=0)]
Switch = Annotated[bool, Field(description="true or false")]


class Study(Frozen):
    """Settings of a comparison; conf/compare.yaml explains each.

    Attributes:
        overrides: of every run.
        subject: the study file or the suite, for titles.
        question: the first line of the study file; empty without one.
        name: of the comparison's directory; None: named by what it compares.
        models: with overrides of their own after a space.
        weightings: likewise.
        design: ``confirm`` or ``full``, see :mod:`mtl.comparison.design`.
        screen: seeds on which all configurations are ranked on validation.
        halving: after a part of their training the better half goes on; None: where runs are trained one by one.
        looks: numbers of deciding seeds after which one looks.
        seeds: one look at so many deciding seeds, or at these; None: as ``looks`` says.
        first_seed: the seeds begin with it.
        data: ``fixed``: all seeds share one split; ``resplit``: each has its own.
        front: of the weighting called front: loss weights are multiples of one in so many parts.
        budget: most optimizer steps of every run; None: what the config says.
        baselines: beside the single-task one.
        merges: ways to merge of the baseline called merged, with overrides of their own after a space.
        match: the model whose size and duration these have; None: that of the configuration chosen.
        tune: values of the grid are chosen on validation.
        grid: values by dotted key.
        alpha: chance of any false claim.
        margin: a gain within +-margin is too small to matter.
        workers: processes that train; None: one per core; 0: this process.
        replicas: most runs that a process trains at once; None: :data:`AT_ONCE`, or 1 where one keeps a core busy.
        leases: address of a database that says which process is at a run; None: files do.
        dry_run: print the plan and stop.
        fail_fast: stop at the first run that fails.
        keep: a folder for a README with the result.
    """

    overrides: list[str]
    subject: str
    question: str
    name: Annotated[str | None, Field(description="the name of a directory: letters, digits, spaces and any of _.=,+-")]
    models: Annotated[list[Entry], _names()]
    weightings: Annotated[list[Entry], _names()]
    design: Annotated[Literal["confirm", "full"], Field(description="confirm or full")]
    screen: Annotated[int, Field(ge=1, description="a whole number, 1 or more")]
    halving: Annotated[Literal[True, False] | None, Field(description="true, false or null")]
    looks: Annotated[
        list[Annotated[int, Field(ge=1)]],
        BeforeValidator(_list_of_one),
        Field(min_length=1, description="growing numbers of seeds, e.g. [3,5,8,12]"),
    ]
    seeds: Annotated[
        Annotated[int, Field(ge=1, strict=True)] | Annotated[list[Seed], Field(min_length=1)] | None,
        Field(description="a number of seeds, a list of seeds, or null"),
    ]
    first_seed: Annotated[int, Field(ge=0, description="a whole number, 0 or more")]
    data: Annotated[Literal["fixed", "resplit"], Field(description="fixed or resplit")]
    front: Annotated[int, Field(ge=2, le=100, description="a whole number, 2 to 100")]
    budget: Annotated[int | None, Field(ge=1, description="a whole number, 1 or more, or null")]
    baselines: Annotated[list[str], Field(description=f"a list of some of {', '.join(BASELINES)}, or []")]
    merges: Annotated[list[Entry], _names()]
    match: Annotated[str | None, Field(description="one of the models, or null for the one chosen")]
    tune: Switch
    grid: Annotated[
        dict[str, Annotated[list[Any], Field(min_length=1)]],
        Field(description="lists of values by key, e.g. {optimizer.lr:[0.001,0.003]}"),
    ]
    alpha: Annotated[float, Field(ge=1e-6, lt=0.5, description="a number between 1e-6 and 0.5")]
    margin: Annotated[float, Field(gt=0, lt=1, description="a number between 0 and 1")]
    workers: Annotated[int | None, Field(ge=0, description="a whole number, 0 or more, or null")]
    replicas: Annotated[int | None, Field(ge=1, description="a whole number, 1 or more, or null")]
    leases: Annotated[
        str | None, Field(pattern="://", description="an address such as sqlite:////x/leases.db, or null")
    ]
    dry_run: Switch
    fail_fast: Switch
    keep: Annotated[str | None, Field(pattern=r"\S", description="a folder, or null")]

    @field_validator("models", "weightings", "seeds", "merges", "baselines")
    @classmethod
    def _each_once(cls, value: Any, info: Any) -> Any:
        if isinstance(value, list) and len(set(value)) < len(value):
            kind = "seed" if info.field_name == "seeds" else "name"
            raise ValueError(f"{info.field_name}={format_value(value)}: expected each {kind} once")
        return value

    @field_validator("name")
    @classmethod
    def _directory(cls, value: str | None) -> str | None:
        if value is not None:
            check_name(value)
        return value

    @field_validator("looks")
    @classmethod
    def _growing(cls, value: list[int]) -> list[int]:
        if value != sorted(set(value)):
            raise ValueError(f"looks={format_value(value)}: expected growing numbers of seeds, e.g. [3,5,8,12]")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if BASELINE in self.models:
            raise ValueError(
                f"models={format_value(self.models)}: expected models to compare with {BASELINE}, which is always there"
            )
        for entry in self.models:
            if entry.split()[0] in APART:
                raise ValueError(
                    f"models={format_value(self.models)}: {entry.split()[0]} trains every task by itself; expected it "
                    "in baselines, if at all"
                )
        for name in self.baselines:
            if name not in BASELINES:
                raise ValueError(str(unknown("baseline", name, BASELINES)))
        if self.match is not None and self.match not in self.models:
            raise ValueError(str(unknown("model in match", self.match, self.models)))
        if self.tune and not self.grid:
            raise ValueError("grid={}: expected a key to tune, since tune=true")
        tuned = {name.lstrip("+") for name in self.grid} if self.tune else set()
        for entry in (*self.models, *self.weightings):
            for key in sorted(keys_of(entry) & tuned):
                raise ValueError(f"'{entry}' says {key}, and so does grid: expected it in one of them")
        for model, weighting in product(self.models, self.weightings):
            for key in sorted(keys_of(model) & keys_of(weighting)):
                raise ValueError(f"'{model}' says {key}, and so does '{weighting}': expected it in one of them")
        return self

    @property
    def at_once(self) -> int:
        """Most runs that a process trains at once."""
        return AT_ONCE if self.replicas is None else self.replicas

    @property
    def planned_looks(self) -> list[int]:
        """Numbers of deciding seeds after which one looks."""
        if self.seeds is None:
            return self.looks
        return [self.seeds if isinstance(self.seeds, int) else len(self.seeds)]

    @property
    def screening_seeds(self) -> list[int]:
        """Seeds on which all configurations are ranked on validation: none that decides, unless all decide."""
        if self.design == "full":
            return self.deciding_seeds
        if isinstance(self.seeds, list):
            return list(islice((seed for seed in count() if seed not in self.seeds), self.screen))
        return list(range(self.first_seed, self.first_seed + self.screen))

    @property
    def deciding_seeds(self) -> list[int]:
        """Seeds whose test results decide, in the order in which they are used."""
        if isinstance(self.seeds, list):
            return self.seeds
        first = self.first_seed + (self.screen if self.design == "confirm" else 0)
        return list(range(first, first + self.planned_looks[-1]))


SETTINGS = tuple(name for name in Study.model_fields if name not in ("overrides", "subject", "question"))


def check_compare_keys(given: Mapping[str, Any]) -> None:
    """Raise InputError for a key in ``compare`` of a config that is no setting of a comparison."""
    for key in given:
        if key not in SETTINGS:
            raise unknown("key in compare", str(key), SETTINGS)


def check_name(name: str) -> None:
    """Raise ValueError if a comparison cannot be called so: its report is a directory of this name."""
    if not re.fullmatch(r"\w[\w .=,+-]*", name):
        raise ValueError(f"name={name}: expected the name of a directory: letters, digits, spaces and any of _.=,+-")
