"""A damaged file of a run is refused; an interrupted write leaves one that is not."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtl.assembly import load
from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.runs.checkpoint import read_checkpoint, write_checkpoint
from mtl.runs.checksums import FILE, check, checksums_of, sha256_of, write_checked_text
from mtl.runs.directory import Run
from tests.support import tiny


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "best.ckpt"
    write_checkpoint(path, {"state_dict": {"layer.weight": torch.randn(7, 5)}, "epoch": 3})
    return path


@pytest.mark.parametrize("noted", [True, False], ids=["with checksum", "of an older version"])
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_damaged_bit_of_the_weights_is_read(noted: bool, checkpoint: Path, where: float, bit: int) -> None:
    """With a checksum beside the file any bit; without one, what is read is what was written."""
    content = bytearray(checkpoint.read_bytes())
    place = int(where * len(content))
    content[place] ^= 1 << bit
    copy = checkpoint.parent / f"{'noted' if noted else 'old'}" / checkpoint.name
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(content)
    if noted:
        shutil.copy(checkpoint.parent / FILE, copy.parent)
        with pytest.raises(InputError, match=r"is damaged: its checksum is not the one in checksums\.json"):
            read_checkpoint(copy)
        return
    try:
        found = read_checkpoint(copy)
    except InputError as error:
        assert "is damaged" in str(error)  # noqa: PT017 - it need not raise: some bytes of an archive mean nothing
    else:
        whole = read_checkpoint(checkpoint)
        assert torch.equal(found["state_dict"]["layer.weight"], whole["state_dict"]["layer.weight"])
        assert found["epoch"] == whole["epoch"]


CONTENTS: dict[str, object] = {
    "a list": [1],
    "no weights": {"state_dict": 3},
    "integer keys": {"state_dict": {0: torch.ones(2)}},
    "weights that are none": {"state_dict": {"a": 3}},
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_what_is_no_checkpoint_is_damaged(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "x.ckpt")
    with pytest.raises(InputError, match="is damaged"):
        read_checkpoint(tmp_path / "x.ckpt")


def test_the_file_agrees_whenever_writing_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is replaced, several times in a row, and between that and the second note."""
    path = tmp_path / "x.json"
    write_checked_text(path, "first")
    replace = Path.replace

    def stop_before(self: Path, target: Path) -> Path:
        if target == path:
            raise KeyboardInterrupt
        return replace(self, target)

    def stop_after(self: Path, target: Path) -> Path:
        replace(self, target)
        if target == path:
            raise KeyboardInterrupt
        return target

    for stop, text, left in (
        (stop_before, "second", "first"),
        (stop_before, "third", "first"),
        (stop_after, "fourth", "fourth"),
        (stop_before, "fifth", "fourth"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", stop)
            with pytest.raises(KeyboardInterrupt):
                write_checked_text(path, text)
        assert path.read_text() == left
        check(path)
    write_checked_text(path, "last")
    assert checksums_of(path) == [sha256_of(path)]
    path.write_text("lost")
    with pytest.raises(InputError, match="is damaged"):
        check(path)


def test_files_of_a_run_carry_checksums(tmp_path: Path) -> None:
    """Each is refused when it is another; a run without any, of an older version, loads."""
    result = train(tiny(tmp_path))
    assert result is not None
    run = Run.open(result.directory)
    noted = json.loads((run.path / FILE).read_text())
    assert set(noted) == {"config.yaml", "best.ckpt", "last.ckpt", "contributions.npz", "result.json"}
    text = (run.path / "result.json").read_text()
    (run.path / "result.json").write_text(text.replace("0.", "1.", 1))
    with pytest.raises(InputError, match=r"result\.json' is damaged: its checksum"):
        _ = run.result
    (run.path / FILE).write_text("{")
    with pytest.raises(InputError, match=r"checksums\.json' is damaged"):
        load(run.path)
    (run.path / FILE).unlink()
    assert load(run.path).config == run.config
