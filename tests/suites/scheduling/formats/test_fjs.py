"""Text files of flexible job shops."""

from pathlib import Path

import pytest

from mtl.errors import InputError
from mtl.suites.scheduling.formats import read_instances
from mtl.suites.scheduling.instance import JobShop

# Two jobs, three machines, with the mean number of machines in the first line and spaces as the files have them
SMALL = """2 3 1.6
2  2 1 5 3 4  1 2 3

3  1 3 2   3 1 4 2 6 3 5   1 2 2
"""


def read(tmp_path: Path, text: str) -> JobShop:
    (tmp_path / "small.fjs").write_text(text)
    (instance,) = read_instances(tmp_path / "small.fjs")
    return instance


def test_machines_and_durations(tmp_path: Path) -> None:
    instance = read(tmp_path, SMALL)
    assert instance.name == "small"
    assert instance.machine_names == (1, 2, 3)
    assert instance.alternatives is not None
    assert instance.alternatives.machines.tolist() == [
        [[0, 2, -1], [1, -1, -1], [-1, -1, -1]],
        [[2, -1, -1], [0, 1, 2], [1, -1, -1]],
    ]
    assert instance.alternatives.durations.tolist() == [
        [[5, 4, 0], [3, 0, 0], [0] * 3],
        [[2, 0, 0], [4, 6, 5], [2, 0, 0]],
    ]
    assert instance.shortest.tolist() == [[4, 3, 0], [2, 4, 2]]
    assert instance.machine_bound == 9  # machine 2 has work from 4 on
    assert not instance.classical


def test_without_alternatives_it_is_a_job_shop(tmp_path: Path) -> None:
    instance = read(tmp_path, "1 2\n2 1 2 7 1 1 3\n")
    assert instance.alternatives is None
    assert instance.machines.tolist() == [[1, 0]]
    from_zero = read(tmp_path, "1 2\n2 1 1 7 1 0 3\n")
    assert (from_zero.machine_names, from_zero.machines.tolist()) == ((0, 1), [[1, 0]])
    assert instance.durations.tolist() == [[7, 3]]


def test_words_after_the_last_job_are_passed_over(tmp_path: Path) -> None:
    assert read(tmp_path, "1 2\n1 1 1 3\n\nbest known 3\n0\n").durations.tolist() == [[3]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ":1: expected 'jobs machines', found an empty file"),
        ("2\n", ":1: expected 'jobs machines'"),
        ("2 x\n", ":1: expected whole numbers, found 'x'"),
        ("2 2\n1 1 1 3\n", ":2: expected 2 job lines after the first line, found 1"),
        ("1 2\n2 1 1 3\n", ":2: operation 2 of 2: expected a number of machines"),
        ("1 2\n1 2 1 3\n", ":2: operation 1 of 1: expected a number of machines and as many pairs"),
        ("1 2\n1 1 1 3 4\n", ":2: expected 1 operations, found 1 numbers more"),
        ("1 2\n0\n", ":2: expected a number of operations from 1, found 0"),
        ("1 2\n2 1 0 3 1 2 4\n", ": machines are numbered from 0 and from 1"),
        ("1 2\n1 1 3 3\n", ":2: expected machines 1..2, found 3"),
        ("1 2\n1 1 2 -3\n", ":2: expected durations 0"),
        ("1 2\n1 2 1 3 1 4\n", ":2: operation 1 names a machine twice"),
        ("1 2\n1 1 1 3\n1 1 2 4\n", ":3: expected 1 job lines after the first line, and nothing after them"),
        ("1 100000000\n1 1 1 3\n", ":1: 100000000 machines, and its operations name a machine 1 times"),
        ("1 2\n1 1 1 3\n\n1 9\n1 1 9 4\n", ":5: expected 1 job lines after the first line, and nothing after"),
    ],
    ids=str,
)
def test_mistakes_are_one_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match="small.fjs" + says) as error:
        read(tmp_path, text)
    assert "\n" not in str(error.value)
