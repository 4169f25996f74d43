"""The two works that steps are measured on, and trainings of the framework that do them."""

Work = tuple[int, tuple[int, ...], int, int]  # inputs, widths of the trunk, tasks, rows of a batch
WORKS: dict[str, Work] = {"small": (64, (256, 256), 3, 256), "large": (512, (1024, 1024, 1024), 8, 512)}


def overrides_of(work: Work, steps: int, epochs: int) -> list[str]:
    """A training of this work, with so many steps in an epoch."""
    features, widths, tasks, batch_size = work
    base = ["task=synthetic", f"task.rows={batch_size * steps * 5 // 3}", f"task.features={features}"]
    base += [f"task.num_tasks={tasks}", f"encoder.widths=[{','.join(map(str, widths))}]", f"batch_size={batch_size}"]
    base += [f"epochs={epochs}", "threads=1", "model=hard", "weighting=equal", "scheduler=none"]
    return [*base, "patience=null", "steps=null", "validate_every=1"]
