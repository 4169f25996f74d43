"""The loader: the same steps however they are divided, in an order that depends on seed and epoch alone."""

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.suites.batch import Batch, Split
from mtl.suites.loader import InMemoryLoader, measured_at_once
from mtl.tasks import regression
from tests.support import Rows


def split(count: int, missing: bool = False) -> Split:
    """Rows that know their number; every third of the second task is unlabelled on request."""
    numbers = torch.arange(count, dtype=torch.float32)
    second = numbers.masked_fill(torch.arange(count) % 3 == 0, torch.nan) if missing else numbers
    return Split({SINGLE: numbers.unsqueeze(1)}, {"a": numbers, "b": second})


def numbers(batch: Batch) -> list[int]:
    return [int(n) for n in batch.inputs[SINGLE][:, 0]]


@given(
    count=st.integers(4, 60),
    batch_size=st.integers(8, 64),
    accumulate=st.integers(1, 3),
    world=st.integers(1, 2),
    shuffle=st.booleans(),
)
def test_divided_steps_are_the_steps_of_one_process(
    count: int, batch_size: int, accumulate: int, world: int, shuffle: bool
) -> None:
    """Each row once an epoch; a step holds the same rows whatever the number of processes and accumulated batches."""
    whole = list(InMemoryLoader(split(count), batch_size, shuffle=shuffle))
    try:
        loaders = [
            InMemoryLoader(split(count), batch_size, shuffle=shuffle, accumulate=accumulate, rank=rank, world=world)
            for rank in range(world)
        ]
    except InputError:
        assert count // len(whole) < accumulate * world
        return
    parts = [list(loader) for loader in loaders]
    assert {len(batches) for batches in parts} == {len(whole) * accumulate} == {len(loaders[0])}
    for step, batch in enumerate(whole):
        divided = [p for batches in parts for p in batches[step * accumulate : (step + 1) * accumulate]]
        assert all(numbers(part) for part in divided)
        assert sorted(n for part in divided for n in numbers(part)) == sorted(numbers(batch))
    assert sorted(n for batch in whole for n in numbers(batch)) == list(range(count))
    sizes = [len(numbers(batch)) for batch in whole]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


@given(count=st.integers(8, 60), accumulate=st.integers(1, 3), world=st.integers(1, 2))
def test_counts_are_the_labels_of_the_whole_step(count: int, accumulate: int, world: int) -> None:
    """Every part of a step knows how many rows and labels the step has."""
    loaders = [
        InMemoryLoader(split(count, missing=True), 8, accumulate=accumulate, rank=rank, world=world)
        for rank in range(world)
        if count // -(-count // 8) >= accumulate * world
    ]
    for step in range(loaders[0].steps if loaders else 0):
        parts = [b for loader in loaders for b in list(loader)[step * accumulate : (step + 1) * accumulate]]
        rows = sum(len(numbers(part)) for part in parts)
        labels = sum(int((~part.targets["b"].isnan()).sum()) for part in parts)
        assert {(part.size, part.counts) for part in parts} == {(rows, (rows, labels))}


def test_order_depends_on_seed_and_epoch() -> None:
    """And on nothing else, so that a resumed run goes on with the same batches."""

    def order(seed: int, epoch: int) -> list[int]:
        loader = InMemoryLoader(split(50), 10, shuffle=True, seed=seed)
        loader.set_epoch(epoch)
        torch.rand(3)  # the global random state has no say
        return [n for batch in loader for n in numbers(batch)]

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


def test_weights_go_with_their_rows() -> None:
    rows = split(50)
    weighted = Split(rows.inputs, rows.targets, rows.targets["a"] + 0.5, torch.arange(50) // 5)
    chosen = weighted.rows(torch.tensor([30, 4, 17]))
    assert [values.tolist() for values in chosen.beside() if values is not None] == [[6, 0, 3], [30.5, 4.5, 17.5]]
    assert rows.rows(torch.tensor([3])).beside() == (None, None)
    for batch in InMemoryLoader(weighted, 10, shuffle=True, accumulate=2):
        assert batch.weights is not None
        assert batch.weights.tolist() == [number + 0.5 for number in numbers(batch)]
    assert all(batch.weights is None for batch in InMemoryLoader(rows, 10))


def test_a_step_is_the_same_whether_it_is_reached_or_asked_for() -> None:
    """Counted from the first of the first epoch on."""
    loader, other = (InMemoryLoader(split(50), 10, shuffle=True, accumulate=2) for _ in range(2))
    for epoch in range(2):
        loader.set_epoch(epoch)
        reached = [numbers(batch) for batch in loader]
        asked = [numbers(batch) for step in range(5) for batch in other.at(5 * epoch + step)]
        assert asked == reached


def test_unshuffled_rows_keep_their_order() -> None:
    """As they stand."""
    assert [n for batch in InMemoryLoader(split(23), 5) for n in numbers(batch)] == list(range(23))


def test_structured_inputs_are_divided_together() -> None:
    """Every tensor of a mapping is indexed by the same rows."""
    inputs = {"x": torch.arange(9.0).unsqueeze(1), "y": torch.arange(9)}
    for batch in InMemoryLoader(Split(inputs, {"a": torch.arange(9.0)}), 4, shuffle=True):
        assert batch.inputs["x"][:, 0].tolist() == batch.inputs["y"].tolist() == batch.targets["a"].tolist()


def test_more_parts_than_rows_is_an_error() -> None:
    """A process without rows would have nothing to train on."""
    with pytest.raises(InputError, match=r"10 rows in steps of batch_size=3 .* 2 accumulated batches on 2 processes"):
        InMemoryLoader(split(10), 3, accumulate=2, world=2)


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        (6, {"a": 6, "b": 7}, "the train split has 6 rows in input 'x' and 7 in target 'b'"),
        (8, {"a": 6, "b": 6}, "the train split has 8 rows in input 'x' and 6 in target 'a'"),
        (6, {"a": 6, "c": 6}, "target in the train split 'b' is not there: found: a, c"),
    ],
)
def test_rows_and_labels_that_do_not_fit_are_refused(inputs: int, labels: dict[str, int], message: str) -> None:
    """As a suite of a person's own may give them: no row is learned with the label of another."""
    data = Rows(
        {SINGLE: torch.zeros(inputs, 2)},
        {name: torch.zeros(count) for name, count in labels.items()},
        [regression("a"), regression("b")],
    )
    with pytest.raises(InputError, match=re.escape(message)):
        data.setup("fit")


def test_large_pictures_with_an_answer_for_every_pixel_are_measured_a_few_at_once() -> None:
    """By their inputs and their labels; a batch of what is small is as large as ever."""
    pictures = torch.zeros(1, 3, 288, 384).expand(700, -1, -1, -1)  # which takes no memory
    labels = torch.zeros(1, 288, 384).expand(700, -1, -1)
    assert measured_at_once(Split({SINGLE: pictures}, {"depth": labels})) == 2**23 // (4 * 288 * 384)
    assert measured_at_once(Split({SINGLE: pictures[..., :28, :28]}, {"digit": torch.zeros(700)})) == 1024
    assert measured_at_once(Split({SINGLE: torch.zeros(1, 5000).expand(700, -1)}, {"a": torch.zeros(700)})) == 4096
    assert measured_at_once(Split({SINGLE: torch.zeros(1, 2**24).view(1, 2**12, 2**12)}, {"a": torch.zeros(1)})) == 1
