"""Weightings beside a grid of fixed weights: which of them no fixed weights reach."""

import math
from dataclasses import replace

from mtl.comparison.comparison import compare
from mtl.comparison.fixed_front import fixed_front_sentences, fronts_of_fixed_weights
from mtl.comparison.records import Record
from tests.comparison.support import make_record


def runs(name: str, weighting: str, a: float, b: float) -> list[Record]:
    """Two seeds of a configuration with these accuracies."""
    model = "single_task" if name == "single" else "hard"
    values = {"a": a, "b": b}
    return [
        make_record(model, weighting, seed, primary=dict.fromkeys(values, "accuracy"), test=values, configuration=name)
        for seed in (0, 1)
    ]


FRONT = [(0.9, 0.5), (0.8, 0.7), (0.6, 0.8)]


def records(*moving: tuple[str, float, float]) -> list[Record]:
    found = runs("single", "equal", 0.7, 0.6)
    for number, (a, b) in enumerate(FRONT):
        found += runs(f"fixed{number}", "fixed", a, b)
    for name, a, b in moving:
        found += runs(name, name, a, b)
    return found


def test_what_some_fixed_weights_match_on_every_task_is_inside() -> None:
    """And by none of another model, nor by networks apart, which may be better on every task."""
    found = records(("gradnorm", 0.79, 0.69), ("pcgrad", 0.85, 0.71), ("dwa", 0.95, 0.1))
    found += [replace(one, model="gated") for one in runs("gated", "fixed", 0.99, 0.99)]
    found += [replace(one, model="single_task") for one in runs("wide", "fixed", 0.98, 0.98)]
    (front,) = fronts_of_fixed_weights(compare(found)).values()
    assert [row.weighting for row in front.inside] == ["gradnorm"]
    assert [row.weighting for row in front.outside] == ["pcgrad", "dwa"]
    assert len(front.fixed) == 3


def test_the_sentence_names_both_and_claims_nothing_but_of_validation() -> None:
    (text,) = fixed_front_sentences(compare(records(("gradnorm", 0.79, 0.69), ("pcgrad", 0.85, 0.71))))
    assert text.startswith("hard, on validation, beside 3 choices of fixed weights: no fixed weights are as good")
    assert "as hard-pcgrad; some are as good on every task as hard-gradnorm." in text


def test_what_was_not_measured_is_in_no_front() -> None:
    """Nothing is as good on every task as what is no number, which says nothing of the weights."""
    found = records(("gradnorm", 0.79, 0.69), ("pcgrad", math.nan, 0.71))
    (text,) = fixed_front_sentences(compare(found))
    assert text.endswith("beside 3 choices of fixed weights: some are as good on every task as hard-gradnorm.")
    found = [one for one in found if one.configuration != "fixed2"] + runs("fixed2", "fixed", math.nan, 0.8)
    assert fronts_of_fixed_weights(compare(found)) == {}


def test_two_fixed_weights_are_no_front() -> None:
    found = [one for one in records(("gradnorm", 0.79, 0.69)) if one.configuration != "fixed2"]
    assert fronts_of_fixed_weights(compare(found)) == {}
    assert fixed_front_sentences(compare(found)) == []
