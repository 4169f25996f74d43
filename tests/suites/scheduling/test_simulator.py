"""Every schedule the simulator can build is feasible, whatever the policy, the size of the shops, and the padding."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.rollout import rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from mtl.suites.scheduling.solver import feasible
from tests.suites.scheduling.shops_strategy import job_shops, mixed, seeds


def at_random(seed: int):
    generator = torch.Generator().manual_seed(seed)
    return lambda simulator: torch.rand(simulator.est.shape, generator=generator)


def schedules(simulator: Simulator, instances: Sequence[JobShop]) -> list[np.ndarray]:
    return [
        simulator.starts[row, : instance.jobs, : instance.durations.shape[1]].long().numpy()
        for row, instance in enumerate(instances)
    ]


@settings(max_examples=20)
@given(mixed, seeds, st.sampled_from([0.0, 0.5, 1.0]))
def test_every_schedule_is_feasible_and_its_makespan_is_its_last_end(
    instances: list[JobShop], seed: int, delay: float
) -> None:
    built = rollout(at_random(seed), Simulator(Shops.pack(instances), delay))
    for row, (instance, starts) in enumerate(zip(instances, schedules(built, instances), strict=True)):
        assert feasible(instance, starts)
        assert built.makespan[row] == (starts + instance.durations).max()
        assert built.makespan[row] >= instance.trivial_bound
        used = instance.durations.sum() / (instance.machine_count * max(1.0, float(built.makespan[row])))
        assert built.utilisation[row] == pytest.approx(used)


@settings(max_examples=20)
@given(mixed, seeds)
def test_no_operation_of_an_active_schedule_fits_into_an_earlier_gap(instances: list[JobShop], seed: int) -> None:
    built = rollout(at_random(seed), Simulator(Shops.pack(instances)))
    for instance, starts in zip(instances, schedules(built, instances), strict=True):
        for job in range(instance.jobs):
            for operation in range(instance.lengths[job]):
                duration = instance.durations[job, operation]
                if not duration:
                    continue
                here = instance.machines == instance.machines[job, operation]
                here[job, operation] = False
                here &= instance.durations > 0
                released = starts[job, operation - 1] + instance.durations[job, operation - 1] if operation else 0
                others = sorted(zip(starts[here], (starts + instance.durations)[here], strict=True))
                ends = [released] + [max(released, end) for _, end in others]
                begins = [start for start, _ in others] + [np.inf]
                earliest = min(end for end, begin in zip(ends, begins, strict=True) if begin - end >= duration)
                assert starts[job, operation] <= earliest


@settings(max_examples=20)
@given(mixed, seeds)
def test_non_delay_schedules_leave_no_machine_idle_that_could_work(instances: list[JobShop], seed: int) -> None:
    built = rollout(at_random(seed), Simulator(Shops.pack(instances), delay=0.0))
    for instance, starts in zip(instances, schedules(built, instances), strict=True):
        ends = starts + instance.durations
        for job in range(instance.jobs):
            for operation in range(instance.lengths[job]):
                here = instance.machines == instance.machines[job, operation]
                released = ends[job, operation - 1] if operation else 0
                for moment in range(released, starts[job, operation]):
                    assert ((starts[here] <= moment) & (moment < ends[here])).any()


@settings(max_examples=20)
@given(mixed, job_shops(8), seeds)
def test_padding_does_not_change_a_schedule(instances: list[JobShop], larger: JobShop, seed: int) -> None:
    def shortest_first(simulator: Simulator) -> Tensor:
        return -simulator.duration

    together = rollout(shortest_first, Simulator(Shops.pack([*instances, larger])))
    for row, instance in enumerate(instances):
        alone = rollout(shortest_first, Simulator(Shops.pack([instance])))
        assert torch.equal(alone.starts[0], together.starts[row, : instance.jobs, : instance.durations.shape[1]])


@settings(max_examples=20)
@given(mixed, seeds)
def test_samples_are_repeatable_and_rows_independent(instances: list[JobShop], seed: int) -> None:
    shops = Shops.pack(instances)
    flat = [
        rollout(lambda s: torch.zeros_like(s.est), Simulator(shops), torch.Generator().manual_seed(seed)).starts
        for _ in range(2)
    ]
    assert torch.equal(*flat)
    repeated = rollout(lambda s: -s.est, Simulator(shops.take(torch.arange(len(shops)).repeat_interleave(3))))
    assert torch.equal(repeated.starts[::3], repeated.starts[2::3])


def test_sampling_follows_the_softmax_of_the_scores() -> None:
    # Two jobs compete for one machine: job 0 goes first with probability softmax([log 4, 0])[0] = 0.8.
    shops = Shops.pack([JobShop("duel", np.array([[2], [3]]), np.zeros((2, 1), dtype=int))])
    simulator = Simulator(shops.take(torch.zeros(4000, dtype=torch.long)))
    scores = torch.tensor([4.0, 1.0]).log().expand(4000, 2)
    built = rollout(lambda s: scores, simulator, torch.Generator().manual_seed(0))
    share = (built.starts[:, 0, 0] == 0).float().mean()
    assert share == pytest.approx(0.8, abs=4 * (0.8 * 0.2 / 4000) ** 0.5)


def test_conflict_set_by_hand() -> None:
    # Machine 0 next for jobs 0 (5 long), 1 (3 long); job 2 starts on machine 1 and would end at 4, later than job 1.
    instance = JobShop("hand", np.array([[5, 1], [3, 1], [4, 1]]), np.array([[0, 1], [0, 1], [1, 0]]))
    simulator = Simulator(Shops.pack([instance]))
    assert simulator.legal.tolist() == [[True, True, False]]
    with pytest.raises(ValueError, match="job 2 is not among the candidates"):
        simulator.dispatch(torch.tensor([2]))
    simulator.dispatch(torch.tensor([1]))
    assert simulator.machine_ready.tolist() == [[3.0, 0.0]]
    # Now job 1 could end on machine 1 at 4, as could job 2: both may be chosen. Job 0 would end at 8.
    assert simulator.legal.tolist() == [[False, True, True]]
    assert not simulator.done.any()


def test_copies_are_independent() -> None:
    instance = JobShop("hand", np.array([[5, 1], [3, 1]]), np.array([[0, 1], [0, 1]]))
    simulator = Simulator(Shops.pack([instance]))
    branch = simulator.take(torch.tensor([0, 0]))
    branch.dispatch(torch.tensor([0, 1]))
    assert simulator.starts.max() == -1.0
    assert branch.starts[:, :, 0].tolist() == [[0.0, -1.0], [-1.0, 0.0]]
    rejoined = rollout(at_random(0), Simulator.join([branch, simulator]))
    assert rejoined.done.all()
    assert branch.starts[:, :, 1].max() == -1.0
