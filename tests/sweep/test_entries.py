"""What the entries of a comparison stand for."""

import pytest

from mtl.config.compose import configure
from mtl.errors import InputError
from mtl.sweep.entries import as_trained, overrides_for, with_values


@pytest.mark.parametrize(
    ("typed", "generations"), [([], None), (["improve=outcome_search"], 16), (["improve.generations=3"], 3)]
)
def test_networks_are_compared_as_they_were_trained_unless_a_person_asks(
    typed: list[str], generations: int | None
) -> None:
    assert configure(*as_trained(typed)).improve.get("generations") == generations


def test_an_entry_has_overrides_of_its_own() -> None:
    own = ["model=gated", "model.experts=8", "optimizer.lr=0.1"]
    assert overrides_for("model", "gated model.experts=8 optimizer.lr=0.1") == own
    assert overrides_for("model", "grouped affinity.networks=2") == [
        "model=hard",
        "grouping=auto",
        "affinity.networks=2",
    ]
    inner = ["weighting=samo", "weighting@weighting.inner=mgda", "weighting.inner.measure=norm"]
    assert overrides_for("weighting", "samo weighting@weighting.inner=mgda weighting.inner.measure=norm") == inner


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("hard weighting=pcgrad", r"'hard weighting=pcgrad': weighting=pcgrad is not .* expected weightings=\[...\]"),
        ("hard model=gated", r"expected models=\[...\]"),
        ("hard seed=3", r"expected seeds=\[...\]"),
        ("hard output=elsewhere", "expected output=<directory> of all runs"),
    ],
)
def test_what_another_setting_would_replace_is_no_override_of_an_entry(entry: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        overrides_for("model", entry)


def test_a_grid_may_have_a_key_without_a_limit() -> None:
    config = configure("task=synthetic", "scheduler=none", "steps=10")
    assert with_values(config, {"steps": None, "gradient_clip": None, "epochs": 3}).steps is None
