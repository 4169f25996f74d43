"""Further labels of states, beside what longest paths in the graph of a schedule say."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch.testing import assert_close

from mtl.errors import InputError
from mtl.suites.scheduling import SchedulingSuite
from mtl.suites.scheduling.features import features
from mtl.suites.scheduling.further_labels import FURTHER, Continued, further_labels, further_tasks, paths_to_the_end
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.labels import States, candidate_makespans, collect_states, finished_by, label
from mtl.suites.scheduling.rollout import rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from mtl.tasks import Task, labelled
from mtl.tasks.per_candidate import candidate_events, candidate_values
from tests.suites.scheduling.shops_strategy import mixed, seeds


def states_of(instances: list[JobShop], seed: int) -> tuple[States, torch.Tensor]:
    """States on the way along random schedules."""
    shops, generator = Shops.pack(instances), torch.Generator().manual_seed(seed)
    built = rollout(lambda s: torch.rand(s.est.shape, generator=generator), Simulator(shops))
    return collect_states(shops, built.starts, (0.3,), generator), built.starts


def longest_paths(finished: Simulator, row: int) -> dict[tuple[int, int], float]:
    """From the start of each operation to the end of one schedule, by recursion over what follows it."""
    starts, durations, machines = (
        one[row].tolist() for one in (finished.starts, finished.durations, finished.machines)
    )
    there = [(j, k) for j, line in enumerate(finished.shops.real[row].tolist()) for k, real in enumerate(line) if real]

    @cache
    def path(job: int, step: int) -> float:
        key = (starts[job][step], starts[job][step] + durations[job][step])
        following = [(job, step + 1)] if (job, step + 1) in there else []
        following += [
            (j, k)
            for j, k in there
            if machines[j][k] == machines[job][step]
            and (starts[j][k], starts[j][k] + durations[j][k]) > key
            and (j, k) != (job, step)
        ]
        return durations[job][step] + max((path(*one) for one in following), default=0.0)

    return {one: path(*one) for one in there}


@settings(max_examples=20, deadline=None)
@given(mixed, seeds)
def test_paths_to_the_end_are_the_longest_ones(instances: list[JobShop], seed: int) -> None:
    longer = [np.where(one.exists, one.durations.clip(1), 0) for one in instances]  # ties of duration 0 have no order
    instances = [replace(one, durations=durations) for one, durations in zip(instances, longer, strict=True)]
    shops, generator = Shops.pack(instances), torch.Generator().manual_seed(seed)
    finished = rollout(lambda s: torch.rand(s.est.shape, generator=generator), Simulator(shops))
    found = paths_to_the_end(finished)
    for row in range(len(shops)):
        for (job, step), length in longest_paths(finished, row).items():
            assert found[row, job, step] == length
    slack = (finished.makespan[:, None, None] - finished.starts - found)[shops.real]
    assert (slack >= 0).all()


@settings(max_examples=10, deadline=None)
@given(mixed, seeds)
def test_labels_agree_with_the_choice_and_with_each_other(instances: list[JobShop], seed: int) -> None:
    try:
        states, starts = states_of(instances, seed)
    except InputError:  # no choice anywhere
        return
    _, targets = label(states, starts, further=FURTHER)
    _, mask = states.simulator.candidates()
    assert all((targets[name].isnan() == ~mask).all() for name in ("regret", "slack", "critical"))
    assert ((targets["regret"] == 0) == (targets["assignment"] > 0))[mask].all()
    assert ((targets["critical"] == 1) == (targets["slack"] == 0))[mask].all()
    assert (targets["slack"][mask] >= 0).all()
    assert ((targets["bottleneck"] >= 0) & (targets["bottleneck"] <= 1)).all()
    ends = candidate_makespans(states, starts)
    assert_close(finished_by(states, starts, ends).makespan, ends.amin(1))


def test_two_jobs_on_one_machine() -> None:
    """The bottleneck is the one machine that there is, all its operations are critical; the order does not matter."""
    simulator = Simulator(Shops.pack([JobShop("two", np.array([[3], [5]]), np.array([[0], [0]]))]))
    states, starts = States(simulator, torch.zeros(1, dtype=torch.long)), torch.tensor([[[0.0], [3.0]]])
    jobs, mask = simulator.candidates()
    ends = candidate_makespans(states, starts)
    given_states = Continued(simulator, jobs, mask, ends, finished_by(states, starts, ends), torch.zeros(1))
    found = further_labels(given_states)
    assert {name: values.tolist() for name, values in found.items()} == {
        "regret": [[0.0, 0.0]],
        "slack": [[0.0, 0.0]],
        "critical": [[1.0, 1.0]],
        "bottleneck": [1.0],
    }
    assert features(simulator)["mask"].all()


@pytest.mark.parametrize("make", [candidate_values, candidate_events])
def test_candidates_without_a_label_count_nowhere(make: Callable[[str], Task]) -> None:
    task = make("a")
    target = torch.tensor([[1.0, 0.0, torch.nan], [0.0, torch.nan, torch.nan], [torch.nan] * 3])
    prediction = torch.tensor([[0.5, -1.0, 7.0], [2.0, 9.0, -3.0], [1.0, 1.0, 1.0]], requires_grad=True)
    rows = labelled(target)
    assert rows.tolist() == [True, True, False]
    losses = task.losses(prediction, target, rows)
    each = [task.losses(prediction[i, j].view(1, 1), target[i, j].view(1, 1)) for i, j in ((0, 0), (0, 1), (1, 0))]
    assert_close(losses, torch.stack([(each[0] + each[1]).squeeze() / 2, each[2].squeeze(), torch.tensor(0.0)]))
    losses.sum().backward()
    assert prediction.grad is not None
    assert (prediction.grad[target.isnan()] == 0).all()
    (metric,) = task.metrics.values()
    metric.update(task.measured(prediction.detach())[rows], target[rows])
    read, true = task.measured(prediction.detach()), target
    error = (read - true).abs() if task.primary == "mae" else (read - true).square()
    assert_close(metric.compute(), error[rows].nanmean(1).mean())


def test_a_suite_has_the_further_tasks_that_it_is_told() -> None:
    assert [task.name for task in further_tasks(FURTHER)] == list(FURTHER)
    with pytest.raises(InputError, match=r"unknown task in task\.further 'regrets': did you mean 'regret'"):
        SchedulingSuite(further=["regrets"])
