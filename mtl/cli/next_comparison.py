"""What to type to learn whether a run's tasks should be learned together."""

from collections.abc import Mapping, Sequence

from mtl.assembly import trees_of
from mtl.cli.override_text import typed_options
from mtl.config.literals import for_shell, override_argument
from mtl.config.overrides import parse_override
from mtl.config.run_result import RunResult
from mtl.config.study import APART, MERGED, TREES

# Of one run, or decided by a comparison itself
OF_ONE_RUN = ("seed", "progress", "resume", "hydra")
MERGE, DEFAULT_MERGE = "merge", "task_arithmetic"  # the group, and what conf/model/merged.yaml chooses
OF_TASKS = ("tasks", "auxiliary")  # keys that say which tasks are learned, and which count
COLUMNS = {"model": "models", "weighting": "weightings"}


def comparison_arguments(result: RunResult, overrides: Sequence[str] = ()) -> list[str] | None:
    """What to give ``compare`` to compare a run's configuration with single-task learning.

    What was typed for the run is typed again. A model or a weighting of it, with its keys, becomes the one that is
    compared; where none was typed, those that every comparison begins with are.

    Args:
        result: of the run.
        overrides: that were typed for it; of a run that was gone on with by ``resume``, they are read from its config
            as far as they are about the data.

    Returns:
        Arguments, quoted for the shell; None for a run of one task, which there is nothing to learn together with.
    """
    if len(result.tasks) < 2:
        return None
    key_of = {text: place_of(text) for text in overrides}
    if "resume" in key_of.values():
        overrides = ()
    left_out = (*OF_ONE_RUN, *COLUMNS, *([MERGE] if result.merging is not None else []))
    said = [for_shell(text) for text in overrides if key_of[text].partition(".")[0] not in left_out]
    if overrides and not {"task", "experiment"} & set(key_of.values()):
        said.insert(0, f"task={result.choices.task}")
    if not overrides:
        said = [f"task={result.choices.task}", *typed_options("task", result.choices.task, result.config.task)]
        said += [override_argument(key, names) for key in OF_TASKS if (names := getattr(result.config, key))]
    # A comparison leaves out improving, from which the decoder that was typed may have its dispatchers
    improve = result.choices.improve
    if improve != "none" and "improve" not in key_of.values() and any(map(names_decoder, key_of.values())):
        said.append(f"improve={improve}")
    for group, setting in COLUMNS.items():
        chosen = getattr(result.choices, group)
        own = keys_below(group, key_of)
        if chosen not in APART and trees_of(result.config) is None and (own or group in key_of.values()):
            said.append(override_argument(setting, [" ".join([chosen, *own])]))
    for baseline, found in ((TREES, trees_of(result.config)), (MERGED, result.merging)):
        if found is not None:
            said.append(override_argument("baselines", [baseline]))
    if result.merging is not None and ({MERGE, "model"} & set(key_of.values()) or keys_below("model", key_of)):
        way = next((parse_override(text).value() for text in overrides if key_of[text] == MERGE), DEFAULT_MERGE)
        said.append(override_argument("merges", [" ".join([str(way), *keys_below("model", key_of)])]))
    return said


def keys_below(group: str, key_of: Mapping[str, str]) -> list[str]:
    """The overrides of a group's keys, without spaces, which end an entry of a comparison."""
    return ["".join(text.split()) for text, key in key_of.items() if key.startswith(f"{group}.")]


def place_of(override: str) -> str:
    """The key at which an override sets something.

    Of an option that is chosen for a part of another one, as ``weighting@weighting.inner=mgda``, that of the part.
    """
    found = parse_override(override)
    package: str = found.package or ""
    return package if "." in package else found.key_or_group


def names_decoder(key: str) -> bool:
    """Whether an override of this key chooses how schedules are built."""
    return key == "decoder" or key.startswith("execution.decoder")
