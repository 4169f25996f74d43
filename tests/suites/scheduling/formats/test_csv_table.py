"""A CSV table of one's own."""

from pathlib import Path

import pytest

from mtl.errors import InputError
from mtl.suites.scheduling.constraints import NO_CONSTRAINTS
from mtl.suites.scheduling.formats import read_instances
from mtl.suites.scheduling.instance import JobShop

ROWS = ["door,20,paint,3", "door,10,saw,2", "table,1,saw,4", "table,2,drill,1", "table,3,saw,2.0"]


def read(tmp_path: Path, text: str) -> JobShop:
    file = tmp_path / "shop.csv"
    file.write_text(text, encoding="utf-8")
    (instance,) = read_instances(file)
    return instance


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_names_and_the_order_of_operations(tmp_path: Path, separator: str, mark: str) -> None:
    text = "\n".join(["Job,Operation,Machine,Duration", *ROWS, ""]).replace(",", separator)
    instance = read(tmp_path, mark + text)
    assert instance.job_names == ("door", "table")
    assert instance.machine_names == ("paint", "saw", "drill")
    assert instance.operation_names == ((10, 20), (1, 2, 3))
    assert instance.machines.tolist() == [[1, 0, -1], [1, 2, 1]]
    assert instance.durations.tolist() == [[2, 3, 0], [4, 1, 2]]


def test_the_order_of_columns_and_empty_lines_do_not_matter(tmp_path: Path) -> None:
    instance = read(tmp_path, 'duration,machine,operation,job\n\n5,"saw, large",1,a\n')
    assert instance.machine_names == ("saw, large",)
    assert instance.durations.tolist() == [[5]]


def test_dates_weights_and_starts(tmp_path: Path) -> None:
    """What is of a job stands in one of its rows or in several; empty cells say nothing."""
    rows = ["door,10,saw,2,5,,,6", "door,20,paint,3,,20,2,", "table,1,saw,4,,,,", "desk,1,paint,4,1,9,1,1"]
    constraints = read(
        tmp_path, "\n".join(["job,operation,machine,duration,release,due,weight,start", *rows])
    ).constraints
    assert constraints.releases == (5, 0, 1)
    assert constraints.due == (20, None, 9)
    assert constraints.weights == (2, 0, 1)
    assert constraints.fixed == ((6,), (), (1,))
    assert read(tmp_path, "\n".join(["job,operation,machine,duration,due", "a,1,m,2,"])).constraints == NO_CONSTRAINTS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: expected the columns job, operation, machine, duration"),
        ("job,operation,machine\n", ":1: column 'duration' is not there"),
        ("job,operation,machine,duration,duration\n", ":1: the column duration is there twice"),
        ("job,operation,machine,duration,setup\na,1,m,2,9\n", ":1: unknown column 'setup': .*set-ups are not"),
        ("job,operation,machine,duration,release\na,1,m,2,-3\n", ":2: release '-3': expected a whole number"),
        ("job,operation,machine,duration,due\na,1,m,2,9\na,2,m,1,8\n", ":3: due 8 of job a, which has 9 in an ear"),
        (
            "job,operation,machine,duration,due,weight\na,1,m,2,9,2\nb,1,m,2,9,\n",
            ": job b has a due date and no weight",
        ),
        ('job,operation,machine,duration\na,1,m,2\nb,1,"m,2\nc,1,m,3\n', ":3: a quote is not closed"),
        ("job,operation,machine,duration,start\na,1,m,2,\na,2,m,1,4\n", ": operation 2 of job a has a start, and oper"),
        ("job,operation,machine,duration,jobs\n", ":1: unknown column 'jobs': did you mean 'job'?"),
        ("job,operation,machine,duration\n", ":2: expected a row per operation"),
        ("job,operation,machine,duration\na,1,m\n", ":2: expected 4 cells, found 3"),
        ("job,operation,machine,duration\na,1,,2\n", ":2: machine is empty"),
        ("job,operation,machine,duration\na,x,m,2\n", ":2: operation 'x': expected a whole number"),
        ("job,operation,machine,duration\na,1,m,2.5\n", ":2: duration '2.5': expected a whole number"),
        ("job,operation,machine,duration,weight\na,1,m,2,0.5\n", ":2: weight '0.5': .*; weights count by their ratios"),
        ("job,operation,machine,duration\na,1,m,1.000\n", ":2: duration '1.000': .* without a point, which may part"),
        ("job,operation,machine,duration\na,1,m,nan\n", ":2: duration 'nan': expected a whole number"),
        ("job,operation,machine,duration\na,1,m,-2\n", ":2: duration '-2': expected a whole number"),
        ("job,operation,machine,duration\na,1,m,2\na,1,n,2\n", ":3: job a has an operation 1 already"),
    ],
    ids=str,
)
def test_mistakes_are_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=("" if "job a: due" in message else "shop.csv") + message) as error:
        read(tmp_path, text)
    assert "\n" not in str(error.value)


def test_a_quote_that_swallows_a_long_file_is_named(tmp_path: Path) -> None:
    """No cell is that long."""
    with pytest.raises(InputError, match=":2: a quote is not closed"):
        read(tmp_path, 'job,operation,machine,duration\na,1,"m,2\n' + "b,1,m,3\n" * 20_000)


def test_a_name_in_quotes_keeps_the_end_of_a_line(tmp_path: Path) -> None:
    """Else it would be the name of another job."""
    text = 'job,operation,machine,duration\r\n"a\nb",1,m,2\r\nab,2,m,3\r\n'
    assert read(tmp_path, text).job_names == ("a\nb", "ab")
