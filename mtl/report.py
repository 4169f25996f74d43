"""What a person sees at the end of a run: one table, and what to type next."""

from typing import Any

from rich.console import Console
from rich.table import Table


def show(result: dict[str, Any], console: Console | None = None) -> None:
    """Print the final table of a run. Nothing for a process that is not the first of its training."""
    if not result:
        return
    console = console or Console()
    console.print(metrics_table(result))


def metrics_table(result: dict[str, Any]) -> Table:
    """Tasks x metrics, for train, validation and test; the primary metric of each task in bold."""
    chosen = result["choices"]
    selected = result["selection"]
    table = Table(
        title=f"{chosen['task']}: {chosen['model']} sharing, {chosen['weighting']} weighting, seed {result['seed']}",
        caption=f"best epoch {selected['epoch']} by {selected['metric']} ({selected['mode']})",
    )
    for column in ("task", "metric", "train", "val", "test"):
        table.add_column(column, justify="left" if column in ("task", "metric") else "right")
    for name, task in result["tasks"].items():
        keys = [key for key in result["metrics"]["val"] if key.startswith(f"{name}/")]
        for key in [*keys, f"loss/{name}"]:
            metric = key.removeprefix(f"{name}/") if key in keys else "loss"
            arrow = ("higher" if task["higher_is_better"] else "lower") + " is better"
            label = f"[bold]{metric}[/bold] ({arrow})" if metric == task["primary"] else metric
            row = [f"{result['metrics'][split].get(key, float('nan')):.4f}" for split in ("train", "val", "test")]
            table.add_row(name, label, *row, end_section=metric == "loss")
    return table
