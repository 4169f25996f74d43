"""One trained network improved by acting: with progress on the terminal and the dashboard, kept in its checkpoint."""

from collections.abc import Sequence

from pytorch_lightning.loggers import TensorBoardLogger

from mtl.agent.environment import Environment
from mtl.agent.improvement.base import Improvement, Progress
from mtl.agent.report import save_figure
from mtl.assembly import Assembly
from mtl.config.factories import instantiate_node
from mtl.config.run_config import RunConfig
from mtl.config.run_result import ImprovementResult, RoundResult
from mtl.errors import InputError
from mtl.lifecycle.fit import Fitted
from mtl.lifecycle.improvement_progress import ImprovementProgress
from mtl.runs.checkpoint import read_checkpoint, write_checkpoint
from mtl.runs.directory import Run
from mtl.runs.files import write_json

WITHOUT = "; improve=none trains without it"


def improvement_for(
    config: RunConfig, assembly: Assembly, environment: Environment | None, advice: str = WITHOUT
) -> Improvement | None:
    """What is to improve the trained network, checked before the training.

    Args:
        config: what the run is told.
        assembly: its objects.
        environment: in which it will act; None: it does not.
        advice: what is said at the end of a message that it cannot be improved so.

    Returns:
        It; None if the network stays as it was trained.

    Raises:
        InputError: the network cannot be improved so.
    """
    improvement: Improvement | None = instantiate_node(config.improve, "improve", config.trust)
    if improvement is not None:
        improvement.act_in(environment, assembly.module.predict)
        try:
            improvement.check(assembly.data, assembly.module.network)
        except InputError as error:
            raise InputError(f"{error}{advice}") from None
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
    with ImprovementProgress(shown=assembly.config.progress) as shown:

        def watch(progress: Progress) -> None:
            shown(progress)
            if progress.rounds and not progress.values:  # a round was decided just now
                write_history(run, progress.rounds, improvement.reference)
            for logger in fitted.loggers:
                if isinstance(logger, TensorBoardLogger):
                    values = {f"improve/{name}": value for name, value in progress.values.items()}
                    logger.log_metrics(values, fitted.steps + progress.done)

        found = improvement.improve(assembly.module.network, assembly.config.seed, run.improvement, watch)
    parent = run.parent
    if parent is not None:
        found = found.model_copy(update={"parent": parent.directory})
    if found.rounds:
        write_history(run, found.rounds, found.reference, found)
    best = read_checkpoint(run.best)
    best["state_dict"] = assembly.module.state_dict()
    write_checkpoint(run.best, best)
    return found


def write_history(
    run: Run, rounds: Sequence[RoundResult], reference: str, found: ImprovementResult | None = None
) -> None:
    """Write what came of the rounds as ``improvement.json`` and a curve, as PNG and SVG.

    Args:
        run: its directory.
        rounds: that are decided.
        reference: what gains are relative to.
        found: what came of all of them; None: they are not over.
    """
    from mtl.inspection.rounds_figure import rounds_figure  # matplotlib is slow to import

    history = {"over": found is not None, "rounds": [one.plain() for one in rounds]}
    write_json(run.path / "improvement.json", history if found is None else {**history, **found.plain()})
    save_figure(rounds_figure(rounds, reference), run.path / "improvement")
