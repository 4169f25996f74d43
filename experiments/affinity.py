"""Which tasks help each other? Measures it, and proposes groups, without training them; `--help` says how."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # the clone: this file is started by its path

from mtl.config.signals import interrupt_ends_at_once

with interrupt_ends_at_once():
    from mtl.cli.affinity import main
    from mtl.cli.application import run_program

if __name__ == "__main__":
    run_program(main)
