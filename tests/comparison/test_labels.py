"""Names of configurations: short, and no two the same."""

from typing import Any

from mtl.comparison.labels import unique_labels
from mtl.comparison.records import Record
from tests.comparison.support import make_record

CONFIG = {"choices": {"encoder": "mlp"}, "epochs": 3}


def run(configuration: str, model: str = "hard", **changes: Any) -> Record:
    config = {**CONFIG, "model": {"_target_": model}, **changes}
    return make_record(model, configuration=configuration, config=config)


def test_labels_tell_apart_what_differs_and_nothing_else() -> None:
    runs = [run("1"), run("2", epochs=9), run("3", "soft")]
    assert unique_labels(runs) == {"1": "hard-equal epochs=3", "2": "hard-equal epochs=9", "3": "soft-equal"}


def test_given_names_count_before_derived_ones() -> None:
    runs = [run("1"), run("2", epochs=9), run("3", epochs=5)]
    given = {"1": "short", "2": "long"}
    assert unique_labels(runs, given) == {"1": "short", "2": "long", "3": "hard-equal"}


def test_two_plans_that_give_the_same_name_to_unlike_configurations_do_not_mix_them() -> None:
    runs = [run("1"), run("2", epochs=9)]
    found = unique_labels(runs, {"1": "hard-equal", "2": "hard-equal"})
    assert found == {"1": "hard-equal epochs=3", "2": "hard-equal epochs=9"}


def test_presets_with_the_same_values_are_told_apart_by_their_names() -> None:
    found = unique_labels([run("1"), run("2", choices={"encoder": "mlp_wide"})])
    assert found == {"1": "hard-equal choices.encoder=mlp", "2": "hard-equal choices.encoder=mlp_wide"}


def test_where_no_key_tells_configurations_apart_their_ids_do() -> None:
    runs = [run("1", epochs=3), run("2", epochs="3")]  # a number and a text, which look the same
    assert unique_labels(runs) == {"1": "hard-equal (1)", "2": "hard-equal (2)"}
    assert len(set(unique_labels(runs, {"1": "x", "2": "x"}).values())) == 2
