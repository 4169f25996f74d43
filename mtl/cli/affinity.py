"""Which tasks help each other? Measures it, and proposes groups, without training them; `--help` says how."""

from pathlib import Path

from mtl.cli.streams import print_page
from mtl.config.commands import typed
from mtl.config.fields import format_value
from mtl.config.literals import for_shell
from mtl.config.process import program_imports
from mtl.config.run_config import AUTO
from mtl.errors import InputError

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
    from mtl.config.overrides import parse_override

    for given in arguments:
        said = parse_override(given)
        if said.key_or_group == "resume":
            raise InputError(f"{given}: nothing is trained here that could be gone on with")
        if said.key_or_group == "grouping" and said.value() != AUTO:
            raise InputError(f"{given}: the groups are what is measured here: expected it without grouping")
    others = [text for text in arguments if parse_override(text).key_or_group != "grouping"]
    overrides = ["model=hard", "weighting=equal", *others]
    config = configure(*overrides, "grouping=auto")
    # Imported here: help and mistakes are answered without waiting for torch
    with program_imports():
        from mtl.assembly import build, build_with_data, merged_of
        from mtl.cli.run_summary import affinity_table
        from mtl.config.console import Terminal
        from mtl.inspection.show_affinity import show_affinity
        from mtl.module.lightning import silent_lightning
        from mtl.runs.files import check_place, write_json
        from mtl.runs.identity import run_id
        from mtl.training.grouping import check, measured

    if merged_of(config) is not None:
        raise InputError(f"model={config.choices.model} makes one trunk of all tasks: expected another one")
    directory = Path(config.output, "affinity", config.choices.task, run_id(config))
    check_place(directory)
    assembly = build(config)
    check(assembly)
    assembly.data.setup("fit")
    with silent_lightning():
        found = measured(assembly)
    console = Terminal()
    console.print(affinity_table(found))  # first: a disk may be full by now
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "affinity.json", found.plain())
    show_affinity(found, directory, ())
    further = [f"grouping={format_value(found.groups)}"]
    if build_with_data(assembly.data, config, found.groups).notes:  # nothing is shared that the weighting could compare
        further.append("weighting=equal")
    command = f"{typed('train')} {' '.join(map(for_shell, [*overrides, *further]))}"
    for what, text in (("picture", directory / "affinity.png"), ("train the groups", command)):
        console.print(f"{what}: {text}", soft_wrap=True, highlight=False, markup=False)
    return 0
