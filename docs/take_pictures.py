"""Takes the pictures of the README from a finished run: python docs/take_pictures.py <run>, after make train.

``schedule.png`` is the chart of the first job shop that the run scheduled, ``dashboard.png`` what chromium shows of its
dashboard. ``pictures.json`` keeps what they show, and a test holds the table of the README against it.
"""

import csv
import hashlib
import json
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

IMAGES = Path(__file__).parent / "images"
PICTURES = ("schedule.png", "dashboard.png")
PATIENCE = 60  # seconds until TensorBoard answers
VIRTUAL = 15_000  # milliseconds of the page's own clock until its charts are drawn


def main(run: Path) -> None:
    """Take both pictures, and write down what they show."""
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    with (run / "execution" / "execution.csv").open(encoding="utf-8", newline="") as file:
        agent = next(row for row in csv.DictReader(file) if row["method"] == "agent")
    shutil.copyfile(run / "execution" / f"gantt-{agent['instance']}.png", IMAGES / "schedule.png")
    take_dashboard(run, IMAGES / "dashboard.png")
    shown = {
        "run": f"{result['choices']['model']}-{result['choices']['weighting']}, seed {result['seed']}",
        "instance": agent["instance"],
        "makespan": int(float(agent["makespan"])),
        "sha256": {name: hashlib.sha256((IMAGES / name).read_bytes()).hexdigest() for name in PICTURES},
    }
    (IMAGES / "pictures.json").write_text(json.dumps(shown, indent=2) + "\n", encoding="utf-8")


def take_dashboard(run: Path, picture: Path) -> None:
    """The page of charts of a run, as a browser draws it."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    # The page shows the directory as it is given
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", "tensorboard", "--port", str(port)]
    board = subprocess.Popen(command, cwd=run, stderr=subprocess.DEVNULL)
    try:
        page = f"http://localhost:{port}/"
        wait_for(page)
        size = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,880"]
        shot = [f"--virtual-time-budget={VIRTUAL}", f"--screenshot={picture}", f"{page}#custom_scalars"]
        subprocess.run(["chromium", *size, *shot], check=True, stderr=subprocess.DEVNULL)
    finally:
        board.terminate()
        board.wait()


def wait_for(page: str) -> None:
    """Return when a page answers."""
    for _ in range(PATIENCE):
        try:
            urlopen(f"{page}data/runs").close()
        except URLError:
            time.sleep(1)
        else:
            return
    raise SystemExit(f"{page} does not answer")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
