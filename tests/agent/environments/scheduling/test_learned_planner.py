"""The dispatcher of another run as a planner."""

from pathlib import Path

import numpy as np
import pytest

from mtl.agent.environments.scheduling.estimates import EstimatedShops
from mtl.agent.environments.scheduling.learned_planner import load_dispatcher
from mtl.assembly import load
from mtl.config.compose import configure
from mtl.errors import InputError
from mtl.lifecycle.execution import environment_of
from mtl.suites.scheduling.generate import taillard
from mtl.suites.scheduling.rollout import network_policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from tests.lifecycle.test_execution import untrained

SMALL = ("task=scheduling", "encoder.width=16", "encoder.heads=2")


def test_it_plans_as_the_network_of_the_run_dispatches(tmp_path: Path) -> None:
    run = str(untrained(tmp_path, *SMALL).path)
    shops = Shops.pack([taillard(0, 0, number, (6, 6), (5, 5)) for number in range(3)])
    module = load(run).module
    expected = rollout(network_policy(lambda inputs: module.predict(inputs)["assignment"]), Simulator(shops)).starts
    assert rollout(load_dispatcher(run), Simulator(shops)).starts.equal(expected)
    true = np.random.default_rng(0).integers(1, 500, 200).astype(float)
    estimated = {"network": true, "mean": np.full_like(true, true.mean())}
    report = EstimatedShops(1, (4, 3), [], dispatcher=run).execute_plans(estimated, true)
    assert report.pairs == [("dispatcher", estimate) for estimate in ("network", "mean", "truth")]


@pytest.mark.parametrize("given", [("task=synthetic",), (*SMALL, "tasks=[makespan]", "execution=none")], ids=str)
def test_a_run_that_has_not_learned_to_dispatch_is_refused(tmp_path: Path, given: tuple[str, ...]) -> None:
    run = untrained(tmp_path, *given)
    with pytest.raises(InputError, match="expected a run of task=scheduling that learns assignment"):
        load_dispatcher(str(run.path))


def test_the_run_of_a_dispatcher_is_trusted_as_the_run_that_acts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the modules that a person has named, and without them by none."""
    (tmp_path / "acme_sets.py").write_text(
        "from mtl.nn.candidates import CandidateSet\n\nclass Mine(CandidateSet):\n    pass\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    run = untrained(tmp_path, *SMALL, "encoder._target_=acme_sets.Mine", "trust=[acme_sets]")
    given = ["task=jobs", "execution=estimates", f"execution.dispatcher={run.path}"]
    with pytest.raises(InputError, match=r"encoder\._target_=acme_sets\.Mine: not run, .*trust=\[acme_sets\]"):
        environment_of(configure(*given))
    environment = environment_of(configure(*given, "trust=[acme_sets]"))
    assert isinstance(environment, EstimatedShops)
    assert "dispatcher" in environment.planners
