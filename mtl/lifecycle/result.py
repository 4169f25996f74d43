"""The result of a run: what is measured once, at the end, with the selected weights."""

from mtl.assembly import Assembly
from mtl.config.run_result import (
    DataFacts,
    ParameterCounts,
    RunResult,
    Seconds,
    TaskFacts,
)
from mtl.lifecycle.fit import Fitted
from mtl.runs.directory import Run
from mtl.runs.identity import run_id
from mtl.training.resources import count_flops, count_parameters, environment, inference_seconds, peak_memory

SPLITS = ("train", "val", "test")


def measure(run: Run, assembly: Assembly, fitted: Fitted, data_seconds: float) -> RunResult:
    """Measure every split once, and what the run cost.

    Args:
        run: its directory.
        assembly: its objects, with the selected weights.
        fitted: what training left.
        data_seconds: until the rows were in memory.

    Returns:
        The result, of a run that has not acted yet.
    """
    config, data, module = assembly.config, assembly.data, assembly.module
    affinity = run.affinity
    metrics = {split: module.evaluate(data.loader(split)) for split in SPLITS}
    memory = peak_memory()
    return RunResult(
        run_id=run_id(config),
        directory=str(run.path),
        choices=config.choices,
        seed=config.seed,
        config=config,
        data=DataFacts(fingerprint=data.fingerprint, rows={name: len(split) for name, split in data.splits.items()}),
        selection=fitted.selection,
        tasks={
            task.name: TaskFacts(primary=task.primary, higher_is_better=task.higher_is_better) for task in data.tasks
        },
        metrics=metrics,
        parameters=ParameterCounts(**count_parameters(module)),
        flops=count_flops(module, data),
        seconds=Seconds(
            data=data_seconds,
            fit=fitted.seconds + (affinity.seconds if affinity else 0.0),
            step=fitted.step_seconds,
            inference=inference_seconds(module, data),
        ),
        steps=fitted.trainer.global_step,
        epochs=fitted.trainer.current_epoch,
        peak_memory_bytes=memory,
        environment=environment(),
        affinity=affinity,
        notes=list(fitted.notes),
    )
