"""One trained network improved by acting: with progress on the terminal and the dashboard, kept in its checkpoint."""

from pytorch_lightning.loggers import TensorBoardLogger
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from mtl.agent.improvement.base import Improvement, Progress
from mtl.assembly import Assembly
from mtl.config.factories import instantiate_node
from mtl.config.run_config import RunConfig
from mtl.config.run_result import ImprovementResult
from mtl.lifecycle.fit import Fitted
from mtl.runs.checkpoint import read_checkpoint, write_checkpoint
from mtl.runs.directory import Run


def improvement_for(config: RunConfig, assembly: Assembly) -> Improvement | None:
    """What is to improve the trained network, checked before the training.

    Args:
        config: what the run is told.
        assembly: its objects.

    Returns:
        It; None if the network stays as it was trained.

    Raises:
        InputError: the network cannot be improved so.
    """
    improvement: Improvement | None = instantiate_node(config.improve, "improve", config.trust)
    if improvement is not None:
        improvement.check(assembly.data, assembly.module.network)
    return improvement


def improve(run: Run, assembly: Assembly, improvement: Improvement | None, fitted: Fitted) -> ImprovementResult | None:
    """Improve the network that was just trained, and write the best checkpoint anew with it.

    Args:
        run: its directory; a search that was interrupted goes on from the state that it keeps there.
        assembly: its objects, with the selected weights.
        improvement: how; None: not at all.
        fitted: how the training went.

    Returns:
        What came of it; None without an improvement.
    """
    if improvement is None:
        return None
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    shown = assembly.config.progress and console.is_terminal
    with Bar(*columns, TextColumn("{task.fields[said]}"), console=console, transient=True, disable=not shown) as bar:
        task = bar.add_task("improving by acting", total=None, said="")

        def watch(progress: Progress) -> None:
            said = "  ".join(f"{name} {100 * value:+.2f} %" for name, value in progress.values.items())
            bar.update(task, total=progress.total, completed=progress.done, said=said)
            for logger in fitted.loggers:
                if isinstance(logger, TensorBoardLogger):
                    values = {f"improve/{name}": value for name, value in progress.values.items()}
                    logger.log_metrics(values, fitted.steps + progress.done)

        found = improvement.improve(assembly.module.network, assembly.config.seed, run.improvement, watch)
    best = read_checkpoint(run.best)
    best["state_dict"] = assembly.module.state_dict()
    write_checkpoint(run.best, best)
    return found
