"""The runs of a sweep that are trained at once, before Hydra goes through its jobs and shows what came of each."""

from collections.abc import Sequence

from mtl.config.run_config import RunConfig
from mtl.lifecycle.together import Job, train_jobs
from mtl.runs.identity import run_id

done: dict[str, list[Job]] = {}  # by run id, of this process


def train_all(configs: Sequence[RunConfig]) -> None:
    """Train the runs of these configs, those of one shape at once, and keep what came of each.

    Args:
        configs: of a sweep's jobs, whose ``replicas`` are alike.
    """
    jobs = [Job(config) for config in configs]
    train_jobs(jobs, max(config.replicas for config in configs))
    for job in jobs:
        done.setdefault(run_id(job.config), []).append(job)


def take(config: RunConfig) -> Job | None:
    """What came of a run of this config; None if it has not been trained yet."""
    found = done.get(run_id(config))
    return found.pop(0) if found else None
