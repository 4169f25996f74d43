"""Which tasks help each other? Measures it, and proposes groups, without training them; `--help` says how."""

import shlex
from pathlib import Path

from mtl.cli.application import print_page
from mtl.config.commands import typed
from mtl.config.process import program_imports

HELP = """\
python experiments/affinity.py [override]...

What `python train.py grouping=auto` does before it trains, and no more: measures which tasks help each other, and
proposes groups. How is set by the keys of `affinity` in conf/config.yaml:

    affinity.measure    features, lookahead, cosine (in one training of all tasks) or pairwise (trains every pair)
    affinity.networks   most groups; null: as many as there are tasks
    affinity.epochs     of each of these trainings
    affinity.every      optimizer steps between two looks at the gradients

Measured is one shared trunk (model=hard weighting=equal unless overridden). Writes affinity.json and affinity.png to
<output>/affinity/<suite>/<id>, and prints the command that trains the groups.
"""


def main(arguments: list[str]) -> int:
    """Run the command line."""
    if {"-h", "--help"} & set(arguments):
        print_page(HELP)
        return 0
    from mtl.config.compose import configure

    overrides = ["model=hard", "weighting=equal", *arguments]
    config = configure(*overrides, "grouping=auto")
    # Imported here: help and mistakes are answered without waiting for torch
    with program_imports():
        from rich.console import Console

        from mtl.assembly import build
        from mtl.cli.run_summary import affinity_table
        from mtl.inspection.show_affinity import show_affinity
        from mtl.module.lightning import silent_lightning
        from mtl.runs.files import write_json
        from mtl.runs.identity import run_id
        from mtl.training.grouping import check, measured

    assembly = build(config)
    check(assembly)
    assembly.data.setup("fit")
    with silent_lightning():
        found = measured(assembly)
    directory = Path(config.output, "affinity", config.choices.task, run_id(config))
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "affinity.json", found.plain())
    show_affinity(found, directory, ())
    console = Console()
    console.print(affinity_table(found))
    groups = ",".join("[" + ",".join(group) + "]" for group in found.groups)
    command = f"{typed('train')} {shlex.join([*overrides, f'grouping=[{groups}]'])}"
    for what, text in (("picture", directory / "affinity.png"), ("train the groups", command)):
        console.print(f"{what}: {text}", soft_wrap=True, highlight=False, markup=False)
    return 0
