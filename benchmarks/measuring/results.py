"""Figures that are kept in ``benchmarks/results``, with the machine and the commit they were taken on."""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent.parent / "results"


def path_of(name: str) -> Path:
    """Where the figures of a benchmark are kept."""
    return RESULTS / f"{name}.json"


def keep(name: str, figures: dict[str, Any]) -> Path:
    """Write figures to the file of this name, in the place of what was there."""
    from mtl.training.resources import environment  # brings Lightning, which not every measured process may hold

    RESULTS.mkdir(exist_ok=True)
    path = path_of(name)
    path.write_text(json.dumps({"machine": environment(), **figures}, indent=1) + "\n", encoding="utf-8")
    return path


def kept(name: str) -> dict[str, Any] | None:
    """What was kept under this name; None where nothing was."""
    path = path_of(name)
    found: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return found
