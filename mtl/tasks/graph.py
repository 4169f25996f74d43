"""The relations between tasks: their order, and who depends on whom."""

from collections.abc import Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from mtl.errors import InputError, unknown
from mtl.tasks.kinds import needed_event
from mtl.tasks.task import Task


class TaskGraph:
    """The tasks in THE order of every ``[K]`` vector, and how they depend on one another.

    Args:
        tasks: in that order.

    Attributes:
        tasks: the same.
        names: their names.
        main: names of those that count: all that are not auxiliary.
        order: names in an order in which every task comes after those it depends on.
        generations: groups of names; the tasks of one group depend only on earlier groups and may run in parallel.

    Raises:
        InputError: no task at all, a name given twice, a dependency that is no task, a cycle.
    """

    def __init__(self, tasks: tuple[Task, ...]) -> None:
        if not tasks:
            raise InputError("no task to learn: the suite defines none")
        self.tasks = tasks
        self.names = tuple(task.name for task in tasks)
        self.main = tuple(task.name for task in tasks if not task.auxiliary)
        for name in self.names:
            if self.names.count(name) > 1:
                raise InputError(f"task '{name}' is defined twice")
        sorter: TopologicalSorter[str] = TopologicalSorter()
        for task in tasks:
            for upstream in task.depends_on:
                if upstream not in self.names:
                    raise unknown(f"task in depends_on of '{task.name}'", upstream, self.names)
            sorter.add(task.name, *task.depends_on)
        try:
            sorter.prepare()
        except CycleError as error:
            raise InputError(f"tasks depend on each other in a circle: {' -> '.join(error.args[1])}") from None
        generations = []
        while sorter.is_active():
            ready = sorted(sorter.get_ready(), key=self.names.index)
            generations.append(tuple(ready))
            sorter.done(*ready)
        self.generations = tuple(generations)
        self.order = tuple(name for generation in generations for name in generation)

    def __repr__(self) -> str:
        depending = [f"{one.name} after {', '.join(one.depends_on)}" for one in self.tasks if one.depends_on]
        return f"TaskGraph({', '.join(self.names)}{': ' if depending else ''}{'; '.join(depending)})"

    def __getitem__(self, name: str) -> Task:
        return self.tasks[self.names.index(name)]

    def depending(self, depends_on: Mapping[str, list[str]]) -> "TaskGraph":
        """The same tasks with the dependencies of those named replaced. An unknown name is an InputError."""
        for name in depends_on:
            if name not in self.names:
                raise unknown("task in relations.depends_on", name, self.names)
            needed = needed_event(self[name])
            if needed is not None and list(depends_on[name])[-1:] != [needed]:
                raise InputError(
                    f"relations.depends_on.{name}: '{name}' is predicted given '{needed}', which has to be the last of "
                    "the tasks that it depends on"
                )
        return TaskGraph(tuple(replace(t, depends_on=tuple(depends_on.get(t.name, t.depends_on))) for t in self.tasks))
