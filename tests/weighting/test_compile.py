"""A compiled network is weighed like one that is not."""

import shutil
from pathlib import Path

import pytest

from mtl.config.compose import configure
from mtl.lifecycle.train import train

TINY = (
    "task=synthetic",
    "model=hard",
    "task.rows=120",
    "epochs=1",
    "progress=false",
    "threads=1",
    "encoder.widths=[8,4]",
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler, inside torch
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_run_equals_the_other(tmp_path: Path) -> None:
    """PCGrad walks the graph once per task, which a compiled backward pass allows only when told so."""
    found = [
        train(configure(*TINY, "weighting=pcgrad", f"compile={compiled}", f"output={tmp_path / compiled}")).metrics
        for compiled in ("false", "true")
    ]
    assert found[1]["test"].flat() == pytest.approx(found[0]["test"].flat(), rel=1e-4)
