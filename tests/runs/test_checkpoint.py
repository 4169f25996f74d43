"""Checkpoints that cannot be read."""

from pathlib import Path

import pytest

from mtl.errors import InputError
from mtl.runs.checkpoint import read_checkpoint


def test_the_checkpoint_that_a_copy_of_a_run_lacks_is_told_from_one_that_never_was(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the run has not validated an epoch"):
        read_checkpoint(tmp_path / "best.ckpt")
    (tmp_path / "result.json").touch()
    with pytest.raises(InputError, match="the run is done, so its directory was copied in part"):
        read_checkpoint(tmp_path / "best.ckpt")
