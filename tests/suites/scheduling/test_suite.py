"""The suite: splits by instance, the promised shapes, the same data for the same settings, rollouts in validation."""

from functools import partial
from pathlib import Path

import pytest
import torch

from mtl.errors import InputError
from mtl.network import Network
from mtl.nn.candidates import CandidateSet
from mtl.sharing.hard import Hard
from mtl.suites.batch import Split
from mtl.suites.scheduling import SchedulingSuite
from mtl.suites.scheduling.features import CANDIDATE_FEATURES, bound_rule_scores
from mtl.suites.scheduling.generate import taillard
from mtl.suites.scheduling.rollout import network_policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from mtl.tasks import TaskGraph


def small(
    cache: Path,
    instances: int = 4,
    deviation_probabilities: tuple[float, ...] = (0.0, 0.2),
    max_candidates: int = 5,
    seed: int = 0,
) -> SchedulingSuite:
    return SchedulingSuite(
        instances=instances,
        validation=2,
        jobs=(3, 5),
        machines=(3, 5),
        deviation_probabilities=deviation_probabilities,
        max_candidates=max_candidates,
        limit=0.1,
        rollout_instances=2,
        rollout_size=(6, 5),
        rollout_limit=0.1,
        test="ft06",
        seed=seed,
        cache=str(cache),
    )


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> SchedulingSuite:
    suite = small(tmp_path_factory.mktemp("cache"))
    suite.setup("fit")
    return suite


def inputs(split: Split) -> dict[str, torch.Tensor]:
    return split.inputs


def test_shapes_are_those_promised(suite: SchedulingSuite) -> None:
    assert set(suite.splits) == {"train", "val", "test"}
    for split in suite.splits.values():
        rows, width = len(split), inputs(split)["mask"].shape[1]
        assert set(inputs(split)) == set(suite.input_shape)
        assert inputs(split)["candidates"].shape == (rows, width, *suite.input_shape["candidates"][1:])
        assert inputs(split)["context"].shape == (rows, *suite.input_shape["context"])
        assert split.targets["assignment"].shape == (rows, width)
        assert split.targets["utilisation"].shape == split.targets["makespan"].shape == (rows,)
        assert inputs(split)["mask"].sum(1).min() >= 2
        assert all(target.isfinite().all() for target in split.targets.values())


def test_every_row_has_an_acceptable_candidate_and_most_have_others(suite: SchedulingSuite) -> None:
    split = suite.splits["train"]
    acceptable, candidates = split.targets["assignment"].sum(1), inputs(split)["mask"].sum(1)
    assert (acceptable >= 1).all()
    assert (acceptable < candidates).float().mean() > 0.3


def test_no_instance_is_in_two_splits(suite: SchedulingSuite) -> None:
    keys = [
        (instance.durations.tobytes(), instance.machines.tobytes())
        for instances in suite.instances.values()
        for instance in instances
    ]
    assert len(keys) == len(set(keys))


def test_wide_training_states_can_be_left_out(suite: SchedulingSuite) -> None:
    assert inputs(suite.splits["train"])["mask"].shape[1] > 2
    narrow = small(suite.cache, max_candidates=2)
    narrow.setup("fit")
    kept = (inputs(suite.splits["train"])["mask"].sum(1) == 2).sum()
    assert inputs(narrow.splits["train"])["mask"].shape == (kept, 2)
    assert len(narrow.splits["test"]) == len(suite.splits["test"])


@pytest.mark.parametrize("anew", [True, False], ids=["solved and labelled anew", "from the cache"])
def test_same_settings_same_data(
    suite: SchedulingSuite, anew: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = small(tmp_path if anew else suite.cache)
    if not anew:
        monkeypatch.delattr(SchedulingSuite, "labelled")
    assert again.fingerprint == suite.fingerprint
    for name, split in suite.splits.items():
        assert all(torch.equal(value, inputs(again.splits[name])[key]) for key, value in inputs(split).items())
        assert all(torch.equal(value, again.splits[name].targets[key]) for key, value in split.targets.items())


def test_other_settings_other_fingerprint(suite: SchedulingSuite) -> None:
    others = [
        small(suite.cache, instances=3),
        small(suite.cache, deviation_probabilities=(0.0,)),
        small(suite.cache, max_candidates=2),
        small(suite.cache, seed=1),
    ]
    assert len({suite.fingerprint, *(other.fingerprint for other in others)}) == 5


def test_validation_rollout_tells_a_good_policy_from_its_opposite(suite: SchedulingSuite) -> None:
    index = CANDIDATE_FEATURES.index("smooth_bound_rise_0.03")

    def gap(sign: float) -> float:
        return suite.validation_rollout(lambda x: {"assignment": sign * x["candidates"][..., index]})["execution_gap"]

    assert -0.01 <= gap(-1.0) < gap(1.0)
    assert suite.selection == ("val/execution_gap", "min")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"instances": 0}, "task.instances=0"),
        ({"rollout_instances": 0}, "task.rollout_instances=0"),
        ({"limit": 0.0}, "task.limit=0.0"),
        ({"jobs": (3,)}, "task.jobs="),
        ({"jobs": (5, 3)}, r"jobs=\[5, 3\]"),
        ({"deviation_probabilities": ()}, "task.deviation_probabilities="),
        ({"deviation_probabilities": (1.5,)}, "task.deviation_probabilities="),
        ({"tolerance": -1.0}, "task.tolerance="),
        ({"max_candidates": 1}, "task.max_candidates=1"),
        ({"test": "la99"}, "unknown instance 'la99'"),
    ],
)
def test_wrong_arguments_are_said_at_once(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SchedulingSuite(**arguments)


def test_what_selects_can_be_chosen() -> None:
    """Acting where a task can act, the score anywhere, and the suite's own choice by default."""
    suite = SchedulingSuite()
    suite.select_by("acting")
    assert (suite.selection, suite.acting) == (("val/execution_gap", "min"), "assignment")
    suite.select_by("score")
    assert (suite.selection, suite.acting) == (("val/score", "min"), None)
    assert suite.validation_rollout(lambda _: pytest.fail("nothing is built that does not select")) == {}
    unable = SchedulingSuite()
    unable.restrict(["utilisation", "makespan"])
    with pytest.raises(InputError, match="no validation acts with the tasks utilisation, makespan") as error:
        unable.select_by("acting")
    assert "\n" not in str(error.value)


def test_an_untrained_dispatcher_is_the_bound_rule(tmp_path: Path) -> None:
    """Whatever its encoder says at first."""
    suite = small(tmp_path)
    graph = TaskGraph(suite.tasks)
    encoder = partial(CandidateSet, width=8, heads=2)
    network = Network(Hard(suite.input_shape, graph.names, encoder), graph).eval()
    shops = Shops.pack([taillard(1, 0, i, (8, 8), (6, 6)) for i in range(4)])
    learned = rollout(network_policy(lambda inputs: network(inputs)["assignment"]), Simulator(shops))
    rule = rollout(network_policy(bound_rule_scores), Simulator(shops))
    assert learned.starts.equal(rule.starts)
    with pytest.raises(InputError, match=r"unknown rule in task.prior 'bond': did you mean 'bound'"):
        SchedulingSuite(prior="bond")


def test_a_test_shop_counts_once(tmp_path: Path) -> None:
    """Under whatever name: its rows are not independent of themselves."""
    (tmp_path / "a.txt").write_text("2 2\n0 2 1 2\n1 2 0 2\n")
    (tmp_path / "b.txt").write_text("2 2\n0 2 1 3\n1 2 0 2\n")
    SchedulingSuite(1, 1, test=[str(tmp_path / "a.txt"), str(tmp_path / "b.txt")])
    (tmp_path / "b.txt").write_text("2 2\n1 2 2 2\n2 2 1 2\n")
    with pytest.raises(InputError, match=r"task.test: instances a and b are the same shop: name one of them"):
        SchedulingSuite(1, 1, test=[str(tmp_path / "a.txt"), str(tmp_path / "b.txt")])


def test_states_are_made_anew_where_any_code_that_computes_them_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Features come from the compiled loops, which have a folder of their own."""
    told: list[str] = []

    class Told(Exception):
        pass

    def tell(*_: object, code: list[str], **__: object) -> None:
        told.extend(code)
        raise Told

    monkeypatch.setattr("mtl.suites.scheduling.suite.load_or_make", tell)
    with pytest.raises(Told):
        small(tmp_path).load()
    names = {Path(file).name for file in told}
    assert {"features.py", "labels.py", "candidate.py", "ahead.py", "bounds.py"} <= names
