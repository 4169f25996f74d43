"""Features mean the same whatever the numbering of jobs and machines, the padding, and the unit of time."""

from dataclasses import replace

import numpy as np
import torch
from hypothesis import given, settings
from torch import Tensor

from mtl.suites.scheduling.features import CANDIDATE_FEATURES, CONTEXT_FEATURES, features, lower_bound
from mtl.suites.scheduling.generate import taillard
from mtl.suites.scheduling.instance import NO_MACHINE, JobShop
from mtl.suites.scheduling.rollout import network_policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from tests.suites.scheduling.reference_features import ReferenceState, reference_candidates, reference_context
from tests.suites.scheduling.shops_strategy import job_shops, mixed, seeds


def walk(instances: list[JobShop], scores: list[Tensor]) -> list[tuple[dict[str, Tensor], Tensor]]:
    """Inputs and candidates' job numbers at every step when the legal job with the highest score [J] goes next."""
    simulator = Simulator(Shops.pack(instances))
    order = torch.full(simulator.est.shape, -1.0)
    for row, values in enumerate(scores):
        order[row, : len(values)] = values
    seen = []
    while not simulator.done.all():
        seen.append((features(simulator), simulator.candidates()[0]))
        simulator.dispatch(order.masked_fill(~simulator.legal, -torch.inf).argmax(1))
    return seen


def preference(instance: JobShop, seed: int) -> Tensor:
    return torch.rand(instance.jobs, generator=torch.Generator().manual_seed(seed))


def by_job(inputs: dict[str, Tensor], jobs: Tensor, row: int = 0) -> dict[int, Tensor]:
    mask = inputs["mask"][row]
    return dict(zip(jobs[row][mask].tolist(), inputs["candidates"][row][mask], strict=True))


def assert_same(first: dict[int, Tensor], second: dict[int, Tensor]) -> None:
    assert first.keys() == second.keys()
    for job, values in first.items():
        torch.testing.assert_close(values, second[job], atol=2e-4, rtol=1e-4)


@settings(max_examples=30)
@given(mixed, seeds)
def test_names_match_columns_and_all_is_finite(instances: list[JobShop], seed: int) -> None:
    for inputs, jobs in walk(instances, [preference(i, seed) for i in instances]):
        assert inputs["candidates"].shape == (*jobs.shape, len(CANDIDATE_FEATURES))
        assert inputs["context"].shape == (len(instances), len(CONTEXT_FEATURES))
        assert inputs["candidates"].isfinite().all()
        assert inputs["context"].isfinite().all()
        assert not inputs["candidates"][~inputs["mask"]].any()


@settings(max_examples=30)
@given(job_shops(), job_shops(8), seeds)
def test_padding_changes_no_feature(instance: JobShop, larger: JobShop, seed: int) -> None:
    scores = preference(instance, seed)
    alone = walk([instance], [scores])
    together = walk([instance, larger], [scores, preference(larger, seed)])
    for (inputs, jobs), (padded, padded_jobs) in zip(alone, together, strict=False):
        assert_same(by_job(inputs, jobs), by_job(padded, padded_jobs))
        torch.testing.assert_close(inputs["context"][0], padded["context"][0], atol=2e-4, rtol=1e-4)


@settings(max_examples=30)
@given(job_shops(), seeds)
def test_features_follow_the_jobs_and_ignore_the_numbers_of_machines(instance: JobShop, seed: int) -> None:
    random = np.random.default_rng(seed)
    jobs, machines = random.permutation(instance.jobs), random.permutation(instance.machine_count)
    routes = np.where(instance.exists, machines[instance.machines], NO_MACHINE)
    renamed = JobShop(
        "renamed", instance.durations[jobs], routes[jobs], machine_names=tuple(range(instance.machine_count))
    )
    scores = preference(instance, seed)
    for (inputs, numbers), (moved, moved_numbers) in zip(
        walk([instance], [scores]), walk([renamed], [scores[torch.from_numpy(jobs)]]), strict=True
    ):
        back = {int(jobs[job]): values for job, values in by_job(moved, moved_numbers).items()}
        assert_same(by_job(inputs, numbers), back)
        torch.testing.assert_close(inputs["context"], moved["context"], atol=2e-4, rtol=1e-4)


@settings(max_examples=30)
@given(job_shops(), seeds)
def test_the_unit_of_time_does_not_matter(instance: JobShop, seed: int) -> None:
    slower = replace(instance, durations=7 * instance.durations)
    scores = preference(instance, seed)
    for (inputs, jobs), (scaled, scaled_jobs) in zip(walk([instance], [scores]), walk([slower], [scores]), strict=True):
        # Clamps at one unit of time tell apart instances in which next to nothing remains.
        if instance.durations.sum() < 20:
            continue
        assert_same(by_job(inputs, jobs), by_job(scaled, scaled_jobs))


@settings(max_examples=30)
@given(mixed, seeds)
def test_no_completion_is_shorter_than_the_lower_bound(instances: list[JobShop], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    simulator = Simulator(Shops.pack(instances))
    bounds = []
    while not simulator.done.all():
        bounds.append(lower_bound(simulator))
        scores = torch.rand(simulator.est.shape, generator=generator)
        simulator.dispatch(scores.masked_fill(~simulator.legal, -torch.inf).argmax(1))
    for bound in bounds:
        assert (bound <= simulator.makespan + 1e-3).all()
    for row, instance in enumerate(instances):
        assert bounds[0][row] >= instance.trivial_bound


@settings(max_examples=20)
@given(mixed, seeds)
def test_features_are_those_of_their_definitions(instances: list[JobShop], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    simulator = Simulator(Shops.pack(instances))
    while not simulator.done.all():
        inputs, bounds = features(simulator), lower_bound(simulator)
        for row in (~simulator.done).nonzero().squeeze(1).tolist():
            found = inputs["candidates"][row][inputs["mask"][row]]
            torch.testing.assert_close(found, torch.tensor(reference_candidates(simulator, row)), atol=2e-5, rtol=1e-5)
            context = torch.tensor(reference_context(simulator, row))
            torch.testing.assert_close(inputs["context"][row], context, atol=2e-6, rtol=1e-5)
            assert bounds[row] == ReferenceState(simulator, row).bound
        scores = torch.rand(simulator.est.shape, generator=generator)
        simulator.dispatch(scores.masked_fill(~simulator.legal, -torch.inf).argmax(1))


def test_runs_on_larger_shops_than_any_in_training() -> None:
    large = taillard(0, 0, 0, (30, 30), (10, 10))
    small = taillard(0, 0, 0, (6, 6), (6, 6))
    index = CANDIDATE_FEATURES.index("smooth_bound_rise_0.03")
    built = rollout(
        network_policy(lambda inputs: -inputs["candidates"][..., index]), Simulator(Shops.pack([large, small]))
    )
    assert built.done.all()
    assert built.makespan[0] <= 1.15 * large.trivial_bound  # three jobs per machine: nearly the busiest machine's load
