"""Where the dashboard of a comparison keeps its runs."""

import re

import pytest

from mtl.comparison.report.dashboard import folder_names


@pytest.mark.parametrize(
    "labels",
    [("a b", "a_b", "a/b"), ("hard", "HARD"), ("..", ".", ""), ("x" * 300, "x" * 301)],
    ids=["characters", "case", "dots", "length"],
)
def test_every_configuration_has_a_directory_of_its_own_on_the_dashboard(labels: tuple[str, ...]) -> None:
    names = folder_names(labels)
    assert len({name.casefold() for name in names.values()}) == len(labels)
    assert all(re.fullmatch(r"[\w=-][\w.=-]{0,99}", name) for name in names.values())
