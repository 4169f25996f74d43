"""The agent: manages tasks, is trained, acts, analyses what came of it, and improves."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from types import UnionType

from mtl.agent.analysis.content import Analysis
from mtl.agent.environment import Environment
from mtl.agent.report import ExecutionReport
from mtl.assembly import build_suite
from mtl.config.compose import compose_plain, configure
from mtl.config.execute_config import ExecuteConfig, names_environment
from mtl.config.run_config import RunConfig
from mtl.config.run_result import RunResult
from mtl.config.targets import own_modules
from mtl.errors import InputError
from mtl.lifecycle.analysis import analyse
from mtl.lifecycle.execution import execute, execute_in
from mtl.lifecycle.improved import improve_run, read_improvement
from mtl.lifecycle.retrained import Retraining, retrain
from mtl.lifecycle.train import train
from mtl.runs.directory import Run
from mtl.tasks import TaskGraph


class Agent:
    """One agent from its tasks to its improvement; each method does what the command of its name does.

    What is typed for a command is given in the same words, so ``Agent("task=credit", "tasks=[default]")`` is an agent
    of one task, and ``agent.execute("instances=ta01..ta80")`` schedules other shops::

        agent = Agent("task=scheduling", "model=hard")
        agent.train()
        report = agent.execute("instances=la01..la05")
        agent.improve("rounds=2")

    All state is on disk, in the directory of the run: an agent that is made of it again goes on where it was.

    Args:
        *given: overrides of ``conf/config.yaml``, for an agent that is to be trained.
        run: directory of a finished run, for an agent that is trained already.
        trust: modules whose code the run's config may name, beside this package's and what ``conf/`` names.

    Attributes:
        config: what its run is told.
        run: the run that it acts with; None before it is trained.

    Raises:
        InputError: an override that does not fit, no such run, or both are given.
    """

    def __init__(self, *given: str, run: str | PathLike[str] | None = None, trust: Sequence[str] = ()) -> None:
        if given and run is not None:
            raise InputError("Agent: expected overrides of an agent to be trained, or the run of a trained one")
        if isinstance(trust, str):
            raise InputError(f"Agent: trust={trust!r}: expected a list of modules, such as ['{trust}']")
        self.run = None if run is None else Run.open(run, trust)
        self.config: RunConfig = configure(*given) if self.run is None else self.run.config

    def __repr__(self) -> str:
        trained = "not trained yet" if self.run is None else f"run {str(self.run.path)!r}"
        chosen = self.config.choices
        return f"Agent({chosen.task}, model={chosen.model} weighting={chosen.weighting}, {trained})"

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of its tasks, in the order of every vector. Loads no data that the suite can do without.

        InputError where they depend on each other in a circle, or on a task that there is not.
        """
        return TaskGraph(build_suite(self.config).tasks).depending(self.config.relations.depends_on or {}).names

    def train(self) -> RunResult:
        """Train it, as ``python train.py`` does; what was interrupted is gone on with.

        Returns:
            The result of its run.

        Raises:
            InputError: something in the config or the data is wrong, the training diverged, or another process trains.
        """
        result = train(self.config)
        if result is None:
            raise InputError("Agent.train: this is not the first process of its training")
        self.run = Run.open(result.directory, self.config.trust)
        return result

    def execute(self, *given: str, environment: Environment | None = None) -> ExecutionReport:
        """Act, as ``python execute.py`` does; the report is written to ``<run>/executions``.

        Args:
            *given: overrides of ``conf/execute.yaml``; where they name none, it acts in the environment of its run's
                config.
            environment: another one, that is made already.

        Returns:
            What came of it.

        Raises:
            InputError: it is not trained, cannot act there, an override does not fit, or both are given.
        """
        run = self._trained("execute")
        if environment is not None and given:
            raise InputError(
                f"Agent.execute: {given[0]}, and an environment that is made already: expected one of the two"
            )
        if environment is not None:
            _check_kind("execute", "environment", environment, Environment)
            report, _ = execute_in(environment, run, {"_target_": type(environment).__name__})
            return report
        asked = ExecuteConfig.read(compose_plain(given, "execute"))
        _check_own_run("execute", asked.run)
        node = asked.environment if names_environment(given) else None
        own = own_modules(node) if node else []
        report, _ = execute(
            node,
            str(run.path),
            threads=asked.threads,
            records=asked.records,
            trust=run.trust,
            own=own,
            preference=asked.preference,
            query=asked.query,
        )
        return report

    def analyse(self, report: ExecutionReport | None = None) -> Analysis:
        """Say what limits the outcome, as ``python experiments/analyse.py`` does; the page is in ``<run>/analysis``.

        Args:
            report: what came of acting; None: it acts once more in the environment of its run's config.

        Returns:
            The analysis.

        Raises:
            InputError: it is not trained, or its data has changed.
        """
        run = self._trained("analyse")
        if report is not None:
            _check_kind("analyse", "report", report, ExecutionReport)
        return analyse(run.path, run.trust, report=report)[0]

    def improve(self, *given: str) -> RunResult:
        """Improve by acting, as ``python improve.py`` does; from then on it is the agent of the new run.

        Args:
            *given: overrides of ``conf/improve.yaml``, such as ``rounds=5``.

        Returns:
            The result of the new run; its ``improvement.parent`` is the run of before.

        Raises:
            InputError: it is not trained, or cannot be improved.
        """
        run = self._trained("improve")
        asked, chosen = read_improvement(given, run.path, run.trust)
        _check_own_run("improve", asked.run)
        node = asked.improvement
        own = own_modules({"improve": node})
        result = improve_run(
            node,
            run.path,
            threads=asked.threads,
            trust=run.trust,
            own=own,
            progress=asked.progress,
            choice=chosen,
        )
        self.run = Run.open(result.directory, (*run.trust, *own))
        self.config = self.run.config
        return result

    def retrain(self, records: str | Path, *, always: bool = False) -> Retraining:
        """Train it again where its tasks are worse on later rows, as ``mtl retrain`` does.

        From then on it is the agent of the new run, where that is better.

        Args:
            records: file of labelled rows that came later, with the columns of its own table.
            always: train it again also where no task is worse.

        Returns:
            What was measured, and what came of it.

        Raises:
            InputError: it is not trained, not of a person's table, or the file does not fit.
        """
        run = self._trained("retrain")
        _check_kind("retrain", "records", records, str | PathLike)
        found = retrain(run, records, always=always, progress=self.config.progress)
        if found.kept:
            self.run = Run.open(found.used, self.config.trust)
            self.config = self.run.config
        return found

    def _trained(self, what: str) -> Run:
        if self.run is None:
            raise InputError(f"Agent.{what}: it is not trained yet; call train() first")
        return self.run


def _check_kind(what: str, name: str, given: object, wanted: type | UnionType) -> None:
    """InputError where an argument is none of the kind that a method takes."""
    if not isinstance(given, wanted):
        kind = "the path of a file" if isinstance(wanted, UnionType) else f"an object of {wanted.__name__}"
        found = f"the class {given.__name__}" if isinstance(given, type) else f"a {type(given).__name__}"
        raise InputError(f"Agent.{what}: {name}: expected {kind}, found {found}")


def _check_own_run(what: str, named: str | None) -> None:
    """InputError where another run is named than the agent's."""
    if named is not None:
        raise InputError(f"Agent.{what}: run={named}: it acts with its own run; Agent(run=...) is the agent of another")
