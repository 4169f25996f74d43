"""The page of a schedule."""

import json
import re
from dataclasses import replace

import numpy as np

from mtl.agent.environments.scheduling.chart_page import chart_page
from mtl.agent.environments.scheduling.palette import is_dark, luminance, palette
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.suites.scheduling.constraints import Constraints, Downtime
from mtl.suites.scheduling.instance import from_routes

NAME = "</script><b>door"
SHOP = from_routes("own <b>", [[(0, 3), (1, 2)], [(1, 2)]], ("saw & file", "drill"), job_names=(NAME, "b"))
GIVEN = Constraints(due=(4, None), weights=(2, 1), downtimes=(Downtime(0, 6, 9),), fixed=((0,), ()), now=1)


def drawn(page: str) -> dict[str, list[list[object]]]:
    found: dict[str, list[list[object]]] = json.loads(re.findall(r"const data = (.*);\n", page)[0])
    return found


def test_every_operation_is_on_the_page() -> None:
    """With what constraints say of it, and the lateness of its job."""
    instance = replace(SHOP, constraints=GIVEN, objective="weighted_tardiness")
    page = chart_page(Schedule(instance, np.array([[0, 3], [1, -1]])), "somebody")
    data = drawn(page)
    assert data["operations"] == [[0, "0", 0, 0, 3, True], [0, "1", 1, 3, 5, False], [1, "0", 1, 1, 3, False]]
    assert data["downtimes"] == [[0, 6, 9]]
    assert data["now"] == 1
    assert "2 jobs, 2 machines, somebody: makespan 5, weighted tardiness 2, 1 of 2 jobs late, machines busy 70%" in page
    assert len(set(data["colours"])) == 2


def test_names_are_text_and_never_code() -> None:
    page = chart_page(Schedule(SHOP, np.array([[0, 3], [0, -1]])), "<i>")
    assert "<b>" not in page
    assert "<i>" not in page
    assert page.count("</script>") == 1
    assert drawn(page)["jobs"][0]["name"] == NAME  # type: ignore[call-overload]
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")  # nothing is fetched


def test_all_of_the_time_is_printed() -> None:
    """Paper cannot be scrolled: the page is across, and the scale of the screen comes back after it."""
    page = chart_page(Schedule(SHOP, np.array([[0, 3], [0, -1]])), "agent")
    assert "@page { size: landscape" in page
    assert 'addEventListener("beforeprint"' in page
    assert 'addEventListener("afterprint"' in page


def test_letters_in_bars_can_be_read() -> None:
    """Those of the better contrast are chosen, which is nearly 4 to 1 at least."""
    for colour in (*palette(20), *palette(100)):
        contrasts = {True: 1.05 / (luminance(colour) + 0.05), False: (luminance(colour) + 0.05) / 0.066}
        assert contrasts[is_dark(colour)] == max(contrasts.values()) > 3.9


def test_bars_are_reached_by_keyboard() -> None:
    """One of them by the Tab key, the others by arrow keys; each has a name, Enter marks, and the focus is seen."""
    page = chart_page(Schedule(SHOP, np.array([[0, 3], [0, -1]])), "agent")
    for part in (
        'setAttribute("tabindex"',
        'setAttribute("aria-label"',
        'addEventListener("keydown"',
        'role: "button"',
    ):
        assert part in page
    assert ".bar:focus-visible rect { stroke:" in page
    assert not re.search(r"<label>(?:(?!</label>).)*<button", page)  # a label is of one control
