"""What a comparison is asked to do: its settings, and the overrides that all its runs share."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from omegaconf import OmegaConf

from mtl.config.overrides import CONF, composed, parsed
from mtl.errors import InputError, unknown

BASELINE = "single_task"
SEVERAL = {"model": "models", "weighting": "weightings", "seed": "seeds"}  # settings of whole columns of runs
MATCHED = ("same_parameters", "same_seconds")


@dataclass(frozen=True)
class Study:
    """Settings of a comparison; conf/compare.yaml explains each.

    Attributes:
        overrides: of every run.
        question: the first line of the study file; empty without one.
    """

    overrides: tuple[str, ...]
    name: str
    models: tuple[str, ...]
    weightings: tuple[str, ...]
    seeds: tuple[int, ...]
    budget: int | None
    baselines: tuple[str, ...]
    match: str
    tune: bool
    grid: dict[str, list[Any]]
    alpha: float
    margin: float
    workers: int | None
    dry_run: bool
    fail_fast: bool
    keep: str | None
    question: str


SETTINGS = tuple(field.name for field in fields(Study) if field.name not in ("overrides", "question"))


def study(arguments: Sequence[str]) -> Study:
    """From the command line: conf/compare.yaml, then ``compare`` of a study file, then the arguments.

    InputError if a setting or an override is wrong.
    """
    mine: dict[str, Any] = {}
    overrides = []
    for text in arguments:
        override = parsed(text)
        if override.key_or_group in SETTINGS:
            mine[override.key_or_group] = plain(override.value())
        else:
            overrides.append(text)
    cfg, choices = composed(overrides)
    keys = [parsed(text).key_or_group for text in overrides]
    for key, setting in SEVERAL.items():
        if key in keys:
            raise InputError(f"{overrides[keys.index(key)]}: a comparison has several: expected {setting}=[...]")
    if "epochs" in keys:
        if "budget" in mine:
            raise InputError("epochs and budget are the same: expected one of them")
        mine["budget"] = None  # what is typed counts, not what a study or suite would have
    theirs: dict[str, Any] = plain(cfg.get("compare", {}))
    for key in theirs:
        if key not in SETTINGS:
            raise unknown("key in compare", key, SETTINGS)
    defaults: dict[str, Any] = plain(OmegaConf.load(CONF / "compare.yaml"))
    name = str(choices.get("experiment") or choices["task"])
    made = checked({**defaults, **theirs, **mine}, tuple(overrides), default_name=name)
    return replace(made, question=question_of(str(choices.get("experiment") or "")))


def question_of(name: str) -> str:
    """The first comment of a study file."""
    file = CONF / "experiment" / f"{name}.yaml"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    comments = [line.removeprefix("#").strip() for line in lines if line.startswith("#") and "@package" not in line]
    return comments[0] if comments else ""


def plain(value: Any) -> Any:
    """A value of a config or an override as plain lists, dicts and texts."""
    return OmegaConf.to_container(OmegaConf.create({"value": value}), resolve=True)["value"]  # type: ignore[call-overload, index]


def check_name(name: str) -> None:
    """InputError if a comparison cannot be called so: its report is a directory of this name."""
    if not re.fullmatch(r"\w[\w .=,+-]*", name):
        raise InputError(f"name={name}: expected the name of a directory: letters, digits, spaces and any of _.=,+-")


def is_entry(value: Any) -> bool:
    """Whether this can be an entry of models or weightings."""
    return isinstance(value, str) and bool(value.strip())


def checked(settings: dict[str, Any], overrides: tuple[str, ...], default_name: str) -> Study:
    """Settings of the right kinds. InputError names the first that is not."""

    def fail(key: str, expected: str) -> InputError:
        return InputError(f"{key}={settings[key]}: expected {expected}")

    seeds = settings["seeds"]
    if isinstance(seeds, int) and not isinstance(seeds, bool) and seeds > 0:
        seeds = list(range(seeds))
    if not isinstance(seeds, list) or not seeds or not all(isinstance(seed, int) and seed >= 0 for seed in seeds):
        raise fail("seeds", "a number of seeds, or a list of seeds")
    if len(set(seeds)) < len(seeds):
        raise fail("seeds", "each seed once")
    for key in ("models", "weightings"):
        if not isinstance(settings[key], list) or not settings[key] or not all(map(is_entry, settings[key])):
            raise fail(key, "a list of at least one name, e.g. [hard,gated]")
        if len(set(map(str, settings[key]))) < len(settings[key]):
            raise fail(key, "each name once")
    if BASELINE in settings["models"]:
        raise fail("models", f"models to compare with {BASELINE}, which is always there")
    if not isinstance(settings["baselines"], list):
        raise fail("baselines", f"a list of some of {', '.join(MATCHED)}, or []")
    for name in settings["baselines"]:
        if name not in MATCHED:
            raise unknown("baseline", str(name), MATCHED)
    for key, low, high in (("alpha", 0, 0.5), ("margin", 0, 1)):
        if not isinstance(settings[key], int | float) or not low < settings[key] < high:
            raise fail(key, f"a number between {low} and {high}")
    for key in ("budget", "workers"):
        if settings[key] is not None and (type(settings[key]) is not int or settings[key] < (key == "budget")):
            raise fail(key, f"a whole number, {int(key == 'budget')} or more, or null")
    for key in ("tune", "dry_run", "fail_fast"):
        if type(settings[key]) is not bool:
            raise fail(key, "true or false")
    if settings["keep"] is not None and not str(settings["keep"]).strip():
        raise fail("keep", "a folder, or null")
    if settings["name"] is not None:
        check_name(str(settings["name"]))
    if not isinstance(settings["grid"], dict) or not all(
        isinstance(values, list) and values for values in settings["grid"].values()
    ):
        raise fail("grid", "lists of values by key, e.g. {optimizer.lr:[0.001,0.003]}")
    if settings["tune"] and not settings["grid"]:
        raise fail("grid", "a key to tune, since tune=true")
    models = tuple(str(model) for model in settings["models"])
    if settings["match"] is not None and settings["match"] not in models:
        raise unknown("model in match", str(settings["match"]), models)
    return Study(
        overrides=overrides,
        name=str(settings["name"] or default_name),
        models=models,
        weightings=tuple(str(weighting) for weighting in settings["weightings"]),
        seeds=tuple(seeds),
        budget=settings["budget"],
        baselines=tuple(settings["baselines"]),
        match=str(settings["match"] or models[0]),
        tune=bool(settings["tune"]),
        grid=settings["grid"],
        alpha=float(settings["alpha"]),
        margin=float(settings["margin"]),
        workers=settings["workers"],
        dry_run=bool(settings["dry_run"]),
        fail_fast=bool(settings["fail_fast"]),
        keep=None if settings["keep"] is None else str(settings["keep"]),
        question="",
    )
