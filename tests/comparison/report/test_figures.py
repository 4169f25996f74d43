"""Figures: what is cut to fit stays readable."""

import numpy as np

from mtl.comparison.report.curves import Curve
from mtl.comparison.report.figures import mark, shorten


def test_names_stay_different_when_they_are_cut_for_a_figure() -> None:
    assert shorten(["short", "a" * 20], 10) == {"short": "short", "a" * 20: "aaaaaaaaa…"}
    names = ["temperature_sensor_1", "temperature_sensor_2", "x" * 12 + "1" + "x" * 12, "x" * 12 + "2" + "x" * 12]
    short = shorten(names, 16)
    assert len(set(short.values())) == len(names)
    assert short["temperature_sensor_1"] == "temperat…ensor_1"


def test_a_curve_of_one_point_can_be_seen() -> None:
    one, two = (Curve(*(np.arange(count),) * 4) for count in (1, 2))
    assert (mark(one), mark(two)) == ("o", None)
