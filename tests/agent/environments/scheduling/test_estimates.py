"""Plans by estimates, carried out with the truth."""

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtl.agent.environments.scheduling.estimates import EstimatedShops, EstimateReport, ExecutedPlan
from mtl.agent.environments.scheduling.rules import select_rules
from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.batch import Split
from mtl.suites.scheduling.execute_plan import execute_plan
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.solver import feasible
from mtl.tasks import regression


def shop(seed: int, jobs: int, machines: int) -> JobShop:
    draw = np.random.default_rng(seed)
    routes = draw.permuted(np.tile(np.arange(machines), (jobs, 1)), axis=1)
    return JobShop("drawn", draw.integers(1, 100, (jobs, machines)), routes)


def planned(instance: JobShop, rule: str) -> np.ndarray:
    return select_rules((rule,), 0)[rule].schedule(Shops.pack([instance]))[0].long().numpy()


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 5), st.sampled_from(["spt", "mwkr", "random"]))
def test_a_plan_carried_out_as_planned_is_the_plan(seed: int, jobs: int, machines: int, rule: str) -> None:
    instance = shop(seed, jobs, machines)
    starts = planned(instance, rule)
    np.testing.assert_array_equal(execute_plan(instance, starts, instance), starts)


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 5))
def test_what_is_carried_out_is_feasible_and_keeps_the_order(seed: int, jobs: int, machines: int) -> None:
    instance = shop(seed, jobs, machines)
    other = np.random.default_rng(seed + 1).integers(1, 300, (jobs, machines))
    true = JobShop("true", other, instance.machines)
    starts = planned(instance, "mwkr")
    out = execute_plan(instance, starts, true)
    assert feasible(true, out)
    for machine in range(machines):
        here = instance.machines == machine
        np.testing.assert_array_equal(np.argsort(starts[here]), np.argsort(out[here]))


def test_two_jobs_by_hand() -> None:
    """Both want machine 0 first; the plan lets job 1 begin, because it is thought to be short."""
    machines = np.array([[0, 1], [0, 1]])
    thought, true = (
        JobShop("a", np.array([[3, 1], [2, 4]]), machines),
        JobShop("b", np.array([[3, 1], [5, 4]]), machines),
    )
    out = execute_plan(thought, planned(thought, "spt"), true)
    assert out.tolist() == [[5, 9], [0, 5]]


def test_other_routes_are_refused() -> None:
    one = JobShop("a", np.ones((1, 2), dtype=np.int64), np.array([[0, 1]]))
    two = JobShop("b", np.ones((1, 2), dtype=np.int64), np.array([[1, 0]]))
    with pytest.raises(ValueError, match="different routes"):
        execute_plan(one, np.array([[0, 1]]), two)


def test_with_true_estimates_nothing_is_lost() -> None:
    true = np.random.default_rng(0).integers(1, 500, 200).astype(float)
    estimated = {"network": true, "mean": np.full(200, 9.0)}
    report = EstimatedShops(instances=3, size=(4, 3)).execute_plans(estimated, true)
    for plan in report.plans:
        assert plan.executed > 0
        if plan.estimate != "mean":
            assert plan.planned == plan.executed
    numbers = report.summary()
    assert numbers["spt_network_executed"] == numbers["spt_truth_executed"]
    assert len(report.records()) == 3 * (3 * 3 - 1)
    assert report.table().row_count == 8


class Checks(MultiTaskDataModule):
    """Operations of 10 seconds in the training, one of them without a label, and of 2 to 21 in the test."""

    tasks = (regression("log_seconds"),)
    input_shape: ClassVar = {SINGLE: (1,)}
    fingerprint = "checks"

    def load(self) -> dict[str, Split]:
        """Equal in all parts but the seconds."""
        seconds = {"train": torch.full((20,), 10.0), "val": torch.full((20,), 5.0), "test": torch.arange(2.0, 22)}
        seconds["train"][3] = torch.nan
        return {name: Split({SINGLE: torch.ones(20, 1)}, {"log_seconds": one.log()}) for name, one in seconds.items()}


def test_who_knows_no_more_plans_with_the_mean_of_the_training() -> None:
    """That of the test rows nobody has before they are there: 12 operations of 11.5 seconds would take 144."""
    data = Checks()
    data.setup("fit")
    shops = EstimatedShops(instances=2, size=(1, 12), planners=["mwkr"])
    report = shops.run(lambda inputs: {"log_seconds": torch.zeros(len(inputs[SINGLE]))}, data)
    assert isinstance(report, EstimateReport)
    assert report.pairs == [("mwkr", name) for name in ("network", "linear", "mean", "truth")]
    assert [plan.planned for plan in report.plans if plan.estimate == "mean"] == [120, 120]


def test_shortest_processing_time_is_not_asked_where_all_durations_are_equal() -> None:
    true = np.random.default_rng(0).integers(1, 500, 200).astype(float)
    estimated = {"network": true, "linear": true, "mean": np.full(200, true.mean())}
    pairs = EstimatedShops(instances=1, size=(4, 3)).execute_plans(estimated, true).pairs
    assert ("spt", "mean") not in pairs
    assert {("spt", "network"), ("spt", "linear"), ("spt", "truth"), ("mwkr", "mean")} <= set(pairs)


def test_every_executed_plan_is_written(tmp_path: Path) -> None:
    """With the true durations, on the machines of its route."""
    true = np.random.default_rng(0).integers(1, 500, 200).astype(float)
    report = EstimatedShops(instances=2, size=(4, 3)).execute_plans({"network": true + 3}, true)
    report.write(tmp_path)
    plans = json.loads((tmp_path / "schedules.json").read_text())["schedules"]
    assert [(one["instance"], one["method"], one["makespan"]) for one in plans] == [
        (plan.instance, f"{plan.planner}/{plan.estimate}", plan.executed) for plan in report.plans
    ]
    assert all(len(one["operations"]) == 12 for one in plans)


def test_estimates_that_no_shop_could_hold_are_cut() -> None:
    """A network that is far off names durations beyond all bounds; the plans are still executed with the true ones."""
    true = np.random.default_rng(0).integers(1, 500, 50).astype(np.float32)
    for far in (np.float32(1e30), np.float32(np.inf)):
        report = EstimatedShops(instances=2, size=(4, 3)).execute_plans(
            {"network": np.where(true > 250, far, true)}, true
        )
        assert all(0 < plan.planned <= 10_000_000 for plan in report.plans)
        assert max(plan.executed for plan in report.plans) <= 12 * 500


def test_the_outcome_is_the_makespan_by_instance_relative_to_that_of_the_truth() -> None:
    """The mean over the planners; 1 where the estimates are right."""
    plans = [
        ExecutedPlan(instance, planner, estimate, 1, executed)
        for instance, planner, network, truth in [("a", "spt", 12, 10), ("a", "mwkr", 14, 10), ("b", "spt", 300, 100)]
        for estimate, executed in (("network", network), ("mean", 999), ("truth", truth))
    ]
    outcome = EstimateReport(plans).outcome()
    assert (outcome.name, outcome.higher_is_better, outcome.scale) == (
        "makespan relative to true durations",
        False,
        None,
    )
    assert outcome.values.tolist() == pytest.approx([1.3, 3])
    true = np.random.default_rng(0).integers(1, 500, 200).astype(float)
    assert EstimatedShops(3, (4, 3)).execute_plans({"network": true}, true).outcome().values.tolist() == [1, 1, 1]


def test_outcomes_of_other_shops_or_planners_are_told_apart() -> None:
    """By a hash that does not depend on the estimates."""
    true = np.random.default_rng(0).integers(1, 500, 200).astype(float)

    def instances(estimate: float = 1.0, **settings: object) -> str:
        shops = EstimatedShops(**{"instances": 2, "size": (3, 2), **settings})  # type: ignore[arg-type]
        return shops.execute_plans({"network": true * estimate}, true).outcome().instances

    assert instances() == instances(2.0) != ""
    others: list[dict[str, object]] = [{"seed": 1}, {"size": (2, 3)}, {"planners": ["spt"]}]
    assert len({instances(), *(instances(**one) for one in others)}) == 4
    assert EstimatedShops.ways == (), "a comparison refuses entries that differ in them"


def test_a_planner_named_twice_counts_once() -> None:
    true = np.arange(1.0, 50.0)
    found = [
        EstimatedShops(2, (3, 2), planners).execute_plans({"network": true}, true)
        for planners in (["spt", "spt"], ["spt"])
    ]
    assert found[0].records() == found[1].records()


def test_mistakes_are_said() -> None:
    with pytest.raises(InputError, match="size="):
        EstimatedShops(size=(3,))
    with pytest.raises(InputError, match="unknown planner 'sptt': did you mean 'spt'"):
        EstimatedShops(planners=["sptt"])
    with pytest.raises(InputError, match="planner atc: these shops have no due dates"):
        EstimatedShops(planners=["spt", "atc"])
    with pytest.raises(InputError, match="seed=-1: expected a whole number"):
        EstimatedShops(seed=-1)
    with pytest.raises(InputError, match="planners is empty"):
        EstimatedShops(planners=[])
    with pytest.raises(InputError, match="no/such/run"):
        EstimatedShops(dispatcher="no/such/run")
