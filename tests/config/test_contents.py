"""Weights that a run begins with are part of its id, whatever their folder is called."""

from pathlib import Path

import pytest

from mtl.config.compose import configure
from mtl.config.contents import check_contents
from mtl.config.run_config import RunConfig
from mtl.errors import InputError
from mtl.runs.identity import run_id

TEXTS = ("task=reviews", "task.form=sequence", "encoder=transformer")


def model(folder: Path, weights: bytes, config: str = "{}") -> None:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(config)
    (folder / "model.safetensors").write_bytes(weights)


def of_texts(folder: Path) -> RunConfig:
    return configure(*TEXTS, f"encoder.pretrained={folder}")


def test_other_weights_in_a_folder_of_one_name_are_another_run(tmp_path: Path) -> None:
    model(tmp_path, b"one")
    first = run_id(of_texts(tmp_path))
    assert run_id(of_texts(tmp_path)) == first
    (tmp_path / "README.md").write_text("more about them")
    assert run_id(of_texts(tmp_path)) == first, "what is not read changes no number"
    model(tmp_path, b"two")
    assert run_id(of_texts(tmp_path)) != first
    model(tmp_path, b"one", '{"hidden_act": "relu"}')
    assert run_id(of_texts(tmp_path)) != first
    model(tmp_path, b"one")
    assert run_id(of_texts(tmp_path)) == first


def test_another_network_to_begin_with_is_another_run(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("seed: 0")
    ids = set()
    for weights in (b"one", b"two"):
        (tmp_path / "best.ckpt").write_bytes(weights)
        for chosen in (["model=common_start"], ["model=merged"]):
            ids.add(run_id(configure("task=synthetic", *chosen, f"model.start={tmp_path}")))
    assert len(ids) == 4


def test_a_name_that_is_no_folder_has_no_content() -> None:
    for name in ("bert-base-uncased", "null", "{_target_: mtl.suites.sources.minilm.folder}"):
        assert "content" not in configure(*TEXTS, f"encoder.pretrained={name}").encoder


def test_weights_that_changed_since_a_run_was_planned_are_refused(tmp_path: Path) -> None:
    model(tmp_path, b"one")
    planned = of_texts(tmp_path)
    check_contents(planned)
    model(tmp_path, b"two")
    with pytest.raises(InputError, match=r"^encoder\.pretrained=.*: its files have changed since this run was planned"):
        check_contents(planned)
