"""What is typed for the trainer is checked, and threads fit the machine."""

import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from mtl.config import beginning
from mtl.config.run_config import Hardware
from mtl.errors import InputError
from mtl.training.half_precision import bf16_instructions, slow_half_precision
from mtl.training.hardware import MOST_THREADS, check_program, processes_of, threads_for

CPU = {"accelerator": "cpu", "devices": 1, "precision": "32-true"}


def test_processes_are_those_of_the_trainer() -> None:
    assert processes_of(CPU) == 1
    assert processes_of({**CPU, "devices": 2, "strategy": "ddp"}) == 2
    assert processes_of({**CPU, "deterministic": None, "benchmark": None, "fast_dev_run": 1}) == 1


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        (
            {"acelerator": "cpu"},
            "unknown argument of the trainer in hardware 'acelerator': did you mean 'accelerator'",
        ),
        ({"max_epochs": 3}, "hardware.max_epochs is set by every run itself: use epochs=3"),
        ({"gradient_clip_val": 1.0}, "hardware.gradient_clip_val is set by every run itself: use gradient_clip=1.0"),
        (
            {"val_check_interval": 0.5},
            "hardware.val_check_interval is set by every run itself: use validate_every=20, in",
        ),
        ({"min_epochs": 5}, "hardware.min_epochs is set by every run itself: use patience=null and some epochs"),
        ({"gradient_clip_algorithm": "value"}, "hardware.gradient_clip_algorithm is set by every run itself: no other"),
        ({"logger": False}, "hardware.logger is set by every run itself: use logger=[tensorboard,mlflow]"),
        ({"callbacks": []}, "hardware.callbacks is set by every run itself"),
        (
            {"strategy": "fsdp"},
            "hardware.strategy=fsdp: expected auto or ddp: a weighting takes the gradients of whole",
        ),
        (
            {"strategy": "ddp_spawn"},
            "hardware.strategy=ddp_spawn: expected ddp, or ddp_notebook where the program is no file",
        ),
        ({"strategy": "deepspeed_stage_2"}, "hardware.strategy=deepspeed_stage_2: expected auto or ddp"),
        ({"accelerator": "mps"}, "this machine cannot train with hardware accelerator=mps"),
        ({"deterministic": "maybe"}, "hardware.deterministic=maybe: expected true, false, warn"),
        ({"deterministic": 1}, "hardware.deterministic=1: expected true, false, warn"),
        ({"detect_anomaly": "yes"}, "hardware.detect_anomaly=yes: expected true, false"),
        ({"inference_mode": None}, "hardware.inference_mode=None: expected true, false"),
        ({"precision": "31-true"}, "this machine cannot train with hardware accelerator=cpu, devices=1, precision=31"),
    ],
)
def test_mistakes_are_one_line(argument: dict[str, object], complaint: str) -> None:
    with pytest.raises(InputError) as error:
        processes_of({**CPU, **argument})
    assert str(error.value).startswith(complaint)
    assert "\n" not in str(error.value)


def test_processes_that_cannot_be_started_by_running_the_program_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a program that Python reads from its input; forked ones need none."""
    two = {**CPU, "devices": 2, "strategy": "ddp"}
    monkeypatch.setattr(sys, "argv", ["train.py"])
    check_program(two, 2)
    monkeypatch.setattr(sys, "argv", ["-"])
    with pytest.raises(InputError, match=r"^hardware: 2 processes are started by running the program again"):
        check_program(two, 2)
    check_program({**two, "strategy": "ddp_notebook"}, 2)
    check_program({**two, "devices": 1, "num_nodes": 2}, 2)


def test_a_processor_without_instructions_for_half_precision_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Hardware(accelerator="cpu", devices=1, precision="bf16")
    told = {"avx2": True, "avx512_bf16": True, "amx_bf16": False, "l2_cache_size": 1048576}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)
    assert bf16_instructions() == ["avx512_bf16"]
    assert slow_half_precision(asked) is None
    told["avx512_bf16"] = False
    assert bf16_instructions() == []
    assert str(slow_half_precision(asked)).startswith(
        "hardware.precision=bf16-mixed: this processor has no instructions"
    )
    assert slow_half_precision(asked.model_copy(update={"precision": "32-true"})) is None
    assert slow_half_precision(asked.model_copy(update={"accelerator": "gpu"})) is None
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert bf16_instructions() is None
    assert slow_half_precision(asked) is None


def test_a_program_that_has_left_the_directory_of_its_name_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other processes would find no file, or another program of that name."""
    script, other = tmp_path / "go.py", tmp_path / "sub" / "go.py"
    other.parent.mkdir()
    script.touch()
    monkeypatch.setattr(sys, "argv", ["go.py"])
    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(__spec__=None, __file__=str(script)))
    two = {**CPU, "devices": 2, "strategy": "ddp"}
    monkeypatch.setattr(beginning, "BEGINNING", tmp_path)
    monkeypatch.chdir(other.parent)
    check_program(two, 2)  # they begin where it began
    monkeypatch.setattr(beginning, "BEGINNING", other.parent)  # mtl was imported later
    for _ in range(2):
        with pytest.raises(InputError, match=r"running 'go\.py' again, which is not in the working directory any more"):
            check_program(two, 2)
        other.touch()
    monkeypatch.setattr(sys, "argv", [str(script)])
    check_program(two, 2)


def test_threads_are_the_cores_divided_among_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda self: list(range(6)), raising=False)
    assert threads_for(CPU) == MOST_THREADS
    assert threads_for({**CPU, "devices": 2}) == 3
    assert threads_for({**CPU, "devices": 12}) == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert threads_for({**CPU, "devices": 2}) == 5
