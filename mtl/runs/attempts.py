"""What is known of attempts at runs: the queue of a sweep writes it, and reports say from it why a run failed.

``<output>/queue/<key>.json`` holds the run directory of the last attempt at a run, how often its process died, and the
error if it failed.
"""

from pathlib import Path


def queue_directory(output: Path) -> Path:
    """Where the queue of an output directory keeps its files."""
    return output / "queue"


def attempt_file(output: Path, key: str) -> Path:
    """The file about the last attempt at the run of this key."""
    return queue_directory(output) / f"{key}.json"
