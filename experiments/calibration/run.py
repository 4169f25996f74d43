"""How often a report is wrong, where the truth is known.

python -m experiments.calibration.run [times] [workers]

Draws every world of CELLS so many times (2000), has the comparison itself screen, look and judge, and writes
result.csv and table.md beside this file. Cells that are in result.csv already, with as many draws, are kept.
"""

import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import pandas as pd

from experiments.calibration.worlds import LOOKS, Judged, World, repeat
from mtl.comparison.design import CONFIRM, FULL

HERE = Path(__file__).parent
BESIDE = 0.01 * (200 / 5) ** 0.5  # noise of 200 test rows that is as large as that of 5 seeds
GROUPED = 0.01 * (21 / 5) ** 0.5  # of 21 groups of rows likewise

CELLS: dict[str, tuple[World, str, tuple[int, ...]]] = {
    "no difference": (World(), CONFIRM, LOOKS),
    "no difference, seeds vary by 5 %": (World(seed_sd=0.05), CONFIRM, LOOKS),
    "single against single": (World(configurations=1), CONFIRM, LOOKS),
    "no difference, 3 configurations": (World(configurations=3), CONFIRM, LOOKS),
    "no difference, 27 configurations": (World(configurations=27), CONFIRM, LOOKS),
    "no difference, 2 tasks": (World(tasks=2), CONFIRM, LOOKS),
    "no difference, 6 tasks": (World(tasks=6), CONFIRM, LOOKS),
    "no difference, seeds correlated .5": (World(rho=0.5), CONFIRM, LOOKS),
    "no difference, skewed": (World(noise="skewed", seed_sd=0.05), CONFIRM, LOOKS),
    "no difference, t(3)": (World(noise="t3", seed_sd=0.05), CONFIRM, LOOKS),
    "no difference, rows vary": (World(row_sd=BESIDE), CONFIRM, LOOKS),
    "no difference, rows vary, 1 configuration": (World(row_sd=BESIDE, configurations=1), CONFIRM, LOOKS),
    "no difference, rows vary by 21 groups": (World(row_sd=GROUPED, groups=21), CONFIRM, LOOKS),
    "no difference, rows vary by 21 groups, 1 configuration": (
        World(row_sd=GROUPED, groups=21, configurations=1),
        CONFIRM,
        LOOKS,
    ),
    "+1 %": (World(gain=0.01), CONFIRM, LOOKS),
    "+1.1 %, just beyond the margin": (World(gain=0.011), CONFIRM, LOOKS),
    "+1.1 %, rows vary": (World(gain=0.011, row_sd=BESIDE), CONFIRM, LOOKS),
    "+2 %": (World(gain=0.02), CONFIRM, LOOKS),
    "+2 %, rows vary": (World(gain=0.02, row_sd=BESIDE), CONFIRM, LOOKS),
    "+2 %, rows vary by 21 groups": (World(gain=0.02, row_sd=GROUPED, groups=21), CONFIRM, LOOKS),
    "+2 %, seeds vary by 2 %": (World(gain=0.02, seed_sd=0.02), CONFIRM, LOOKS),
    "+3 %": (World(gain=0.03), CONFIRM, LOOKS),
    "-2 %": (World(gain=-0.02), CONFIRM, LOOKS),
    "no difference, one look at 5": (World(), CONFIRM, (5,)),
    "+2 %, one look at 5": (World(gain=0.02), CONFIRM, (5,)),
    "no difference, all measured, 5 seeds": (World(), FULL, (5,)),
    "no difference, all measured, rows vary": (World(row_sd=BESIDE), FULL, (5,)),
    "+2 %, all measured, 5 seeds": (World(gain=0.02), FULL, (5,)),
    "no difference, all seeds alike, 21 lognormal groups": (
        World(row_sd=GROUPED, groups=21, row_noise="lognormal", seed_sd=0.0001, configurations=1),
        CONFIRM,
        LOOKS,
    ),
    "no difference, all seeds alike, 1 % of the rows differ": (
        World(row_sd=BESIDE, row_noise="rare", seed_sd=0.0001, configurations=1),
        CONFIRM,
        LOOKS,
    ),
    "no difference, one task, seeds vary by 50 %": (World(seed_sd=0.5, tasks=1, configurations=1), CONFIRM, LOOKS),
    "no difference in the population": (World(resplit=True), CONFIRM, LOOKS),
    "+2 % in the population": (World(resplit=True, gain=0.02), CONFIRM, LOOKS),
}


def line(name: str, judged: list[Judged]) -> dict[str, object]:
    """Rates over the draws of one cell."""
    found = pd.DataFrame([vars(one) for one in judged])
    return {
        "world": name,
        "draws": len(found),
        "false_claim": found.false_claim.mean(),
        "coverage": found.covered.mean(),
        "helps": found.helps.mean(),
        "same": found.same.mean(),
        "bias": found.bias.mean(),
        "runs": found.runs.mean(),
    }


def chunk(name: str, first: int, times: int) -> list[Judged]:
    """Some draws of one cell."""
    world, kind, looks = CELLS[name]
    return repeat(world, kind, looks, range(first, first + times))


def markdown(table: pd.DataFrame) -> str:
    """The table of docs/verdict.md."""
    lines = [
        "| world | any false claim | interval holds the truth | pays | makes no difference | bias | runs |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in table.itertuples():
        lines.append(
            f"| {one.world} | {one.false_claim:.3f} | {one.coverage:.3f} | {one.helps:.2f} | {one.same:.2f} | "
            f"{one.bias * 100:+.2f} % | {one.runs:.0f} |"
        )
    return "\n".join(lines) + "\n"


def main(times: int, workers: int) -> None:
    """Do what is missing."""
    file = HERE / "result.csv"
    known = pd.read_csv(file) if file.is_file() else pd.DataFrame(columns=["world", "draws"])
    done = {one["world"]: one for one in known.to_dict("records") if one["world"] in CELLS and one["draws"] >= times}
    part = 100
    with ProcessPoolExecutor(workers) as pool:
        for name in CELLS:
            if name not in done:
                jobs = [pool.submit(chunk, name, first, min(part, times - first)) for first in range(0, times, part)]
                done[name] = line(name, [one for job in as_completed(jobs) for one in job.result()])
                print(done[name], flush=True)
            table = pd.DataFrame([done[one] for one in CELLS if one in done])
            table.to_csv(file, index=False, float_format="%.5f")
            (HERE / "table.md").write_text(markdown(table), encoding="utf-8")


if __name__ == "__main__":
    main(*(int(text) for text in (sys.argv[1:] + ["2000", "2"][len(sys.argv) - 1 :])))
