"""Text files: pairs, two matrices, captions; machines from 0 or 1; and what is wrong with bad ones in one line."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl.errors import InputError
from mtl.suites.scheduling.formats import read_instances
from mtl.suites.scheduling.formats.text import parse_text
from mtl.suites.scheduling.generate import taillard
from mtl.suites.scheduling.instance import JobShop

# One shop of three jobs and machines, as pairs
PAIRS = "# comment\n3 3\n0 3 1 2 2 2\n\n0 2 2 1 1 4\n1 4 2 3 0 1\n"
DURATIONS, MACHINES = [[3, 2, 2], [2, 1, 4], [4, 3, 1]], [[0, 1, 2], [0, 2, 1], [1, 2, 0]]
MATRICES = "3 3\n3 2 2\n2 1 4\n4 3 1\n1 2 3\n1 3 2\n2 3 1\n"
SAME = {
    "pairs": PAIRS,
    "mark": "\ufeff" + PAIRS,
    "captions": " instance tiny\n +++++++++++++\n Tiny example\n" + PAIRS + " +++++++++++++\n the end\n",
    "comments": PAIRS.replace("3 3\n", "3 3 # jobs machines\n").replace("1 4\n", "1 4 # the second\n"),
    "from one": "3 3\n1 3 2 2 3 2\n1 2 3 1 2 4\n2 4 3 3 1 1\n",
    "matrices": MATRICES,
    "windows": MATRICES.replace("\n", "\r\n"),
    "taillard": (
        "Nb of jobs, Nb of Machines, Time seed, Machine seed, Upper bound, Lower bound\n"
        "3 3 840612802 398197754 11 10\nTimes\n3 2 2\n2 1 4\n4 3 1\nMachines\n1 2 3\n1 3 2\n2 3 1\n"
    ),
}


def read(tmp_path: Path, text: str, name: str = "small.txt") -> list[JobShop]:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8", newline="")
    return read_instances(file)


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_every_format_gives_the_same_shop(text: str, tmp_path: Path) -> None:
    (instance,) = read(tmp_path, text)
    assert instance.name == "small"
    assert instance.durations.tolist() == DURATIONS
    assert instance.machines.tolist() == MACHINES


def test_machines_keep_the_numbers_of_the_file(tmp_path: Path) -> None:
    assert read(tmp_path, SAME["pairs"])[0].machine_names == (0, 1, 2)
    assert read(tmp_path, SAME["from one"])[0].machine_names == (1, 2, 3)
    assert read(tmp_path, SAME["matrices"])[0].machine_names == (1, 2, 3)


def test_bounds_of_taillard_count_as_known(tmp_path: Path) -> None:
    assert read(tmp_path, SAME["taillard"])[0].reference == (11, "best known", "")


def test_jobs_of_unlike_length_and_machines_that_are_visited_twice_or_never(tmp_path: Path) -> None:
    (instance,) = read(tmp_path, "3 4\n0 3 1 2\n1 2 0 2 1 3\n2 4\n")
    assert instance.durations.tolist() == [[3, 2, 0], [2, 2, 3], [4, 0, 0]]
    assert instance.machines.tolist() == [[0, 1, -1], [1, 0, 1], [2, -1, -1]]
    assert instance.lengths.tolist() == [2, 3, 1]
    assert instance.machine_count == 4
    assert not instance.classical
    assert instance.load.tolist() == [5, 7, 4, 0]


def test_several_instances_of_one_file_are_called_as_their_captions(tmp_path: Path) -> None:
    text = "instance one\n1 1\n0 3\n+++\n instance two\n1 1\n0 4\n+++\n1 1\n0 5\n"
    assert [(one.name, one.durations.item()) for one in read(tmp_path, text)] == [
        ("one", 3),
        ("two", 4),
        ("small-3", 5),
    ]


@pytest.mark.parametrize(
    "words",
    [
        "jobs 2 machines 4",
        "2 jobs, 4 machines",
        "n=2 m=4",
        "# 2 4",
        "# machines: 4\n# jobs: 2",
        "2x4",
        "2.0 4.0",
        "2;4",
    ],
)
@pytest.mark.parametrize("lines", ["1 3\n2 4\n", "1 3 2 2\n2 4 1 1\n", "3 2 2 4\n2 1 1 9\n1 2 3 4\n4 1 2 3\n"])
def test_the_line_of_a_job_is_not_taken_for_the_size_that_only_words_say(
    words: str, lines: str, tmp_path: Path
) -> None:
    (shop,) = read(tmp_path, f"2 4\n{lines}")
    first = words.count("\n") + 2
    with pytest.raises(InputError, match=rf"small\.txt:{first}: .*may be the line of a job.* Write '2 4' above it"):
        read(tmp_path, f"{words}\n{lines}")
    (told,) = read(tmp_path, f"{words}\n2 4\n{lines}")
    assert told.durations.tolist() == shop.durations.tolist()


@pytest.mark.parametrize("words", ["instance 3", "Table 3, instance 1", "Lawrence 10x5 (1984)", "# 4 3 instances"])
def test_numbers_in_captions_that_are_no_size_of_the_lines_do_no_harm(words: str, tmp_path: Path) -> None:
    (shop,) = read(tmp_path, f"{words}\n2 5\n0 3 4 2\n1 2\n")
    assert shop.durations.tolist() == [[3, 2], [2, 0]]


@pytest.mark.parametrize("words", ["# 3 and 5", "# job shop, 3 machines, 3 jobs", "Table 3, instance 2", "# 4 3"])
def test_words_do_not_contradict_a_first_line_that_says_what_follows(words: str, tmp_path: Path) -> None:
    for size, lines in (("2 3", "2 1 0 3 1 4\n1 2 0 5 2 1\n"), ("2 3", "1 3 4\n2 5 1\n1 2 3\n2 1 3\n")):
        (shop,) = read(tmp_path, f"{words}\n{size}\n{lines}")
        assert (shop.jobs, shop.machine_count) == (2, 3)


@pytest.mark.parametrize("words", ["# made on 2024-03-09", "# 3.10.2024", "# 2024/03/10 at 3:12", "# version 1.3.7"])
def test_days_and_times_are_no_sizes(words: str, tmp_path: Path) -> None:
    (shop,) = read(tmp_path, f"{words}\n2 4\n0 3 3 2\n1 2\n")
    assert shop.durations.tolist() == [[3, 2], [2, 0]]


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 6), st.booleans())
def test_what_is_written_is_read(seed: int, jobs: int, machines: int, matrices: bool) -> None:
    made = taillard(seed, 0, 0, (jobs, jobs), (machines, machines))
    if matrices:
        rows = [*made.durations.tolist(), *(made.machines + 1).tolist()]
    else:
        rows = [np.stack([m, d], 1).ravel().tolist() for m, d in zip(made.machines, made.durations, strict=True)]
    text = "\n".join(" ".join(map(str, row)) for row in [[jobs, machines], *rows])
    (again,) = parse_text(Path("made.txt"), text)
    assert np.array_equal(again.durations, made.durations)
    assert np.array_equal(again.machines, made.machines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: expected 'jobs machines', found an empty file"),
        ("3,3\n0,3,1,2,2,2\n", ":1: expected 'jobs machines', found no line of whole numbers"),
        (PAIRS.replace("0 2 2 1", f"0 {'9' * 5000} 2 1"), ":5: expected whole numbers, found '0 999"),
        ("instance a\n1 1\n0 3\ninstance a\n1 1\n0 4\n", ": two instances are called a"),
        ("3\n", ":1: expected 'jobs machines'"),
        ("2 1 jobs machines\n1 9\n1 6\n", ":1: expected whole numbers, or a caption .* found '2 1 jobs machines'"),
        ("0 3\n", ":1: expected 'jobs machines'"),
        (PAIRS.replace("0 2 2 1", "0 two 2 1"), ":5: expected whole numbers, found '0 two"),
        (PAIRS.replace("0 2 2 1 1 4", "0 2 2 1 1"), ":5: expected pairs .* found 5"),
        (PAIRS.replace("0 2 2 1", "4 2 2 1"), r":5: expected machines 0..2 or 1..3, found 4"),
        (PAIRS.replace("0 2 2 1", "3 2 2 1"), r":3: machines are numbered from 0 and from 1"),
        (PAIRS.replace("0 2 2 1", "-1 2 2 1"), r":5: expected machines 0..2 or 1..3, found -1"),
        (PAIRS.replace("1 4 2 3", "1 -4 2 3"), ":6: durations must not be negative, found -4"),
        (PAIRS.replace("1 4 2 3", f"1 {10**20} 2 3"), f":6: durations must be below 16777216, found {10**20}"),
        (PAIRS.replace("1 4 2 3 0 1\n", ""), ":5: expected 3 job lines after the first line, .* found 2"),
        (PAIRS + "0 1 1 1 2 1\n", ":7: expected 3 job lines after the first line, .* found 4"),
        (MATRICES.replace("2 1 4", "2 1 4 4"), ":3: expected 3 numbers, .* found 4"),
        (MATRICES.replace("1 3 2", "1 3 3"), r":6: expected each machine exactly once, found \[1, 3, 3\]"),
        (MATRICES.replace("1 3 2", "1 9 2"), ":6: expected machines 0..2 or 1..3, found 9"),
        (PAIRS.replace("3 3\n", "3 100000000\n"), ":2: 100000000 machines, and its operations name a machine 9 times"),
        (SAME["taillard"].replace("11 10", "9 9"), "best known makespan 9 is below 10"),
    ],
    ids=str,
)
def test_a_mistake_names_file_line_and_rule(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match="small.*" + message) as error:
        read(tmp_path, text)
    assert "\n" not in str(error.value)


def test_one_job_far_longer_than_many_others_is_refused(tmp_path: Path) -> None:
    """Every job takes as much place as the longest one, which is far more than the file."""
    with pytest.raises(InputError, match="instance small: 10001 jobs, the longest of 10000 operations: expected at"):
        read(tmp_path, "10001 1\n" + "0 5\n" * 10_000 + "0 1 " * 10_000 + "\n")


def test_a_binary_file_is_no_instance(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read as text"):
        read_instances(tmp_path / "bad.txt")
    with pytest.raises(InputError, match="no such file"):
        read_instances(tmp_path / "none.txt")
