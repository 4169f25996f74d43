"""Job shops as an environment."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mtl.agent.environments.scheduling.decoders import Decoder, Greedy, Sample
from mtl.agent.environments.scheduling.exact import CpSat
from mtl.agent.environments.scheduling.job_shops import JobShops, with_proof
from mtl.agent.environments.scheduling.schedule_report import BuiltSchedule
from mtl.errors import InputError
from mtl.network import Network
from mtl.nn.candidates import CandidateSet
from mtl.nn.encoder import SINGLE
from mtl.runs.contributions import Outcome
from mtl.sharing.hard import Hard
from mtl.suites.scheduling.constraints import Objective
from mtl.suites.scheduling.generate import taillard
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.rollout import Policy
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.solver import Solution
from mtl.suites.scheduling.suite import SchedulingSuite
from mtl.tasks import TaskGraph, choice, regression
from tests.support import Rows

Predict = Callable[[dict[str, Tensor]], dict[str, Tensor]]
SUITE = SchedulingSuite(instances=1, validation=1, test=["ft06"])
RULES = ["bound", "fdd", "mwkr", "mor", "fifo", "spt", "random"]


def test_every_method_on_every_instance(predict: Predict) -> None:
    """Instances of two sizes, in the order named, each with the agent first."""
    report = JobShops("la01,ft06,la02", Greedy(), RULES, cpsat=CpSat(0.05)).run(predict, SUITE)
    rows = [(row["instance"], row["method"]) for row in report.records()]
    assert rows == [(name, method) for name in ("la01", "ft06", "la02") for method in ("agent", *RULES, "cpsat")]
    assert all(row["makespan"] >= row["reference"] for row in report.records())  # type: ignore[operator]
    agents = [row for row in report.records() if row["method"] == "agent"]
    assert {row["utilisation_predicted"] for row in agents} == {0.5}
    assert [row["utilisation_calibrated"] for row in agents] == [False, True, False]  # trained on 6x6 to 10x10


def test_the_expected_utilisation_is_decoded(predict: Predict) -> None:
    """A task that standardises its target is asked in the target's own unit."""
    suite = SUITE.part(["assignment", "utilisation"])
    suite.tasks = (suite.tasks[0], regression("utilisation", mean=0.4, std=0.1, primary="mae"))
    report = JobShops("ft06", Greedy()).run(predict, suite)
    assert report.summary()["utilisation_predicted"] == pytest.approx(0.5 * 0.1 + 0.4)


def test_no_more_is_expected_than_is_possible(predict: Predict, tmp_path: Path) -> None:
    """One machine is always busy, and several are not busier than in a schedule as short as the lower bound."""
    suite = SUITE.part(["assignment", "utilisation"])
    suite.tasks = (suite.tasks[0], regression("utilisation", mean=5.0, std=1.0, primary="mae"))
    (tmp_path / "one.txt").write_text("3 1\n0 3\n0 4\n0 5\n")
    found = JobShops([str(tmp_path / "one.txt"), "ft06"], Greedy()).run(predict, suite).of("agent")
    assert found[0].predicted == 1
    assert found[1].predicted == pytest.approx(197 / (6 * 55))  # all work over six machines until the optimum


def test_baselines_do_not_depend_on_the_network(predict: Predict) -> None:
    def makespans(network: Predict) -> list[int]:
        outcomes = JobShops("la01..la03", Greedy(), RULES).run(network, SUITE).outcomes
        return [outcome.schedule.makespan for outcome in outcomes if outcome.method != "agent"]

    assert makespans(predict) == makespans(lambda inputs: {k: -v for k, v in predict(inputs).items()})


def test_a_makespan_is_independent_of_the_other_instances(predict: Predict) -> None:
    def agents(selector: str) -> dict[str, int]:
        outcomes = JobShops(selector, Sample(6), []).run(predict, SUITE).of("agent")
        return {outcome.schedule.instance.name: outcome.schedule.makespan for outcome in outcomes}

    assert agents("ft06,la01..la03") == agents("ft06") | agents("la03") | agents("la01,la02")


def test_an_untrained_network_acts(predict: Predict) -> None:
    """The schedules are feasible (the environment checks) and no task but assignment is asked for."""
    torch.manual_seed(0)
    shape, graph = SUITE.input_shape, TaskGraph(SUITE.tasks)

    def encoder(inputs: object) -> CandidateSet:
        return CandidateSet(shape, width=16, heads=2)

    network = Network(Hard(shape, graph.names, encoder), graph).eval()
    report = JobShops("ft06,ft10", Greedy(), gantt=False).act(network, SUITE)
    assert report.summary()["gap"] > 0

    def only(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"assignment": predict(inputs)["assignment"]}

    summary = JobShops("ft06", Greedy()).act(only, SUITE.part(["assignment"])).summary()
    assert "utilisation_predicted" not in summary


def test_a_network_of_other_tasks_cannot_act(predict: Predict) -> None:
    suite = SUITE.part(["utilisation", "makespan"])
    with pytest.raises(
        InputError, match=r"cannot act in JobShops: that takes task 'assignment', .* utilisation, makespan"
    ):
        JobShops("ft06", Greedy()).act(predict, suite)


def test_a_network_that_reads_no_states_of_job_shops_cannot_act(predict: Predict) -> None:
    """A task of the same name is not enough: on another suite its network reads other inputs."""
    other = Rows({SINGLE: torch.zeros(4, 2)}, {"assignment": torch.ones(4, 3)}, [choice("assignment")])
    with pytest.raises(InputError, match=r"cannot act in JobShops: that takes a run on SchedulingSuite, .* on Rows"):
        JobShops("ft06", Greedy()).act(predict, other)
    named = Rows({SINGLE: torch.zeros(4, 2)}, {"assignment": torch.ones(4)}, [regression("assignment")])
    with pytest.raises(InputError, match="takes task 'assignment' of kind choice, and the run's is of kind regression"):
        JobShops("ft06", Greedy()).act(predict, named)


def test_acting_in_job_shops_loads_no_rows(predict: Predict, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: SchedulingSuite) -> None:
        raise AssertionError("rows are loaded")

    monkeypatch.setattr(SchedulingSuite, "load", load)
    report = JobShops("ft06", Greedy()).act(predict, SUITE)
    assert len(report.records()) == 1


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.txt"
    path.write_text("# two jobs, two machines\n2 2\n0 2 1 2\n1 2 0 2\n")
    return path


def test_a_file_is_compared_with_its_lower_bound(predict: Predict, file: Path) -> None:
    record = JobShops(str(file), Greedy()).run(predict, SUITE).records()[0]
    assert (record["instance"], record["makespan"], record["reference"]) == ("mine", 4, 4)
    assert (record["reference_kind"], record["reference_source"]) == ("lower bound", "one machine")


def test_what_is_known_of_a_published_shop_does_not_count_with_downtime(predict: Predict, tmp_path: Path) -> None:
    """Its best known makespan was that of the shop without."""
    (tmp_path / "stops.csv").write_text("machine,start,end\n3,0,70\n")
    shops = JobShops("ft06", Greedy(), downtime={"ft06": str(tmp_path / "stops.csv")})
    record = shops.run(predict, SUITE).records()[0]
    assert record["reference_kind"] == "lower bound"
    assert record["makespan"] > 70  # type: ignore[operator]


def test_bounds_can_be_given(predict: Predict, file: Path) -> None:
    given = {"mine": {"upper": 5, "lower": 4}}
    record = JobShops(str(file), Greedy(), bounds=given).run(predict, SUITE).records()[0]
    assert (record["reference"], record["reference_kind"], record["gap"]) == (5, "best known", pytest.approx(-0.2))
    record = JobShops("ft06", Greedy(), bounds={"ft06": {"lower": 50}}).run(predict, SUITE).records()[0]
    assert (record["reference"], record["reference_kind"]) == (55, "best known")


def test_a_lower_bound_that_a_schedule_is_below_is_called_wrong(predict: Predict, file: Path) -> None:
    report = JobShops([str(file), "ft06"], Greedy(), bounds={"mine": {"lower": 5}}).run(predict, SUITE)
    assert "! mine: a schedule of 4 is there, so the lower bound 5 is wrong" in str(report.table().caption)
    report = JobShops([str(file), "ft06"], Greedy(), bounds={"mine": {"lower": 4}}).run(predict, SUITE)
    assert "wrong" not in str(report.table().caption)


def test_what_the_solver_does_not_prove_is_no_reference() -> None:
    """A schedule that it found is not called the best known; a bound that it proved counts if it is the largest."""
    shop = JobShop("own", np.full((2, 2), 2), np.array([[0, 1], [1, 0]]))
    starts = np.array([[0, 2], [0, 4]])
    assert with_proof(shop, Solution(starts, 6, 5)).reference == (5, "lower bound", "CP-SAT")
    assert with_proof(shop, Solution(starts, 6, 3)).reference == (4, "lower bound", "one machine")
    assert with_proof(shop, Solution(np.array([[0, 2], [0, 2]]), 4, 4)).reference == (4, "optimum", "")


def test_the_outcome_is_relative_to_what_was_known_before(predict: Predict, tmp_path: Path) -> None:
    """Not to what a solver proves, in one run more than in another; bounds that a person gives are other terms."""
    (tmp_path / "own.txt").write_text("3 2\n0 5 1 4\n1 3 0 2\n0 2 1 1\n")  # the optimum is 10, the bound of a machine 9

    def outcome(kind: str, seconds: float = 0.0, bounds: dict[str, dict[str, int]] | None = None) -> Outcome:
        shops = JobShops(str(tmp_path / "own.txt"), Greedy(), cpsat=CpSat(seconds), bounds=bounds)
        report = shops.run(predict, SUITE)
        assert report.records()[0]["reference_kind"] == kind
        found = report.outcome()
        assert found is not None
        return found

    alone, beside = outcome("lower bound"), outcome("optimum", 5)
    assert (alone.values.tolist(), alone.instances) == (beside.values.tolist(), beside.instances)
    assert outcome("best known", bounds={"own": {"upper": 11}}).instances != alone.instances


@pytest.mark.parametrize("name", ["bom", "one_based", "recirc", "unlike"])
def test_any_shop_is_scheduled_and_written(name: str, predict: Predict, tmp_path: Path) -> None:
    """Machines from 1, a byte order mark, a machine twice in a job, jobs of unlike length."""
    texts = {
        "bom": "\ufeff3 3\n0 3 1 2 2 2\n0 2 2 1 1 4\n1 4 2 3 0 1\n",
        "one_based": "3 3\n1 3 2 2 3 2\n1 2 3 1 2 4\n2 4 3 3 1 1\n",
        "recirc": "2 3\n0 3 1 2 0 2 2 1\n1 2 0 2 2 3 1 1\n",
        "unlike": "3 3\n0 3 1 2\n1 2 0 2 2 3\n2 4\n",
    }
    (tmp_path / f"{name}.txt").write_text(texts[name], encoding="utf-8")
    report = JobShops(str(tmp_path / f"{name}.txt"), Sample(3), RULES, cpsat=CpSat(5)).run(predict, SUITE)
    assert report.records()[0]["reference_kind"] == "optimum"
    assert all(row["gap"] >= 0 for row in report.records())  # type: ignore[operator]
    report.write(tmp_path / "out")
    rows = list(csv.DictReader((tmp_path / "out" / "schedules.csv").read_text().splitlines()))
    assert {row["method"] for row in rows} == {"agent", *RULES, "cpsat"}
    machines = {row["machine"] for row in rows}
    assert machines == ({"1", "2", "3"} if name == "one_based" else {"0", "1", "2"})


def test_names_of_a_table_are_kept_to_the_chart_and_the_file(predict: Predict, tmp_path: Path) -> None:
    """Also those that a chart or a table might read as markup."""
    rows = "job,operation,machine,duration\n$door$,10,saw [b],3\n$door$,20,paint,2\ntable,1,saw [b],4\n"
    (tmp_path / "own.csv").write_text(rows)
    report = JobShops(str(tmp_path / "own.csv"), Greedy()).run(predict, SUITE)
    report.write(tmp_path / "out")
    written = list(csv.DictReader((tmp_path / "out" / "schedules.csv").read_text().splitlines()))
    named = [(row["job"], row["operation"], row["machine"]) for row in written]
    assert named == [("$door$", "10", "saw [b]"), ("$door$", "20", "paint"), ("table", "1", "saw [b]")]
    svg = (tmp_path / "out" / "gantt-own.svg").read_text()
    page = (tmp_path / "out" / "chart-own.html").read_text()
    assert '"machines": ["saw [b]", "paint"]' in page
    assert '<th scope="row">$door$</th>' in page
    assert "saw [b]" in svg
    assert "$door$" in svg


DATED = """job,operation,machine,duration,release,due,weight,start
door,1,saw,3,0,4,2,1
door,2,paint,2,,,,
table,1,paint,2,2,6,1,
table,2,saw,4,,,,
desk,1,saw,1,1,,,
desk,2,paint,5,,,,
"""


@pytest.fixture
def dated(tmp_path: Path) -> Path:
    """A shop with all constraints, the downtimes in a file beside it."""
    (tmp_path / "stops.csv").write_text("machine;start;end\npaint;8;10\nsaw;3;5\n")
    path = tmp_path / "own.csv"
    path.write_text(DATED)
    return path


@pytest.mark.parametrize("objective", ["makespan", "weighted_tardiness"])
def test_a_shop_with_dates_downtime_and_work_begun(objective: Objective, predict: Predict, dated: Path) -> None:
    """All methods; the report says that the agent did not learn it; the files hold it; no other schedule is better."""
    demands = {"objective": objective, "downtime": {"own": str(dated.parent / "stops.csv")}, "now": {"own": 2}}
    shops = JobShops(str(dated), Sample(8), [*RULES, "edd"], cpsat=CpSat(10), **demands)  # type: ignore[arg-type]
    report = shops.run(predict, SUITE)
    costs = {outcome.method: outcome.schedule.cost for outcome in report.outcomes}
    assert set(costs) == {"agent", *RULES, "edd", "cpsat"} | ({"atc"} if objective == "weighted_tardiness" else set())
    assert min(costs.values()) == costs["cpsat"]
    caption = str(report.table().caption)
    assert "! the agent was trained on plain shops, for short makespans; it keeps release dates" in caption
    assert "release dates, downtime, fixed operations, a start in the middle; it does not look at due dates" in caption
    report.write(dated.parent / "out")
    rows = list(csv.DictReader((dated.parent / "out" / "schedules.csv").read_text().splitlines()))
    assert len(rows) == 6 * len(costs)
    plan = json.loads((dated.parent / "out" / "schedules.json").read_text())["schedules"][0]
    assert [job["job"] for job in plan["due_dates"]] == ["door", "table"]
    if objective == "weighted_tardiness":
        late = sum(weight * job["tardiness"] for job, weight in zip(plan["due_dates"], (2, 1), strict=True))
        assert report.summary()["weighted_tardiness"] == costs["agent"] == late
        assert {row["lower_bound"] for row in report.records()} == {costs["cpsat"]}
        assert f"weighted tardiness {late}" in (dated.parent / "out" / "gantt-own.svg").read_text()
    else:
        assert report.records()[0]["reference_kind"] == "optimum"


def test_a_flexible_shop_is_scheduled_and_written(predict: Predict, tmp_path: Path) -> None:
    """By all methods; the gap is relative to what the solver proves, and the files say on which machine it was."""
    (tmp_path / "flexible.fjs").write_text("3 3\n2 2 1 5 3 4 1 2 3\n3 1 3 2 3 1 4 2 6 3 5 1 2 2\n1 2 2 9 1 7\n")
    report = JobShops(str(tmp_path / "flexible.fjs"), Sample(3), RULES, cpsat=CpSat(5)).run(predict, SUITE)
    assert report.records()[0]["reference_kind"] == "optimum"
    assert all(row["gap"] >= 0 for row in report.records())  # type: ignore[operator]
    assert "it keeps alternative machines" in str(report.table().caption)
    report.write(tmp_path / "out")
    rows = list(csv.DictReader((tmp_path / "out" / "schedules.csv").read_text().splitlines()))
    first = [row for row in rows if (row["job"], row["operation"]) == ("0", "0")]
    assert {(row["machine"], int(row["end"]) - int(row["start"])) for row in first} <= {("1", 5), ("3", 4)}


class StartsOnly(Decoder):
    """A decoder that says when operations start and not where."""

    label = "starts"

    def decode(self, policy: Policy, shops: Shops) -> Tensor:
        return Greedy().decode(policy, shops)


def test_a_decoder_that_does_not_choose_machines_says_so(predict: Predict, tmp_path: Path) -> None:
    (tmp_path / "flexible.fjs").write_text("1 2\n1 2 1 5 2 4\n")
    with pytest.raises(InputError, match="the decoder 'starts' does not choose machines"):
        JobShops(str(tmp_path / "flexible.fjs"), StartsOnly()).run(predict, SUITE)
    assert JobShops("ft06", StartsOnly()).run(predict, SUITE).records()[0]["reference"] == 55


def test_what_the_solver_finds_out_counts(predict: Predict, file: Path) -> None:
    report = JobShops([str(file), "ft06"], Greedy(), ["spt"], cpsat=CpSat(10)).run(predict, SUITE)
    assert {row["reference_kind"] for row in report.records()} == {"optimum"}
    assert report.gap("cpsat") == 0


@pytest.mark.parametrize("jobs", [1, 2], ids=["no_choice", "choice"])
def test_nothing_to_decide(predict: Predict, tmp_path: Path, jobs: int) -> None:
    """A single job leaves no choice, so the network is not asked."""
    path = tmp_path / "small.txt"
    path.write_text(f"{jobs} 2\n" + "0 3 1 4\n" * jobs)
    outcome: BuiltSchedule = JobShops(str(path), Sample(3), RULES).run(predict, SUITE).of("agent")[0]
    assert outcome.schedule.makespan == 7 + 4 * (jobs - 1)
    assert (outcome.predicted is None) == (jobs == 1)


@pytest.mark.parametrize(
    ("gantt", "names"),
    [(True, ["ft06", "la01"]), ("all", ["ft06", "la01"]), ("first", ["ft06"]), ("none", []), (False, [])],
    ids=str,
)
def test_pictures(predict: Predict, gantt: str | bool, names: list[str]) -> None:
    report = JobShops("ft06,la01", Greedy(), gantt=gantt).run(predict, SUITE)
    assert [name for name, _ in report.figures()] == [f"gantt-{name}" for name in names]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"instances": "ta1"}, "unknown instance 'ta1': did you mean"),
        ({"instances": ""}, "instances: none named"),
        ({"instances": None}, "instances=null: expected names such as ft06"),
        ({"instances": ["ft06", 1e3]}, "instances=1000.0: expected names .* needs its folder, such as ./1e3"),
        ({"instances": {"a": "b"}}, "instances=.*: expected names such as ft06"),
        ({"instances": "no/such/file.txt"}, "no/such/file.txt"),
        ({"baselines": ["stp"]}, "unknown baseline 'stp': did you mean 'spt'"),
        ({"bounds": {"ft6": {"upper": 55}}}, "unknown instance in bounds 'ft6': did you mean 'ft06'"),
        ({"bounds": {"ft06": 55}}, "bounds.ft06=55: expected upper, lower or both"),
        ({"bounds": {"ft06": {"uper": 55}}}, "unknown bound of ft06 'uper': did you mean 'upper'"),
        ({"bounds": {"ft06": {"upper": 55.5}}}, "bounds.ft06.upper=55.5: expected a whole number"),
        ({"bounds": {"ft06": {"upper": 20}}}, "ft06: bounds 55 and 20, expected"),
        ({"gantt": "some"}, "gantt=some: expected all, first or none"),
        ({"seed": -1}, "seed=-1: expected a whole number"),
        ({"objective": "tardines"}, "unknown objective 'tardines'"),
        ({"objective": "weighted_tardiness"}, "ft06: objective=weighted_tardiness needs due dates"),
        ({"baselines": ["edd"]}, "baseline edd: no job of instance ft06 has a due date"),
        ({"downtime": {"ft6": "stops.csv"}}, "unknown instance in downtime 'ft6': did you mean 'ft06'"),
        ({"downtime": "stops.csv"}, "downtime=stops.csv: expected a value by name of an instance"),
        ({"downtime": {"ft06": "no.csv"}}, "downtime file no.csv: no such file"),
        ({"now": {"ft06": -3}}, "now.ft06=-3: expected a whole number, 0 or later"),
    ],
    ids=str,
)
def test_mistakes(settings: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        JobShops(**{"instances": "ft06", "decoder": Greedy(), **settings})  # type: ignore[arg-type]


def test_test_shops_of_one_name_keep_their_own_gaps(predict: Predict, tmp_path: Path) -> None:
    """Two files of a shop each, called alike in two folders."""
    files = []
    for number in range(3):
        shop = taillard(0, 0, number, (5, 5), (4, 4))
        (tmp_path / str(number)).mkdir()
        rows = [*shop.durations.tolist(), *shop.machines.tolist()]
        text = "5 4\n" + "\n".join(" ".join(map(str, row)) for row in rows)
        (tmp_path / str(number) / "shop.txt").write_text(text)
        files.append(str(tmp_path / str(number) / "shop.txt"))
    found = JobShops("ft06", StartsOnly()).test_outcome(predict, SchedulingSuite(1, 1, test=files))
    alone = [JobShops("ft06", StartsOnly()).test_outcome(predict, SchedulingSuite(1, 1, test=file)) for file in files]
    assert found is not None
    assert found.tolist() == np.concatenate(alone).tolist()  # type: ignore[arg-type]
    assert len(set(found.tolist())) > 1


def test_malformed_file_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_text("2 2\n0 3 1 x\n1 2 0 2\n")
    with pytest.raises(InputError, match=r"bad.txt:2: "):
        JobShops(str(path), Greedy())


def test_two_instances_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "ft06.txt"
    path.write_text("1 1\n0 3\n")
    with pytest.raises(InputError, match="two are named 'ft06'"):
        JobShops(["ft06", str(path)], Greedy())
