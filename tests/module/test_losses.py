"""Shares of a step's batches have the means over labelled rows as their mean."""

import pytest
import torch

from mtl.module.losses import count_labels, loss_sums, share_factors
from mtl.suites.batch import Batch
from mtl.tasks import TaskGraph
from tests.support import Rows, rows


def halves(data: Rows) -> list[Batch]:
    """The rows as two batches of unlike size."""
    inputs, targets = data.given.inputs, data.given.targets
    return [
        Batch(
            {name: values[part] for name, values in inputs.items()},
            {name: target[part] for name, target in targets.items()},
        )
        for part in (slice(None, 12), slice(12, None))
    ]


def test_mean_of_shares_is_the_mean_over_labelled_rows() -> None:
    data = rows(40, missing=0.4)
    graph = TaskGraph(data.tasks)
    counts = count_labels(graph, Batch(data.given.inputs, data.given.targets), 1)
    assert counts == tuple(int(target.isfinite().sum()) for target in data.given.targets.values())
    assert count_labels(graph, Batch(data.given.inputs, data.given.targets), 2) == tuple(2 * n for n in counts)
    shares = []
    for batch in halves(data):
        predictions = {name: torch.zeros(len(target)) for name, target in batch.targets.items()}
        sums = torch.stack(loss_sums(graph, predictions, batch))
        shares.append(sums * torch.tensor(share_factors(counts, batches=2)))
    means = [float(target[target.isfinite()].square().mean()) for target in data.given.targets.values()]
    assert torch.stack(shares).mean(0).tolist() == pytest.approx(means)


@pytest.mark.parametrize(("members", "count"), [(1, 40), (2, 40), (3, 40), (3, 1)])
def test_rows_count_by_their_weights(members: int, count: int) -> None:
    """Also those of an ensemble, each member of which has every row."""
    data = rows(count, missing=0.4)
    graph, weights = TaskGraph(data.tasks), torch.rand(count)
    batch = Batch(data.given.inputs, data.given.targets, weights=weights)
    predictions = {name: torch.zeros(count * members) for name in batch.targets}
    expected = [float((weights * target.nan_to_num().square()).sum()) for target in batch.targets.values()]
    assert [float(one) for one in loss_sums(graph, predictions, batch)] == pytest.approx(expected)


def test_present_tasks_are_those_with_labels_in_the_step() -> None:
    batch = halves(rows())[0]
    assert batch._replace(counts=(3, 0, 1)).present == (0, 2)
    assert batch._replace(counts=(0, 0, 0)).present == ()
