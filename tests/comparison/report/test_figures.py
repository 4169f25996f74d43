"""Figures: what is cut to fit stays readable."""

from mtl.comparison.report.figures import shorten


def test_names_stay_different_when_they_are_cut_for_a_figure() -> None:
    assert shorten(["short", "a" * 20], 10) == {"short": "short", "a" * 20: "aaaaaaaaa…"}
    names = ["temperature_sensor_1", "temperature_sensor_2", "x" * 12 + "1" + "x" * 12, "x" * 12 + "2" + "x" * 12]
    short = shorten(names, 16)
    assert len(set(short.values())) == len(names)
    assert short["temperature_sensor_1"] == "temperat…ensor_1"
