"""Which tasks to learn together: measured in short trainings before the run's own, and the groups that follow."""

import sys
import time
from collections.abc import Sequence
from itertools import combinations
from math import inf, nan

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.loggers import Logger
from torch import Tensor

from mtl.assembly import Assembly, build_with_data
from mtl.config.run_config import AUTO, RunConfig
from mtl.config.run_result import LOSS, AffinityResult
from mtl.errors import InputError
from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule
from mtl.runs.directory import Run
from mtl.tasks.evidence import Evidence, mutual, weigh
from mtl.tasks.groups import best_groups
from mtl.training.callbacks import AffinityRecorder
from mtl.training.probe_trainer import probe_trainer

FEW = 10  # looks, below which a mean says little


def grouped(run: Run, assembly: Assembly, loggers: Sequence[Logger] = ()) -> Assembly:
    """The same run in the groups that it has found.

    With ``grouping=auto`` they are found now, unless the run's directory has them already. Initial values are those of
    the same groups written out in the config, so both give the same numbers. Where every task is found to be alone, a
    weighting that compares gradients of shared parameters has nothing to compare, and they are trained with equal
    weights: what was measured is not lost.

    Args:
        run: keeps what was found as ``affinity.json``.
        assembly: its rows are loaded.
        loggers: are told how the gradients agree during the first training.

    Returns:
        The objects of the run, built anew where there are groups.
    """
    if assembly.config.grouping != AUTO:
        return assembly
    found = run.affinity
    known = found is not None
    if found is None:
        found = run.affinity = measured(assembly, loggers)
    made = build_with_data(assembly.data, assembly.config, found.groups)
    for note in () if known else made.notes:
        sys.stderr.write(f"{note}\n")
    return made


def check(assembly: Assembly) -> None:
    """Raise InputError where ``grouping=auto`` asks for what cannot be measured."""
    if assembly.config.grouping != AUTO:
        return
    tasks, settings = len(assembly.graph.names), assembly.config.affinity
    if tasks < 2:
        raise InputError(f"grouping=auto: there is one task, '{assembly.graph.names[0]}', and nothing to group")
    if settings.networks is not None and settings.networks > tasks:
        raise InputError(f"affinity.networks={settings.networks}: expected 1 to {tasks}, the number of tasks")
    if settings.measure != "pairwise" and not assembly.module.partition.shared:
        raise InputError(
            f"affinity.measure={settings.measure} looks at shared parameters, and "
            f"model={assembly.config.choices.model} shares none: use model=hard, or affinity.measure=pairwise"
        )


def epochs(config: RunConfig, tasks: int) -> int:
    """Epochs of all trainings together that ``grouping=auto`` makes before the run's own; 0 without it."""
    if config.grouping != AUTO:
        return 0
    helping = len(config.auxiliary or [])  # of which neither one nor two are trained by themselves
    trainings = tasks * (tasks + 1) // 2 - helping * (helping + 1) // 2 if config.affinity.measure == "pairwise" else 1
    return int(config.affinity.epochs) * trainings


def measured(assembly: Assembly, loggers: Sequence[Logger] = ()) -> AffinityResult:
    """Measure as ``affinity`` of the config says, and choose groups.

    Args:
        assembly: its rows are loaded.
        loggers: are told how the gradients agree during the training.

    Returns:
        What was measured, and the groups.
    """
    started = time.perf_counter()
    settings, names = assembly.config.affinity, assembly.graph.names
    if assembly.config.progress:
        sys.stderr.write(f"grouping=auto: measuring which tasks help each other ({settings.measure})\n")
    if settings.measure == "pairwise":
        gains = pairwise(assembly)
        matrices, nulls, errors = {"pairwise": gains}, {}, {}
        margin = mutual(gains.nan_to_num(0.0))
    else:
        found = trained_jointly(assembly, loggers)
        matrices = {measure: one.mean for measure, one in found.items()}
        nulls = {measure: one.null for measure, one in found.items()}
        errors = {measure: one.error for measure, one in found.items()}
        margin = counted(found[settings.measure].margin, [not task.auxiliary for task in assembly.graph.tasks])
    chosen = best_groups(margin, settings.networks)
    return AffinityResult(
        measure=settings.measure,
        networks=settings.networks,
        tasks=list(names),
        groups=[[names[i] for i in group] for group in chosen],
        matrices=_lists(matrices),
        nulls=_lists(nulls),
        errors=_lists(errors),
        margin=margin.tolist(),
        seconds=time.perf_counter() - started,
    )


def counted(margin: Tensor, counts: Sequence[bool]) -> Tensor:
    """What speaks for putting two tasks together, where some do not count.

    Args:
        margin: ``[K, K]``, of both tasks of each pair alike.
        counts: by task, whether it counts.

    Returns:
        The same times the share of the pair that counts, ``[K, K]``: 0 for two tasks that do not.
    """
    share = mutual(torch.tensor(counts, dtype=margin.dtype).expand(len(counts), -1))
    return torch.where(share > 0, margin * share, 0.0)  # a margin may be infinite


def _lists(matrices: dict[str, Tensor]) -> dict[str, list[list[float | None]]]:
    return {measure: matrix.tolist() for measure, matrix in matrices.items()}


def trained_jointly(assembly: Assembly, loggers: Sequence[Logger] = ()) -> dict[str, Evidence]:
    """The evidence by measure in the first epochs of the run as it would be without groups.

    See :mod:`mtl.module.affinity`.
    """
    settings = assembly.config.affinity
    observer = AffinityRecorder(settings.every, assembly.config.seed)
    trainer = probe_trainer(assembly.config, (observer,), epochs=settings.epochs, loggers=loggers)
    trainer.fit(assembly.module, datamodule=assembly.data)
    looks = observer.looks
    if len(looks) < FEW:
        sys.stderr.write(
            f"grouping=auto: only {len(looks)} looks at the gradients, which leave tasks apart unless they are much "
            "alike: raise affinity.epochs, or lower affinity.every\n"
        )
    return {
        measure: weigh([look.affinity[measure] for look in series], [look.null[measure] for look in series])
        for series in (observer.features, looks)
        for measure in series[0].affinity
    }


def pairwise(assembly: Assembly) -> Tensor:
    """Gains ``[K, K]``, of row i onto column j, from training every pair of tasks and every single task.

    A gain is the share ``1 - L_j(with i) / L_j(single)`` by which the other task lowers the validation loss, each loss
    that of its best epoch. Tasks belong together where the mean of both gains is above 0. One training of each says
    nothing of how far a gain is chance, so there is no standard error. The gain of an auxiliary task does not count: it
    is NaN, not measured.

    Source: Standley et al., "Which Tasks Should Be Learned Together in Multi-task Learning?", ICML 2020,
    https://arxiv.org/abs/1905.07553; what a group gives is then estimated from its pairs as there (section 5.2).
    Deviations: the pairs of a group are added up, where there a task's gain is their mean; and the networks for one
    task are as large as those for two, where the paper halves them.
    """
    names, main = assembly.graph.names, assembly.graph.main
    single = {name: least_losses(assembly, (name,))[name] for name in main}
    gains = torch.zeros(len(names), len(names))
    for pair in combinations(enumerate(names), 2):
        if not any(name in main for _, name in pair):
            continue
        both = least_losses(assembly, [name for _, name in pair])
        for (i, _), (j, b) in (pair, pair[::-1]):
            if b in main:
                gains[i, j] = 1 - both[b] / single[b]
    gains = gains.nan_to_num(0.0)  # no labels, no gain
    unknown = torch.tensor([name not in main for name in names]) & ~torch.eye(len(names), dtype=torch.bool)
    return gains.masked_fill(unknown, nan)


class BestValidationLosses(EpochCallback):
    """The least validation loss of each task over the epochs.

    Attributes:
        losses: by task.
    """

    def __init__(self) -> None:
        self.losses: dict[str, float] = {}

    def on_train_epoch_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        """Measure, and keep what is better."""
        found = module.evaluate(trainer.datamodule.val_dataloader())  # type: ignore[attr-defined]
        for name in module.graph.names:
            loss = found.tasks[name].get(LOSS)
            self.losses[name] = min(self.losses.get(name, inf), inf if loss is None else loss)


def least_losses(assembly: Assembly, names: Sequence[str]) -> dict[str, float]:
    """Least validation losses in a training of these tasks alone."""
    config = assembly.config
    depends_on = {
        name: [up for up in upstream if up in names]
        for name, upstream in (config.relations.depends_on or {}).items()
        if name in names
    }
    part = config.changed(
        grouping=None, tasks=None, relations={"depends_on": depends_on, "detach": config.relations.detach}
    )
    few = build_with_data(assembly.data.part(names), part)
    least = BestValidationLosses()
    probe_trainer(config, (least,), epochs=config.affinity.epochs).fit(few.module, datamodule=few.data)
    return least.losses
