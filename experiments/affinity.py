"""Which tasks help each other? Trains them together once, measures it on the way, and proposes groups; `--help` says
how.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # the clone: this file is started by its path

from mtl.cli import mistakes, quiet
from mtl.errors import InputError

HELP = """\
python experiments/affinity.py [budget=2] [every=10] [override]...

Trains one shared trunk (model=hard weighting=equal unless overridden) and measures every few steps the cosines of the
tasks' gradients, and by how much a step for one task lowers the loss of the others (TAG, Fifty et al., NeurIPS 2021).
Writes affinity.json and affinity.png into the run's directory and proposes at most `budget` groups of tasks.
"""


def main(arguments: list[str]) -> None:
    """Run the command line."""
    if {"-h", "--help"} & set(arguments):
        print(HELP)
        return
    settings = {"budget": 2, "every": 10}
    overrides = []
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name not in settings:
            overrides.append(argument)
        elif not value.isdigit() or int(value) < 1:
            raise InputError(f"{argument}: expected a whole number, 1 or more")
        else:
            settings[name] = int(value)
    measure(overrides, settings["budget"], settings["every"])


def measure(overrides: list[str], budget: int, every: int) -> list[list[str]]:
    """Train, measure, write, propose; the groups by name."""
    # Imported here: help and mistakes in settings are answered without waiting for torch
    from mtl.analysis.affinity import best_groups, mean_observed
    from mtl.analysis.sharing import affinity_figure
    from mtl.assembly import configure
    from mtl.callbacks import Affinity
    from mtl.training import train

    observer = Affinity(every)
    result = train(configure("model=hard", "weighting=equal", *overrides), callbacks=(observer,))
    names = list(result["tasks"])
    cosine, lookahead = mean_observed(observer.cosines), mean_observed(observer.lookaheads)
    groups = [[names[i] for i in group] for group in best_groups(lookahead, budget)]
    directory = Path(result["directory"])
    found = {
        "tasks": names,
        "cosine": cosine.tolist(),
        "lookahead": lookahead.tolist(),
        "batches": len(observer.cosines),
        "budget": budget,
        "groups": groups,
    }
    (directory / "affinity.json").write_text(json.dumps(found, indent=2), encoding="utf-8")
    figure = affinity_figure(lookahead, names, "a step for one task lowers the loss of another by this share")
    figure.savefig(directory / "affinity.png", dpi=120)
    shown = ",".join("[" + ",".join(group) + "]" for group in groups)
    print(f"affinity:      {directory / 'affinity.png'}")
    print(f"train groups:  python train.py {' '.join(overrides)} 'relations.groups=[{shown}]'")
    return groups


if __name__ == "__main__":
    quiet()
    with mistakes():
        main(sys.argv[1:])
