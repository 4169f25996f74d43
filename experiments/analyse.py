"""What limits the outcome of a finished run: `python experiments/analyse.py run=RUN`; see `--help`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # the clone: this file is started by its path

from mtl.cli.analyse import main
from mtl.cli.application import run_program

if __name__ == "__main__":
    run_program(main)
