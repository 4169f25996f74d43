"""What ``execute.py`` is told: a run, and the environment that it acts in."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from mtl.config.fields import Frozen
from mtl.config.overrides import parse_override
from mtl.config.run_config import MOST_THREADS, THREADS, ModuleName


class ExecuteConfig(Frozen):
    """Which trained run acts, and where; every key that is no field here is an argument of the environment.

    Attributes:
        run: a run directory; None: the run that finished last.
        output: where to look for it.
        records: a file of new rows, or the address of a database with them, to be predicted, and decided on where the
            environment decides on rows.
        query: of that database, the rows that are wanted.
        preference: among the tasks, of a network that was trained for all of them; None: all tasks alike.
        threads: on the CPU; None: the cores, at most 4.
        trust: modules in which targets of the run and of the environment are allowed (:mod:`mtl.config.targets`).
    """

    model_config = ConfigDict(extra="allow")

    run: Annotated[str | None, Field(description="a run directory, or null for the one that finished last")]
    output: Annotated[str, Field(min_length=1, description="the directory of the runs, such as outputs")]
    records: Annotated[str | None, Field(description="a file of rows to predict, or null")]
    query: Annotated[str | None, Field(description="of a database: SELECT ..., or null")] = None
    preference: Annotated[
        dict[str, float] | list[float] | None,
        Field(description="a number for each task, such as {a: 0.8, b: 0.2}, or null"),
    ] = None
    threads: Annotated[int | None, Field(ge=1, le=MOST_THREADS, description=THREADS)]
    trust: Annotated[list[ModuleName], Field(description="a list of modules, such as [acme]")]

    @property
    def environment(self) -> dict[str, Any]:
        """The node of the environment."""
        return dict(self.model_extra or {})


def names_environment(overrides: Iterable[str]) -> bool:
    """Whether what is typed for ``execute.py`` says anything of an environment, else it is the run's own."""
    typed = {parse_override(text).key_or_group.split(".")[0] for text in overrides}
    return bool(typed - {*ExecuteConfig.model_fields, "hydra"})
