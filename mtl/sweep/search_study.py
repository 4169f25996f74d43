"""A search for hyper-parameters in Optuna's storage: which trials there are, and which one is next.

Akiba et al., "Optuna: A Next-generation Hyperparameter Optimization Framework", KDD 2019,
https://arxiv.org/abs/1907.10902. Only its public interface is used (``ask`` and ``tell``).

``<output>/searches/<name>/`` holds::

    journal.log      all trials, unless another storage was named
    trial-<n>.lock   who trains it: machine, process, its start time; touched every few seconds
    worker-<p>.log   what a worker process has printed
"""

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from mtl.config.passwords import shown
from mtl.config.search_settings import Search
from mtl.config.search_space import Choice, Dimension
from mtl.errors import InputError, lacks
from mtl.runs.lock import create_lock, describe_this_process, heartbeat, holder_of, is_alive

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial

# Processes that may die in a row over the same values, none with an epoch more, before these count as failed
DEATHS = 3
FAILURES = 3  # trials that fail before any other does not, after which a search ends
# Attributes of the study and of its trials, in Optuna's words
ABOUT, DATA, PUT_BACK, DEAD = "about", "data", "put_back", "dead"
RUN, ERROR, REPLACES = "run", "error", "replaces"


class SearchStudy:
    """A search, to be used by any number of processes at once.

    Args:
        search: what is asked.

    Attributes:
        search: the same.
        directory: of its files.

    Raises:
        InputError: Optuna is missing, its storage cannot be used, or a search of this name is about something else.
    """

    def __init__(self, search: Search) -> None:
        self.search = search
        self.directory = directory_of(search)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"output={search.output}: cannot be written ({error.strerror})") from None
        self._mutex = FileLock(self.directory / ".mutex")
        with self._mutex:
            self.study = _open_study(search, self.directory)
            about = self.study.user_attrs.get(ABOUT)
            if about is None:
                self.study.set_user_attr(ABOUT, search.identity)
            elif about != search.identity:
                raise InputError(
                    f"name={search.name}: the search of this name is about other overrides or ranges; give this one "
                    "another name, or none"
                )
        self._distributions = {one.key: _distribution(one) for one in search.space}
        self._values = _all_values(self._distributions)

    @property
    def trials(self) -> "list[FrozenTrial]":
        """Those that count, in order: not what was put back because its process ended."""
        every = self.study.get_trials(deepcopy=False)
        replaced = self._replaced(every)
        return [one for one in every if one.number not in replaced]

    @property
    def best(self) -> "FrozenTrial | None":
        """The trial with the lowest validation score; None before the first is complete."""
        done = [one for one in self.trials if one.state.name == "COMPLETE"]
        return min(done, key=lambda one: (one.value, one.number)) if done else None

    def overrides(self, trial: "FrozenTrial | Trial") -> list[str]:
        """What a trial varies, as overrides of a run."""
        return list(self._typed(trial.params))

    def left(self) -> int:
        """How many trials are still to be trained and under nobody's hands; 0 where the first ones have all failed."""
        trials = self.trials
        states = [one.state.name for one in trials]
        if states.count("FAIL") >= FAILURES and not {"COMPLETE", "PRUNED"} & set(states):
            return 0
        waiting = [one for one in trials if one.state.name == "WAITING" or self._is_dead(one)]
        return len(waiting) + self.asked - len(trials)

    @property
    def asked(self) -> int:
        """How many trials there will be: as many as are asked for, or until all configurations have been tried."""
        trials = len(self.trials)
        more = max(0, self.search.settings.trials - trials)
        return trials + (more if self.size is None else min(more, self.size - len(self._tried())))

    @property
    def size(self) -> int | None:
        """How many configurations there are; None where a key takes any number between two."""
        return None if self._values is None else prod(map(len, self._values.values()))

    @contextmanager
    def claim(self) -> "Iterator[Trial | None]":
        """The next trial, held while the context lasts; None where there is none left.

        What is left behind by an interruption is put back: another trial of the same values goes on with its run.
        """
        with self._mutex:
            for one in self.study.get_trials(deepcopy=False):
                if self._is_dead(one):
                    self._put_back(one, died=True)
                elif one.state.is_finished() and self._is_left(one.number):  # killed when its trial was done
                    self._lock(one.number).unlink()
            trial = self._ask() if self.left() else None
            lock = self._lock(trial.number) if trial is not None else None
            mine = describe_this_process()
            if lock is not None:
                create_lock(lock, json.dumps(mine))
        if trial is None or lock is None:
            yield None
            return
        try:
            with heartbeat(lock, mine["token"], f"trial {trial.number}"):
                yield trial
        finally:
            with self._mutex:
                found = self.study.get_trials(deepcopy=False)[trial.number]
                if found.state.name == "RUNNING":  # interrupted
                    self._put_back(found, died=False)
                lock.unlink(missing_ok=True)

    def twin(self, trial: "Trial") -> "FrozenTrial | None":
        """A complete trial of the same values, which need not be trained again."""
        same = self.overrides(trial)
        return next((o for o in self.trials if o.state.name == "COMPLETE" and self.overrides(o) == same), None)

    def report(self, trial: "Trial", epochs: int, score: float) -> None:
        """Tell Optuna a validation of a trial, once.

        Those that came before it in the trials that this one goes on with are told first, so that pruning looks at what
        it would look at had there been no interruption.

        Args:
            trial: the trial.
            epochs: that were trained.
            score: of validation.
        """
        self._tell(trial, {**self._before(trial, epochs), epochs: score})

    def report_before(self, trial: "Trial") -> None:
        """Tell Optuna the validations of the trials that a trial goes on with: nothing of its run may be left to do."""
        self._tell(trial, self._before(trial))

    def run_before(self, trial: "Trial") -> str | None:
        """Directory of the run of the trial that a trial goes on with; None if there is none."""
        before = trial.user_attrs.get(REPLACES)
        every = self.study.get_trials(deepcopy=False)
        return None if before is None else every[before].user_attrs.get(RUN)

    def _before(self, trial: "Trial", epochs: float = inf) -> dict[int, float]:
        """Validation scores by epochs, up to some, of the trials that a trial goes on with."""
        every = self.study.get_trials(deepcopy=False)
        found: dict[int, float] = {}
        before = trial.user_attrs.get(REPLACES)
        while before is not None:
            found = {**every[before].intermediate_values, **found}
            before = every[before].user_attrs.get(REPLACES)
        return {step: score for step, score in found.items() if step <= epochs}

    def _tell(self, trial: "Trial", found: dict[int, float]) -> None:
        known = self.study.get_trials(deepcopy=False)[trial.number].intermediate_values
        for step in sorted(found.keys() - known.keys()):
            trial.report(found[step], step)

    def check_data(self, fingerprint: str) -> None:
        """Raise InputError where the data is not that of the trials before, unless the search varies it."""
        if any(one.key.lstrip("+").partition(".")[0] == "task" for one in self.search.space):
            return
        with self._mutex:
            known = self.study.user_attrs.get(DATA)
            if known is None:
                self.study.set_user_attr(DATA, fingerprint)
            elif known != fingerprint:
                raise InputError(
                    f"the data has changed since search '{self.search.name}' was begun: give a new one another name="
                )

    def _ask(self) -> "Trial":
        trials = self.trials
        number = sum(one.state.name != "WAITING" for one in trials)
        # Anew for each trial, so that a search that was interrupted draws what it would have drawn
        self.study.sampler = _sampler(self.search, number)
        if self._values is not None:
            from mtl.sweep.search_untried import Untried

            tried = self._tried()
            self.study.sampler = Untried(
                self.study.sampler, self._distributions, self._values, lambda found: self._typed(found) in tried, number
            )
        trial: Trial = self.study.ask(self._distributions)
        return trial

    def _tried(self) -> set[tuple[str, ...]]:
        """What the trials vary, as overrides."""
        trials = self.trials
        every = self.study.get_trials(deepcopy=False)  # after these, so that it has all of them
        # One that waits has no values yet, and gets those of the trial that it goes on with
        found = [one.params or every[one.user_attrs.get(REPLACES, one.number)].params for one in trials]
        return {self._typed(params) for params in found if params.keys() == self._distributions.keys()}

    def _typed(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(one.override(params[one.key]) for one in self.search.space)

    def _put_back(self, trial: "FrozenTrial", *, died: bool) -> None:
        """Let the values of a trial whose process has ended wait for another one.

        Each step leaves the search so that it may be killed before the next one. A trial that was killed while its
        values were written is not replaced: the next one draws them again.
        """
        from optuna.trial import TrialState

        every = self.study.get_trials(deepcopy=False)
        if trial.number not in self._replaced(every):
            if trial.params.keys() != self._distributions.keys():
                self.study.set_user_attr(PUT_BACK, [*self.study.user_attrs.get(PUT_BACK, []), trial.number])
            else:
                dead = self.study.user_attrs.get(DEAD, [])
                if died and trial.number not in dead:
                    dead = [*dead, trial.number]
                    self.study.set_user_attr(DEAD, dead)
                if fruitless_deaths([every[one] for one in dead if every[one].params == trial.params]) < DEATHS:
                    self.study.enqueue_trial(trial.params, user_attrs={REPLACES: trial.number})
        self.study.tell(trial.number, state=TrialState.FAIL)
        self._lock(trial.number).unlink(missing_ok=True)

    def _replaced(self, every: "Sequence[FrozenTrial]") -> set[int]:
        """Numbers of the trials that were put back."""
        by_others = {one.user_attrs[REPLACES] for one in every if REPLACES in one.user_attrs}
        return by_others | set(self.study.user_attrs.get(PUT_BACK, []))

    def _is_dead(self, trial: "FrozenTrial") -> bool:
        return trial.state.name == "RUNNING" and (not self._lock(trial.number).exists() or self._is_left(trial.number))

    def _is_left(self, number: int) -> bool:
        """Whether there is a lock of a trial, and the process that held it has ended."""
        lock = self._lock(number)
        if not lock.exists():
            return False
        holder = holder_of(lock)
        return not holder or not is_alive(holder, lock)

    def _lock(self, number: int) -> Path:
        return self.directory / f"trial-{number}.lock"


def directory_of(search: Search) -> Path:
    """Where the files of a search are."""
    return Path(search.output, "searches", search.name)


def fruitless_deaths(trials: "Sequence[FrozenTrial]") -> int:
    """How many of the last of these trials, whose processes died over the same values, came no further than others."""
    reached = fruitless = 0
    for one in trials:
        step = one.last_step or 0  # epochs at its last validation; of one that went on, all since the first began
        fruitless = 0 if step > reached else fruitless + 1
        reached = max(reached, step)
    return fruitless


def _open_study(search: Search, directory: Path) -> Any:
    try:
        import optuna
    except ModuleNotFoundError:
        raise lacks("mtl tune", "Optuna", "tune") from None
    from optuna.storages import JournalStorage, get_storage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    address = search.settings.storage
    try:
        # Optuna's lock is a link to the path as it is given. Were that relative, the link would lead nowhere, and a
        # lock that a killed process left would never count as left: all others would wait for ever
        storage = (
            JournalStorage(JournalFileBackend(str(directory.absolute() / "journal.log")))
            if address is None
            else get_storage(_connection_by_connection(address))
        )
        return optuna.create_study(
            storage=storage,
            study_name=search.name,
            pruner=_pruner(search),
            direction="minimize",
            load_if_exists=True,
        )
    except Exception as error:
        where = f"storage={shown(address)}" if address else f"'{directory / 'journal.log'}'"
        raise InputError(f"{where} cannot be used: {' '.join(str(error).split())[:200]}") from None


def _connection_by_connection(address: str) -> Any:
    """The storage at the address of a database; each connection is closed after use, so that none is left to the end.

    Optuna's other kinds of storage are named by their address alone.
    """
    from optuna.storages import RDBStorage
    from sqlalchemy import NullPool

    return address if address.startswith("redis") else RDBStorage(address, engine_kwargs={"poolclass": NullPool})


def _sampler(search: Search, number: int) -> "BaseSampler":
    from optuna.samplers import RandomSampler, TPESampler

    settings = search.settings
    seed = (settings.search_seed * 1_000_003 + number) % 2**32
    if settings.sampler == "random":
        return RandomSampler(seed=seed)
    # With constant_liar, trials under way count as bad ones, so that several workers do not all draw the same
    return TPESampler(seed=seed, n_startup_trials=settings.startup, constant_liar=True)


def _pruner(search: Search) -> "BasePruner":
    from optuna.pruners import MedianPruner, NopPruner

    from mtl.sweep.search_halving import SuccessiveHalving

    if search.settings.pruner == "median":
        return MedianPruner(n_startup_trials=search.settings.startup)
    if search.settings.pruner == "halving":
        return SuccessiveHalving(search.settings.startup)
    return NopPruner()


def _all_values(distributions: "Mapping[str, BaseDistribution]") -> dict[str, Sequence[Any]] | None:
    """The values of each key; None where one takes any number between two."""
    from mtl.sweep.search_untried import values_of

    found = {key: values_of(one) for key, one in distributions.items()}
    counted = {key: values for key, values in found.items() if values is not None}
    return counted if len(counted) == len(found) else None


def _distribution(one: Dimension) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(one, Choice):
        return CategoricalDistribution(one.values)
    if isinstance(one.low, int) and isinstance(one.high, int):
        return IntDistribution(one.low, one.high, log=one.log, step=int(one.step or 1))
    return FloatDistribution(float(one.low), float(one.high), log=one.log, step=one.step)
