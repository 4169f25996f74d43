"""Whole comparisons on data of which the truth is known: how often is the verdict right?

python -m experiments.planted.run [data sets] [processes]

Trains, looks and judges by `experiments/compare.py` itself, on 16 data sets of each world, and writes result.csv beside
this file. A data set that is in it already is not done again.
"""

import io
import json
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from rich.console import Console

FILE = Path(__file__).with_name("result.csv")


@dataclass(frozen=True)
class Planted:
    """A world.

    Attributes:
        overrides: of its runs.
        models: what is compared with single-task networks.
        right: the verdicts that are right.
        wrong: those that are false claims; what is in neither says that the evidence does not reach.
    """

    overrides: tuple[str, ...]
    models: str
    right: tuple[str, ...]
    wrong: tuple[str, ...]


SMALL = ("task=synthetic", "task.rows=2000", "task.features=16", "batch_size=256")
ALONE = "[[task0],[task1],[task2],[task3]]"
PAYS, LOSES, SAME = "pays", "does not pay", "makes no difference"
WORLDS: Mapping[str, Planted] = {
    # All tasks look at one direction and have few labels, each on other rows: a shared trunk sees them all
    "related": Planted(
        (
            *SMALL,
            "task.num_tasks=4",
            "task.relatedness=1",
            "task.missing=0.9",
            "encoder.widths=[64]",
            "optimizer.lr=0.003",
        ),
        "[hard,gated]",
        (PAYS,),
        (LOSES, SAME),
    ),
    # Six tasks that have nothing in common, in a trunk of four features
    "unrelated": Planted(
        (*SMALL, "task.num_tasks=6", "task.relatedness=0", "encoder.widths=[4]", "optimizer.lr=0.01"),
        "[hard]",
        (LOSES,),
        (PAYS, SAME),
    ),
    # Single-task networks under another name
    "single against single": Planted(
        (*SMALL, "task.num_tasks=4", "task.relatedness=0.5", "encoder.widths=[32]", "optimizer.lr=0.003"),
        f"['hard grouping={ALONE}']",
        (SAME,),
        (PAYS, LOSES),
    ),
    # Half of the rows pull every second task the opposite way, in a narrow trunk
    "conflicting": Planted(
        (
            *SMALL,
            "task.num_tasks=4",
            "task.relatedness=1",
            "task.conflict=0.5",
            "encoder.widths=[4]",
            "optimizer.lr=0.01",
        ),
        "[hard]",
        (LOSES, SAME),
        (PAYS,),
    ),
}


def compare(name: str, seed: int) -> dict[str, object]:
    """One comparison on one data set."""
    from mtl.cli.compare import run
    from mtl.config.process import set_process_defaults
    from mtl.config.study_arguments import read_study

    set_process_defaults()
    world, started = WORLDS[name], time.perf_counter()
    with TemporaryDirectory() as output:
        settings = (f"models={world.models}", "weightings=[equal]", "baselines=[]", "workers=0", "threads=1")
        study = read_study([*world.overrides, *settings, f"task.seed={seed}", f"output={output}"])
        run(study, "", Console(file=io.StringIO()))
        (file,) = Path(output).glob("comparisons/*/summary.json")
        found = json.loads(file.read_text(encoding="utf-8"))
        runs = len(list(Path(output).rglob("result.json")))
    verdict = found["verdict"]["outcome"]
    (test,) = [one["test"] for one in found["configurations"] if one["label"] == found["verdict"]["best"]]
    low, high = test["delta_m"]["interval"]
    return {
        "world": name,
        "data_set": seed,
        "verdict": verdict,
        "answer": "right" if verdict in world.right else "wrong" if verdict in world.wrong else "open",
        "best": found["verdict"]["best"],
        "delta_m": test["delta_m"]["mean"],
        "low": low,
        "high": high,
        "seeds": len(test["seeds"]),
        "runs": runs,
        "seconds": time.perf_counter() - started,
    }


def main(data_sets: int, processes: int) -> None:
    """Do what is missing."""
    table = pd.read_csv(FILE) if FILE.is_file() else pd.DataFrame(columns=["world", "data_set"])
    done = set(zip(table.world, table.data_set, strict=True))
    left = [(name, seed) for seed in range(data_sets) for name in WORLDS if (name, seed) not in done]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for job in as_completed([pool.submit(compare, *one) for one in left]):
            table = pd.concat([table, pd.DataFrame([job.result()])]).sort_values(["world", "data_set"])
            table.to_csv(FILE, index=False, float_format="%.5f")
            print(job.result(), flush=True)
    print(table.groupby("world").answer.value_counts().unstack(fill_value=0))


if __name__ == "__main__":
    main(*(int(text) for text in (sys.argv[1:] + ["16", "2"][len(sys.argv) - 1 :])))
