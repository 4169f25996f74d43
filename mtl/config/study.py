"""What a comparison is asked to do: its settings, and the overrides that all its runs share. Imports no torch."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from mtl.config.fields import Frozen, format_value
from mtl.errors import unknown

BASELINE = "single_task"
MATCHED = ("same_parameters", "same_seconds")


def _seeds_of(value: Any) -> Any:
    """A number of seeds as the seeds from 0 on."""
    return list(range(value)) if type(value) is int and value > 0 else value


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
        seeds: of every configuration.
        budget: epochs of every run; None: what the config says.
        baselines: beside the single-task one.
        match: the model whose size and duration these have.
        tune: values of the grid are chosen on validation.
        grid: values by dotted key.
        alpha: chance of any false claim.
        margin: a gain within +-margin is too small to matter.
        workers: processes that train; None: one per core; 0: this process.
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
    seeds: Annotated[
        list[Seed],
        BeforeValidator(_seeds_of),
        Field(min_length=1, description="a number of seeds, or a list of seeds"),
    ]
    budget: Annotated[int | None, Field(ge=1, description="a whole number, 1 or more, or null")]
    baselines: Annotated[list[str], Field(description=f"a list of some of {', '.join(MATCHED)}, or []")]
    match: Annotated[str | None, Field(description="one of the models, or null for the first")]
    tune: Switch
    grid: Annotated[
        dict[str, Annotated[list[Any], Field(min_length=1)]],
        Field(description="lists of values by key, e.g. {optimizer.lr:[0.001,0.003]}"),
    ]
    alpha: Annotated[float, Field(gt=0, lt=0.5, description="a number between 0 and 0.5")]
    margin: Annotated[float, Field(gt=0, lt=1, description="a number between 0 and 1")]
    workers: Annotated[int | None, Field(ge=0, description="a whole number, 0 or more, or null")]
    dry_run: Switch
    fail_fast: Switch
    keep: Annotated[str | None, Field(pattern=r"\S", description="a folder, or null")]

    @field_validator("models", "weightings", "seeds")
    @classmethod
    def _each_once(cls, value: list[Any], info: Any) -> list[Any]:
        if len(set(value)) < len(value):
            kind = "seed" if info.field_name == "seeds" else "name"
            raise ValueError(f"{info.field_name}={format_value(value)}: expected each {kind} once")
        return value

    @field_validator("name")
    @classmethod
    def _directory(cls, value: str | None) -> str | None:
        if value is not None:
            check_name(value)
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if BASELINE in self.models:
            raise ValueError(
                f"models={format_value(self.models)}: expected models to compare with {BASELINE}, which is always there"
            )
        for name in self.baselines:
            if name not in MATCHED:
                raise ValueError(str(unknown("baseline", name, MATCHED)))
        if self.match is not None and self.match not in self.models:
            raise ValueError(str(unknown("model in match", self.match, self.models)))
        if self.tune and not self.grid:
            raise ValueError("grid={}: expected a key to tune, since tune=true")
        return self

    @property
    def matched_model(self) -> str:
        """The model whose size and duration the matched baselines have."""
        return self.match or self.models[0]


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
