"""Planted truth: what the dials say is what is in the data."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.suites.synthetic import SyntheticSuite, directions
from mtl.testing import SUITE_CHECKS


@pytest.mark.parametrize("cosine", [-0.3, 0.0, 0.5, 1.0])
def test_directions_have_the_cosine(cosine: float) -> None:
    found = directions(4, 10, cosine, torch.Generator().manual_seed(0))
    expected = torch.full((4, 4), cosine).fill_diagonal_(1.0)
    torch.testing.assert_close(found.T @ found, expected, atol=1e-5, rtol=0)


def test_tasks_of_unlike_blocks_have_nothing_in_common() -> None:
    found = directions(5, 10, 0.8, torch.Generator().manual_seed(0), blocks=2)
    block = torch.arange(5) % 2
    expected = torch.where(block[:, None] == block, 0.8, 0.0).fill_diagonal_(1.0)
    torch.testing.assert_close(found.T @ found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("option", ["relatedness", "noise", "scale_ratio", "missing", "conflict", "imbalance"])
def test_whole_numbers_are_the_same_data_however_they_are_written(option: str) -> None:
    number = 1 if option in ("scale_ratio", "imbalance") else 0
    written: list[dict[str, Any]] = [{option: number}, {option: float(number)}]
    assert len({SyntheticSuite(**one).fingerprint for one in written}) == 1


def test_blocks_are_in_the_targets() -> None:
    """And in the fingerprint. Directions apart need not give targets apart, but tasks of a block are alike."""
    suite = SyntheticSuite(num_tasks=4, relatedness=1.0, noise=0.0, blocks=2)
    targets = suite.load()["test"].targets
    torch.testing.assert_close(targets["task0"], targets["task2"], atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(targets["task1"], targets["task3"], atol=1e-3, rtol=1e-3)
    assert torch.corrcoef(torch.stack([targets["task0"], targets["task1"]]))[0, 1].abs() < 0.1
    assert suite.fingerprint != SyntheticSuite(num_tasks=4, relatedness=1.0, noise=0.0).fingerprint


def test_related_tasks_are_one_task() -> None:
    targets = SyntheticSuite(relatedness=1.0, noise=0.0).load()["test"].targets
    torch.testing.assert_close(targets["task0"], targets["task1"], atol=1e-3, rtol=1e-3)


def test_scales_run_from_one_to_the_ratio() -> None:
    targets = SyntheticSuite(num_tasks=3, scale_ratio=100.0, noise=0.0, rows=20000).load()["train"].targets
    assert [round(float(values.std()), 1) for values in targets.values()] == pytest.approx([1, 10, 100], rel=0.05)


def test_labels_are_taken_away_but_not_from_the_test() -> None:
    splits = SyntheticSuite(missing=0.3, kinds="mixed").load()
    for name, share in {"train": 0.3, "val": 0.3, "test": 0.0}.items():
        targets = splits[name].targets
        missing = [targets["task0"].isnan(), targets["task1"].isnan(), targets["task2"] == -100]
        assert [float(m.float().mean()) for m in missing] == pytest.approx([share] * 3, abs=0.05)


@pytest.mark.parametrize("conflict", [0.0, 0.25, 1.0])
def test_conflict_turns_every_second_task_in_that_share_of_the_rows(conflict: float) -> None:
    """With one direction for all and no noise, tasks agree but for the rows of the lowest last input."""
    train = SyntheticSuite(num_tasks=2, relatedness=1.0, noise=0.0, conflict=conflict).load()["train"]
    order = train.inputs[SINGLE][:, -1].argsort()
    cut = round(conflict * len(order))
    for rows, sign in ((order[:cut][:-60], -1), (order[cut:][60:], 1)):
        if len(rows):
            pair = torch.stack([train.targets["task0"][rows], train.targets["task1"][rows]])
            assert torch.corrcoef(pair)[0, 1] * sign > 0.5


@pytest.mark.parametrize(
    ("kinds", "imbalance", "expected"), [("binary", 9.0, [0.9, 0.1]), ("classes", 8.0, [8, 4, 2, 1])]
)
def test_classes_are_as_frequent_as_said(kinds: str, imbalance: float, expected: list[float]) -> None:
    targets = SyntheticSuite(rows=20000, kinds=kinds, imbalance=imbalance).load()["train"].targets
    for values in targets.values():
        shares = torch.bincount(values.long()) / len(values)
        torch.testing.assert_close(shares, torch.tensor(expected) / sum(expected), atol=0.01, rtol=0)


def test_kinds_come_in_turn() -> None:
    suite = SyntheticSuite(num_tasks=4, kinds="mixed")
    assert [task.primary for task in suite.tasks] == ["r2", "auroc", "accuracy", "r2"]


def test_sixty_four_tasks() -> None:
    splits = SyntheticSuite(num_tasks=64, features=80, rows=200).load()
    assert len(splits["train"].targets) == 64


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": "binry"}, "unknown kind in task.kinds 'binry': did you mean 'binary'"),
        ({"conflict": 1.5}, "task.conflict=1.5"),
        ({"imbalance": 0.5}, "imbalance=0.5"),
        ({"relatedness": -0.9}, "with 3 tasks it can be -0.5 to 1"),
        ({"blocks": 4}, "task.blocks=4: with 3 tasks it can be 1 to 3"),
        ({"blocks": 2, "num_tasks": 6, "relatedness": -0.9}, "with 3 tasks in a block it can be -0.5 to 1"),
        ({"num_tasks": 64}, "more features than tasks"),
        ({"missing": 1.0}, "task.missing=1.0"),
    ],
)
def test_dials_that_make_no_sense_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SyntheticSuite(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("check", SUITE_CHECKS, ids=lambda one: one.__name__)
def test_what_holds_for_every_suite(check: Callable[..., None]) -> None:
    """What users' own suites are tested by, too."""
    check(lambda: SyntheticSuite(rows=60, features=6, kinds="mixed", missing=0.2))
