"""Checkpoints that cannot be read."""

from pathlib import Path

import pytest

from mtl.errors import InputError
from mtl.runs.checkpoint import read_checkpoint
from mtl.runs.checksums import checked_path


def test_the_checkpoint_that_a_copy_of_a_run_lacks_is_told_from_one_that_never_was(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the run has not validated an epoch"):
        read_checkpoint(tmp_path / "best.ckpt")
    (tmp_path / "result.json").touch()
    with pytest.raises(InputError, match="the run is done, so its directory was copied in part"):
        read_checkpoint(tmp_path / "best.ckpt")


@pytest.mark.parametrize("content", [b"junk", b"", b"PK\x03\x04", b"\x80\x02.", b"h", b"\x80\x02}q"])
def test_what_is_no_checkpoint_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    """Also where somebody has written a checksum for it."""
    path = tmp_path / "best.ckpt"
    with checked_path(path) as partial:
        partial.write_bytes(content)
    with pytest.raises(InputError, match="is damaged: it cannot be read as tensors and plain values"):
        read_checkpoint(path)
