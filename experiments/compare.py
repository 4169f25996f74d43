"""Does learning these tasks together pay? Plans, trains and compares; `--help` says how."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # the clone: this file is started by its path

from mtl.config.signals import interrupt_ends_at_once

with interrupt_ends_at_once():
    from mtl.cli.application import run_program
    from mtl.cli.compare import main

if __name__ == "__main__":
    run_program(main)
