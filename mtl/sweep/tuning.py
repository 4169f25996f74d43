"""Which values of a grid validation prefers: for a network of all tasks, and for each task that is learned alone."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import inf, log

from mtl.config.run_result import LOSS, RunResult
from mtl.config.study import BASELINE
from mtl.sweep.plan import Configuration

RATE = "lr"  # of an optimizer: the value that every task may have of its own where nothing is shared
SMALLEST = 1e-12  # of a loss, before its logarithm is taken

Point = tuple[Configuration, RunResult]  # of the grid, and what came of it


def best_points(points: Iterable[Point]) -> list[Configuration]:
    """Of each configuration the point of the grid that validation prefers.

    That is the one with the lowest validation score. Single-task networks are tuned each by itself, as they would be if
    they were trained one after the other: each task gets the learning rate with the lowest validation loss of its own.
    What else the grid varies is the same for all tasks, and chosen by the geometric mean of their lowest losses.

    Args:
        points: those whose runs are done.

    Returns:
        One configuration for each label that has a point, in order.
    """
    by_label: dict[str, list[Point]] = {}
    for one, result in points:
        by_label.setdefault(one.label, []).append((one, result))
    return [
        _each_task_by_itself(found) if found[0][0].config.choices.model == BASELINE else _lowest_score(found)
        for found in by_label.values()
    ]


def _lowest_score(points: Sequence[Point]) -> Configuration:
    def score(point: Point) -> float:
        found = point[1].metrics["val"].score
        return inf if found is None else float(found)

    return min(points, key=score)[0]


def _each_task_by_itself(points: Sequence[Point]) -> Configuration:
    tasks = list(points[0][1].tasks)
    counted = [task for task, facts in points[0][1].tasks.items() if not facts.auxiliary]
    alike: dict[str, list[Point]] = {}
    for point in points:
        config = point[0].config
        alike.setdefault(repr(config.changed(optimizer={**config.optimizer, RATE: 0.1})), []).append(point)

    def best(task: str, among: Sequence[Point]) -> Point:
        return min(among, key=lambda point: validation_loss(point[1], task))

    def score(among: Sequence[Point]) -> float:
        return sum(log(max(validation_loss(best(task, among)[1], task), SMALLEST)) for task in counted)

    chosen = min(alike.values(), key=score)
    one = chosen[0][0]
    if RATE not in one.config.optimizer:
        return min(chosen, key=lambda point: score([point]))[0]
    rates = {task: float(best(task, chosen)[0].config.optimizer[RATE]) for task in tasks}
    optimizer = {**one.config.optimizer, RATE: rates[tasks[0]]}
    alike_all = len(set(rates.values())) == 1  # then the optimizer's rate says it
    return replace(one, config=one.config.changed(rates=None if alike_all else rates, optimizer=optimizer))


def validation_loss(result: RunResult, task: str) -> float:
    """Of a task; infinite where it was not measured."""
    found = result.metrics["val"].tasks.get(task, {}).get(LOSS)
    return inf if found is None else float(found)
