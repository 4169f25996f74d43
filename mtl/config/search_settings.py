"""What a search for hyper-parameters is asked to do: settings, and what varies. Imports neither torch nor Optuna."""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

from omegaconf import OmegaConf
from pydantic import Field, field_validator

from mtl.config.compose import compose_config
from mtl.config.equal_numbers import whole_as_integers
from mtl.config.fields import Frozen
from mtl.config.folders import main_file
from mtl.config.overrides import parse_override, separate_settings, to_plain
from mtl.config.search_space import UNSEARCHED, Dimension, read_space
from mtl.config.study import check_name


class SearchSettings(Frozen):
    """Settings of a search; conf/tune.yaml explains each.

    Attributes:
        name: of its directory; None: the suite, and a hash of the overrides.
        trials: trainings in all.
        sampler: how values are drawn.
        pruner: what ends a trial before its time.
        startup: trials before any of that begins.
        search_seed: of the sampler.
        workers: processes that train; None: one per core; 0: this process.
        storage: of Optuna; None: a journal in the directory.
    """

    name: Annotated[str | None, Field(description="the name of a directory, or null")]
    trials: Annotated[int, Field(ge=1, description="a whole number, 1 or more")]
    sampler: Annotated[Literal["tpe", "random"], Field(description="tpe or random")]
    pruner: Annotated[Literal["median", "halving", "none"], Field(description="median, halving or none")]
    startup: Annotated[int, Field(ge=1, description="a whole number, 1 or more")]
    search_seed: Annotated[int, Field(ge=0, lt=2**31, description="a whole number, 0 or more")]
    workers: Annotated[int | None, Field(ge=0, description="a whole number, 0 or more, or null")]
    storage: Annotated[str | None, Field(pattern="://", description="an address such as sqlite:///search.db, or null")]

    @field_validator("name")
    @classmethod
    def _directory(cls, value: str | None) -> str | None:
        if value is not None:
            check_name(value)
        return value


SETTINGS = tuple(SearchSettings.model_fields)


class Search(NamedTuple):
    """A search.

    Attributes:
        settings: of it.
        name: of it, in its storage and as a directory.
        output: the directory that holds the runs.
        fixed: overrides of every trial.
        space: what is searched.
    """

    settings: SearchSettings
    name: str
    output: str
    fixed: list[str]
    space: list[Dimension]

    @property
    def identity(self) -> list[str]:
        """What a search of one name is always about: what can change a number."""
        fixed = [text for text in self.fixed if parse_override(text).key_or_group.partition(".")[0] not in UNSEARCHED]
        return [*sorted(map(_as_number, fixed)), *sorted(map(repr, self.space))]


def _as_number(text: str) -> str:
    """An override whose number is written in one way: ``key=1`` for ``key=1.0``."""
    override = parse_override(text)
    value = override.value()
    return f"{override.get_key_element()}={whole_as_integers(value)}" if type(value) in (int, float) else text


def read_search(arguments: Sequence[str]) -> Search:
    """Read a command line: conf/tune.yaml, then the arguments.

    Args:
        arguments: settings, and overrides of the trials.

    Returns:
        What is asked.

    Raises:
        InputError: a setting or an override is wrong.
    """
    typed, of_runs = separate_settings(arguments, SETTINGS)
    settings = SearchSettings.read({**to_plain(OmegaConf.load(main_file("tune"))), **typed})
    fixed, space = read_space(of_runs)
    cfg, choices = compose_config([*fixed, *(one.ends[0] for one in space)])
    search = Search(settings, "", str(cfg.output), fixed, space)
    digest = hashlib.sha256("\n".join(search.identity).encode()).hexdigest()[:8]
    subject = choices["task"] if not any(one.key == "task" for one in space) else "suites"
    return search._replace(name=settings.name or f"{subject}-{digest}")
