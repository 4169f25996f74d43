"""A campaign: many cases of what can go wrong, each with a seed; `python -m tests.campaign --help`."""

import argparse
import contextlib
import os
import shutil
import sys
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: threads do not survive a fork
os.environ["MPLBACKEND"] = "Agg"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TORCH_CPP_LOG_LEVEL"] = "ERROR"  # as in every program of the project, before torch is imported

from rich.console import Console

from mtl.config.process import set_process_defaults
from tests.campaign import record
from tests.campaign.checks import Failed
from tests.campaign.plan import KINDS, PlannedCase, plan
from tests.campaign.templates import Templates
from tests.campaign.warm import import_everything

EVERY = 25  # cases between two lines that say how far it has come


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=2000, help="of all kinds that are drawn (default: 2000)")
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=[*KINDS], metavar="KIND", help=", ".join(KINDS))
    parser.add_argument(
        "--case", nargs="*", default=[], help="run these alone, such as 0/kills/3; their files are kept"
    )
    parser.add_argument("--output", type=Path, default=Path("outputs/campaign"), help="what is there is gone on with")
    return parser.parse_args()


def try_case(case: PlannedCase, output: Path, templates: Templates, *, keep: bool) -> record.Outcome:
    """Run one case in a new directory, which is kept if it fails."""
    place = output / "cases" / case.name.replace("/", "-")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    began, failed, ending = time.monotonic(), "", None
    try:
        ending = case.run(place, templates)
    except Failed as error:
        failed = str(error)
    except Exception as error:
        failed = f"{type(error).__name__}: {error}"
    if not failed and not keep:
        shutil.rmtree(place, ignore_errors=True)
    return record.Outcome(case.name, case.kind, failed, round(time.monotonic() - began, 2), round(ending or 0.0, 2))


def main() -> int:
    """Run the cases that have not been run; 1 if one failed."""
    asked = arguments()
    output, console = asked.output.resolve(), Console()
    output.mkdir(parents=True, exist_ok=True)
    set_process_defaults()
    import_everything()
    templates = Templates(output / "templates")
    if asked.case:
        outcomes = [try_case(PlannedCase.parse(name), output, templates, keep=True) for name in asked.case]
        for one in outcomes:
            console.print(one.case, f"failed: {one.failed}" if one.failed else "held", f"{one.seconds} s", markup=False)
        return int(any(one.failed for one in outcomes))
    log = output / "cases.jsonl"
    cases = list(plan(asked.seed, asked.cases, asked.kinds))
    known = {one.case: one for one in record.read(log)}
    with contextlib.suppress(KeyboardInterrupt):  # the same command goes on
        for number, case in enumerate(cases, 1):
            if case.name not in known:
                known[case.name] = try_case(case, output, templates, keep=False)
                record.append(log, known[case.name])
                if known[case.name].failed:
                    console.print(f"failed {case.name}: {known[case.name].failed[:300]}", markup=False)
            if number % EVERY == 0:
                console.print(f"{number} of {len(cases)} cases")
    outcomes = [known[case.name] for case in cases if case.name in known]
    record.write_summary(output / "campaign.json", outcomes)
    console.print(record.table(outcomes))
    return int(any(one.failed for one in outcomes))


if __name__ == "__main__":
    sys.exit(main())
