"""What a result says of its own numbers."""

from mtl.config.run_result import SplitMetrics
from mtl.lifecycle.result import without_number
from mtl.tasks import binary, regression


def test_a_primary_metric_that_is_no_number_is_named() -> None:
    """Not where rows have no label, of which a comparison says so itself."""
    tasks = (binary("churn"), regression("spend"))
    spend = {"r2": 0.5, "loss": 1.0}
    metrics = {
        "val": SplitMetrics(score=1.0, tasks={"churn": {"loss": 0.1}, "spend": spend}),
        "test": SplitMetrics(score=1.0, tasks={"churn": {}, "spend": {**spend, "r2": float("inf")}}),
    }
    assert list(without_number(tasks, metrics)) == [
        "task 'churn': auroc is no number on the validation rows, so a comparison cannot rank this run",
        "task 'spend': r2 is no number on the test rows, so a comparison measures no gain of this run",
    ]
