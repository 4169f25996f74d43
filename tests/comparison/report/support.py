"""Reports of runs that never were."""

from pathlib import Path

import numpy as np

from mtl.comparison.comparison import compare
from mtl.comparison.records import Problem, Record
from mtl.comparison.report.content import Report
from mtl.comparison.report.publish import publish
from mtl.comparison.verdict import verdict
from tests.comparison.support import make_record


def records(tmp_path: Path, seeds: int = 3, name: str = "") -> list[Record]:
    rng = np.random.default_rng(0)
    out = []
    for model, weighting in (("single_task", "equal"), ("hard", "gradnorm"), ("soft", f"w{name}"), ("gated", "equal")):
        for seed in range(seeds):
            path = tmp_path / f"{model}-{seed}"
            (path / "csv").mkdir(parents=True)
            lines = [f"{e},{e},{0.1 * e},0.2,{1 + 0.1 * e},{1 - 0.1 * e},0.3" for e in range(5)]
            head = f"epoch,step,val/a{name}/r2,val/b/mae,weight/a{name},weight/b,gradient/cosine/a{name}-b"
            (path / "csv" / "metrics.csv").write_text("\n".join([head, *lines]) if "," not in name else "")
            test = {f"a{name}": 0.5 + rng.normal(0, 0.05), "b": 2 + rng.normal(0, 0.1)}
            out.append(
                make_record(
                    model,
                    weighting,
                    seed,
                    primary={f"a{name}": "r2", "b": "mae"},
                    test=test,
                    path=path,
                    seconds=float(rng.uniform(1, 2)),
                    execution={"gap": test["b"] / 10, "spt_gap": 0.3, "spt_seconds": float(rng.uniform())},
                    config={"model": model, "weighting": weighting, "seed": seed},
                    environment={"python": "3", "platform": f"x{name}"},
                )
            )
    return out


def made(tmp_path: Path, name: str = "", seeds: int = 3) -> Path:
    found = compare(records(tmp_path / "runs", seeds, name))
    problems = (Problem(f"outputs/run{name}", f"failed: disk{name} full"),)
    publish(tmp_path / "report", Report(f"study{name}", f"python x.py {name}", found, verdict(found), problems))
    return tmp_path / "report"
