"""The scheduling suite: states of job shops under way, three tasks, and a validation by building schedules."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from mtl.config.home import expanded
from mtl.errors import InputError, unknown
from mtl.suites.base import MultiTaskDataModule, Predict
from mtl.suites.batch import Split
from mtl.suites.scheduling.features import BOUND_RULE, CANDIDATE_FEATURES, CONTEXT_FEATURES
from mtl.suites.scheduling.further_labels import FURTHER, further_tasks
from mtl.suites.scheduling.generate import Range, taillard
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.labels import collect_states, label, limit_candidates
from mtl.suites.scheduling.published import select
from mtl.suites.scheduling.references import references
from mtl.suites.scheduling.rollout import network_policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from mtl.suites.scheduling.solver import Solution
from mtl.suites.sources.cache import cache_directory
from mtl.suites.sources.cached_values import TENSORS, load_or_make
from mtl.tasks import choice, regression

# Streams of generated instances.
_TRAIN, _VAL, _ROLLOUT = 0, 1, 2
_LABELLED = ("train", "val", "test")
PRIORS: dict[str | None, tuple[float, ...] | None] = {"bound": BOUND_RULE, None: None}


class SchedulingSuite(MultiTaskDataModule):
    """Job-shop scheduling: which operation next, how busy the machines will be, when all will be done.

    A row is a state of a partly built schedule in which a dispatcher has a choice; inputs are those of
    :func:`mtl.suites.scheduling.features.features`, targets those of :func:`mtl.suites.scheduling.labels.label`. Rows
    come from schedules that CP-SAT finds for generated instances (train, val) and for published ones (test); no
    instance is in two splits. The first use solves them, later ones read the cache.

    Checkpoints are selected by what counts: the mean gap of schedules built greedily for further generated instances,
    larger than those learned from, to their references.

    Args:
        instances: generated training instances.
        validation: generated validation instances, of the same sizes.
        jobs: smallest and largest number of jobs of both.
        machines: smallest and largest number of machines of both.
        deviation_probabilities: each training instance is simulated once per entry; the entry is the probability that a
            step deviates from the reference schedule, so that the network sees how to go on after a mistake (DAgger:
            Ross, Gordon, Bagnell, AISTATS 2011, https://arxiv.org/abs/1011.0686).
        tolerance: a candidate is acceptable when it costs at most this share of the makespan.
        max_candidates: training states with more candidates are left out, as every row is padded to the largest set: 5
            keeps 99.7 % of the default states and saves more than a third of the time.
        limit: deterministic limit of CP-SAT for each of them.
        rollout_instances: generated instances for which validation builds schedules.
        rollout_size: their jobs and machines.
        rollout_limit: deterministic limit of CP-SAT for each of them: a reference to compare with, hardly ever
            optimal.
        test: published instances or instance files whose states make the test split.
        prior: the rule that the dispatcher starts at and corrects: ``bound``, or None. Among more candidates than
            ``max_candidates`` the rule alone chooses, as no training state has so many.
        further: more tasks of the same states: ``regret``, ``slack``, ``critical``, ``bottleneck``; see
            :func:`~mtl.suites.scheduling.further_labels.further_labels`.
        seed: of everything generated. It is not the run's seed: runs share their data.
        cache: directory of solved instances and labelled states; default ``$MTL_CACHE`` or the platform's cache
            directory.
        workers: instances solved at once; default: one per usable core.

    Raises:
        InputError: an argument out of range, an unknown test instance.
    """

    selection = ("val/execution_gap", "min")
    acting: str | None = "assignment"

    def __init__(
        self,
        instances: int = 320,
        validation: int = 40,
        jobs: Sequence[int] = (6, 10),
        machines: Sequence[int] = (6, 10),
        deviation_probabilities: Sequence[float] = (0.0, 0.1),
        tolerance: float = 0.0,
        max_candidates: int = 5,
        limit: float = 1.0,
        rollout_instances: int = 24,
        rollout_size: Sequence[int] = (15, 15),
        rollout_limit: float = 0.3,
        test: str | Sequence[str] = ("ft06", "la01..la20"),
        prior: str | None = "bound",
        further: Sequence[str] = (),
        seed: int = 0,
        cache: str | None = None,
        workers: int | None = None,
    ) -> None:
        super().__init__()
        counts = {"instances": instances, "validation": validation, "rollout_instances": rollout_instances}
        for name, value in counts.items():
            if value < 1:
                raise InputError(f"task.{name}={value}: at least 1 is needed")
        for name, share in {"limit": limit, "rollout_limit": rollout_limit}.items():
            if share <= 0:
                raise InputError(f"task.{name}={share}: must be positive")
        if not deviation_probabilities or not all(0 <= share <= 1 for share in deviation_probabilities):
            raise InputError(
                f"task.deviation_probabilities={list(deviation_probabilities)}: expected at least one, each in [0, 1]"
            )
        if tolerance < 0:
            raise InputError(f"task.tolerance={tolerance}: must not be negative")
        if max_candidates < 2:
            raise InputError(f"task.max_candidates={max_candidates}: a choice has at least 2 candidates")
        if prior not in PRIORS:
            raise unknown("rule in task.prior", str(prior), [name for name in PRIORS if name])
        for name in further:
            if name not in FURTHER:
                raise unknown("task in task.further", str(name), FURTHER)
        self.further = tuple(dict.fromkeys(further))
        self.deviation_probabilities, self.tolerance, self.max_candidates = (
            tuple(deviation_probabilities),
            tolerance,
            max_candidates,
        )
        self.limit, self.rollout_limit = limit, rollout_limit
        self.data_seed, self.workers = seed, workers
        self.cache = expanded(cache) if cache else cache_directory()
        sizes = _range("jobs", jobs), _range("machines", machines)
        self.sizes = {"jobs": sizes[0], "machines": sizes[1]}
        large = _range("rollout_size", rollout_size)
        self.instances = {
            "train": [taillard(seed, _TRAIN, i, *sizes) for i in range(instances)],
            "val": [taillard(seed, _VAL, i, *sizes) for i in range(validation)],
            "test": select(test),
            "rollout": [
                taillard(seed, _ROLLOUT, i, (large[0], large[0]), (large[1], large[1]))
                for i in range(rollout_instances)
            ],
        }
        for instance in self.instances["test"]:
            if instance.demanded:
                raise InputError(
                    f"task.test: instance {instance.name} has {', '.join(instance.demanded)}: the network learns shops "
                    "without; execution.instances takes such files"
                )
        _check_each_once(self.instances["test"])
        self.tasks = (
            choice("assignment", prior=PRIORS[prior], most_candidates=self.max_candidates),
            regression("utilisation", primary="mae"),
            regression("makespan", primary="mae"),
            *further_tasks(self.further),
        )
        self.input_shape = {
            "candidates": (None, len(CANDIDATE_FEATURES)),
            "mask": (None,),
            "context": (len(CONTEXT_FEATURES),),
        }
        self._facts = ""
        self._rollout: tuple[Shops, Tensor] | None = None

    def load(self) -> dict[str, Split]:
        """Solve the references and label the states along them, once; later both are read from the cache."""
        small = [instance for name in _LABELLED for instance in self.instances[name]]
        large = self.instances["rollout"]
        limits = [self.limit] * len(small) + [self.rollout_limit] * len(large)
        solutions = references([*small, *large], limits, self.cache, self.workers)
        self._facts = _fingerprint(
            [*small, *large],
            solutions,
            (self.deviation_probabilities, self.tolerance, self.max_candidates, self.data_seed, *self.further),
        )
        best = torch.tensor([float(solution.makespan) for solution in solutions[len(small) :]])
        self._rollout = Shops.pack(large), best
        made = load_or_make(
            "scheduling",
            lambda: self.labelled(solutions),
            TENSORS,
            sources=(),
            code=[str(file) for file in sorted(Path(__file__).parent.rglob("*.py"))],
            options=(self._facts, self.further, torch.__version__),
            cache=self.cache,
        )
        return {name: Split(inputs, targets, groups=shops) for name, (inputs, targets, shops) in made.items()}

    def labelled(self, solutions: Sequence[Solution]) -> dict[str, tuple[dict[str, Tensor], dict[str, Tensor], Tensor]]:
        """Inputs, targets and instance of the states along these solutions of the splits' instances, by split."""
        remaining = iter(solutions)
        splits = {}
        for name in _LABELLED:
            instances = self.instances[name]
            shops = Shops.pack(instances)
            starts = _padded([next(remaining).starts for _ in instances], shops.durations.shape)
            generator = torch.Generator().manual_seed(self.data_seed)
            if name == "train":
                states = limit_candidates(
                    collect_states(shops, starts, self.deviation_probabilities, generator), self.max_candidates
                )
            else:
                states = collect_states(shops, starts, (0.0,), generator)
            splits[name] = (*label(states, starts, self.tolerance, self.further), states.shop)
        return splits

    @property
    def fingerprint(self) -> str:
        """Hash of instances, reference schedules, settings of the labels, names of the features; loads the data."""
        self.setup("fit")
        return self._facts

    @property
    @override
    def takes_instead(self) -> str:
        return "this run schedules job shops: expected instances=<your shops>"

    def restrict(self, names: Sequence[str]) -> None:
        """Learn these tasks only; without ``assignment`` nothing can be executed, and losses select the checkpoint."""
        super().restrict(names)
        if "assignment" not in names:
            self.selection, self.acting = MultiTaskDataModule.selection, None

    def covers(self, instance: JobShop) -> bool:
        """Whether the instance is of a size of the training instances, and classical and without dates like these."""
        (fewest, most), (least, largest) = self.sizes["jobs"], self.sizes["machines"]
        plain = instance.classical and not instance.constrained  # nor flexible, which no classical one is
        return plain and fewest <= instance.jobs <= most and least <= instance.machine_count <= largest

    def validation_rollout(self, predict: Predict) -> dict[str, float]:
        """Build a schedule greedily for each rollout instance: mean gap to its reference, as ``execution_gap``.

        Only where that selects the checkpoint, since it takes as long as a short epoch.
        """
        if self.acting is None:
            return {}
        self.setup("fit")
        assert self._rollout is not None
        shops, best = self._rollout
        built = rollout(network_policy(lambda inputs: predict(inputs)["assignment"]), Simulator(shops))
        return {"execution_gap": float((built.makespan / best - 1.0).mean())}


def _check_each_once(instances: Sequence[JobShop]) -> None:
    """InputError where two test instances are the same shop: its rows would count twice, as if independent."""
    names: dict[tuple[bytes, bytes, tuple[int, ...]], str] = {}
    for instance in instances:
        content = instance.durations.tobytes(), instance.machines.tobytes(), instance.durations.shape
        if content in names:
            raise InputError(
                f"task.test: instances {names[content]} and {instance.name} are the same shop: name one of them"
            )
        names[content] = instance.name


def _padded(schedules: Sequence[NDArray[np.int64]], shape: torch.Size) -> Tensor:
    """Start times as one tensor ``[N, J, M]``, -1 in padding."""
    starts = torch.full(shape, -1.0)
    for row, schedule in enumerate(schedules):
        starts[row, : schedule.shape[0], : schedule.shape[1]] = torch.from_numpy(schedule)
    return starts


def _fingerprint(instances: Sequence[JobShop], solutions: Sequence[Solution], settings: tuple[object, ...]) -> str:
    facts = hashlib.sha256(repr((CANDIDATE_FEATURES, CONTEXT_FEATURES, settings)).encode())
    for instance, solution in zip(instances, solutions, strict=True):
        for table in (instance.durations, instance.machines, solution.starts):
            facts.update(repr(table.tolist()).encode())
    return facts.hexdigest()[:16]


def _range(name: str, values: Sequence[int]) -> Range:
    if len(values) != 2:
        raise InputError(f"task.{name}={list(values)}: expected two numbers")
    return int(values[0]), int(values[1])
