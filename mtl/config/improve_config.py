"""What ``improve.py`` is told: a finished run, and how it is improved."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from mtl.config.fields import Frozen
from mtl.config.run_config import MOST_THREADS, THREADS, ModuleName


class ImproveConfig(Frozen):
    """Which finished run is improved; every key that is no field here is an argument of the improvement.

    Attributes:
        run: a run directory; None: the run that finished last.
        output: where to look for it.
        threads: on the CPU; None: the cores, at most 4.
        progress: a progress bar, or lines.
        trust: modules in which targets of the run and of the improvement are allowed (:mod:`mtl.config.targets`).
    """

    model_config = ConfigDict(extra="allow")

    run: Annotated[str | None, Field(description="a run directory, or null for the one that finished last")]
    output: Annotated[str, Field(min_length=1, description="the directory of the runs, such as outputs")]
    threads: Annotated[int | None, Field(ge=1, le=MOST_THREADS, description=THREADS)]
    progress: Annotated[bool, Field(description="true or false")]
    trust: Annotated[list[ModuleName], Field(description="a list of modules, such as [acme]")]

    @property
    def improvement(self) -> dict[str, Any]:
        """The node of the improvement."""
        return dict(self.model_extra or {})
