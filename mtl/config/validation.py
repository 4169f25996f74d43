"""Options of the config's top level: what their values may be."""

from collections.abc import Mapping
from math import inf
from typing import Any

from mtl.errors import InputError, unknown

MEASURES = ("lookahead", "cosine", "pairwise")  # of grouping=auto
AUTO = "auto"  # the value of grouping that asks for measured groups

# Whole numbers, and the least they may be
WHOLE = {"seed": 0, "epochs": 1, "batch_size": 1, "accumulate": 1, "log_every": 1}
LARGEST_SEED = 2**32 - 1


def check_options(config: Mapping[str, Any]) -> None:
    """Raise InputError for the first option of the config's top level whose value is out of its range."""
    for name, least in WHOLE.items():
        check_whole(name, config[name], least)
    if config["seed"] > LARGEST_SEED:
        raise InputError(f"seed={config['seed']}: expected a whole number, {LARGEST_SEED} or less")
    check_threads(config["threads"])
    clip = config["gradient_clip"]
    if clip is not None and (type(clip) not in (int, float) or not 0 < clip < inf):
        raise InputError(f"gradient_clip={clip}: expected a number above 0, or null for no limit")
    if clip is not None and config["hardware"].get("precision") == "16-mixed" and config["optimizer"].get("fused"):
        raise InputError(
            "hardware.precision=16-mixed scales gradients, which optimizer.fused=true does not let be clipped: set "
            "optimizer.fused=false, or use bf16-mixed"
        )
    rate = config["optimizer"].get("lr", 1.0)
    if type(rate) in (int, float) and not 0 < rate < inf:
        raise InputError(f"optimizer.lr={rate}: expected a number above 0, such as 0.001")
    if not isinstance(config["output"], str) or not config["output"]:
        raise InputError(f"output={config['output']}: expected a directory for the runs, such as outputs")
    for name in ("compile", "progress"):
        check_switch(name, config[name])
    check_names("tasks", config["tasks"], "null for all")
    check_relations(config["relations"])
    check_grouping(config.get("grouping"), config.get("affinity", {}))


def check_relations(relations: Mapping[str, Any]) -> None:
    """Raise InputError if relations between tasks are not written as such; whether the tasks exist is not asked."""
    check_switch("relations.detach", relations["detach"])
    depends_on = relations["depends_on"]
    if depends_on is not None and not isinstance(depends_on, Mapping):
        raise InputError(f"relations.depends_on={depends_on}: expected tasks and lists of tasks, such as {{b: [a]}}")
    for name, upstream in (depends_on or {}).items():
        check_names(f"relations.depends_on.{name}", upstream, "leave it out")


def check_grouping(grouping: Any, settings: Mapping[str, Any]) -> None:
    """Raise InputError if ``grouping`` or the settings of its measuring are not of the right kind."""
    if isinstance(grouping, list) and grouping and all(isinstance(group, list) and group for group in grouping):
        for group in grouping:
            check_names("each of grouping", group, "leave it out")
    elif grouping not in (None, AUTO):
        raise InputError(f"grouping={grouping}: expected auto, groups of tasks such as [[a,b],[c]], or null")
    for name, value in settings.items():
        if name != "measure":
            check_whole(f"affinity.{name}", value, 1)
    if settings and settings["measure"] not in MEASURES:
        raise unknown("measure in affinity.measure", str(settings["measure"]), MEASURES)


def check_threads(threads: Any) -> None:
    """Raise InputError if ``threads`` is no number of threads; None is as good as any."""
    if threads is not None:
        check_whole("threads", threads, 1)


def check_whole(name: str, value: Any, least: int) -> None:
    """Raise InputError if ``value`` is not a whole number that is large enough."""
    if type(value) is not int or value < least:
        raise InputError(f"{name}={value}: expected a whole number, {least} or more")


def check_switch(name: str, value: Any) -> None:
    """Raise InputError if ``value`` is neither true nor false."""
    if type(value) is not bool:
        raise InputError(f"{name}={value}: expected true or false")


def check_names(name: str, value: Any, otherwise: str) -> None:
    """Raise InputError if ``value`` is neither None nor a list of different names; ``otherwise`` says what to write
    for no name at all.
    """
    if value is None:
        return
    if not isinstance(value, list):
        raise InputError(f"{name}={value}: expected a list of tasks, such as [{value}]")
    if not value:
        raise InputError(f"{name}=[]: expected at least one task, or {otherwise}")
    for each in value:
        if value.count(each) > 1:
            raise InputError(f"{name}: task '{each}' is named twice")
