"""What is learned apart where some tasks are auxiliary: those that count, and what these cannot do without."""

from mtl.assembly import build_suite, trees_of
from mtl.config.run_config import RunConfig
from mtl.lifecycle.execution import environment_of
from mtl.tasks import TaskGraph


def without_auxiliary(config: RunConfig) -> RunConfig:
    """The config of learning apart: without the auxiliary tasks, which help nobody there, cost, and decide nothing.

    Some stay: those that acting takes, and of networks those that a task that counts depends on; trees depend on none.

    Args:
        config: of a model that learns every task by itself.

    Returns:
        The config; the same where no task is auxiliary.
    """
    if not config.auxiliary:
        return config
    graph = TaskGraph(build_suite(config).tasks).depending(config.relations.depends_on or {})
    environment = environment_of(config)
    needed = {*graph.main, *(() if environment is None else environment.requires)}
    for name in reversed(graph.order):
        if name in needed and trees_of(config) is None:
            needed |= set(graph[name].depends_on)
    kept = [name for name in graph.names if name in needed]
    if len(kept) == len(graph.names):
        return config
    relations, rates = config.relations, config.rates
    depends_on = {task: list(above) for task, above in (relations.depends_on or {}).items() if task in kept}
    return config.changed(
        tasks=kept,
        auxiliary=[name for name in kept if name not in graph.main],
        relations={"depends_on": depends_on or None, "detach": relations.detach},
        rates={task: rate for task, rate in (rates or {}).items() if task in kept} or None,
    )
