"""What a worker of a test does, in a module that is quickly imported."""

import os
from pathlib import Path
from typing import Any


def write_process(path: Path, stop: Any) -> None:
    """Write down which process did it, and whether it was told to end."""
    path.write_text(f"{os.getpid()} {stop.is_set()}")
