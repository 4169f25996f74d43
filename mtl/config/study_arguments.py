"""From the command line of a comparison to what it asks. Imports no torch."""

from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import OmegaConf

from mtl.config.compose import compose_config
from mtl.config.fields import format_value
from mtl.config.folders import main_file, option_file
from mtl.config.overrides import parse_override, separate_settings, to_plain
from mtl.config.study import FRONT, MATCHED, MERGED, SETTINGS, Study, check_compare_keys
from mtl.errors import InputError, without_effect

SEVERAL = {"model": "models", "weighting": "weightings", "seed": "seeds"}  # settings of whole columns of runs


def read_study(arguments: Sequence[str]) -> Study:
    """Read a command line: conf/compare.yaml, then ``compare`` of a read_study file, then the arguments.

    Args:
        arguments: settings, and overrides of the runs.

    Returns:
        What is asked.

    Raises:
        InputError: a setting or an override is wrong.
    """
    typed, of_runs = separate_settings(arguments, SETTINGS)
    cfg, choices = compose_config(of_runs)
    keys = [parse_override(text).key_or_group for text in of_runs]
    for key, setting in SEVERAL.items():
        if key in keys:
            raise InputError(f"{of_runs[keys.index(key)]}: a comparison has several: expected {setting}=[...]")
    if "resume" in keys:
        raise InputError("resume is for single runs: the same command goes on with a comparison")
    if "steps" in keys:
        if "budget" in typed:
            raise InputError("steps and budget are the same: expected one of them")
        typed["budget"] = None  # what is typed counts, not what a study or suite would have
    if "looks" in typed:
        if typed.get("seeds") is not None:
            raise InputError("looks and seeds both say when the result is looked at: expected one of them")
        typed["seeds"] = None
    of_config: dict[str, Any] = to_plain(cfg.get("compare", {}))
    check_compare_keys(of_config)
    experiment = str(choices.get("experiment") or "")
    given = {**of_config, **typed}
    study = Study.read(
        {
            "overrides": of_runs,
            "subject": experiment or str(choices["task"]),
            "question": question_of(experiment),
            **to_plain(OmegaConf.load(main_file("compare"))),
            **given,
        }
    )
    if "first_seed" in given and isinstance(study.seeds, list):
        raise InputError(
            f"first_seed={study.first_seed}: seeds={format_value(study.seeds)} lists the seeds: expected one of them"
        )
    check_effect(study, typed)
    return study


def check_effect(study: Study, typed: Mapping[str, Any]) -> None:
    """Raise InputError for a setting that was typed and changes nothing beside the others.

    Args:
        study: what is asked.
        typed: settings, by name.
    """
    confirms = study.design == "confirm"
    fronts = any(entry.split()[:1] == [FRONT] for entry in study.weightings)
    for setting, has_effect, wanted in (
        ("grid", study.tune, "tune=true"),
        ("screen", confirms, "design=confirm"),
        ("halving", confirms, "design=confirm"),
        ("front", fronts, f"weightings=[{FRONT}]"),
        ("merges", MERGED in study.baselines, f"baselines=[{MERGED}]"),
        ("match", bool(set(MATCHED) & set(study.baselines)), f"baselines=[{','.join(MATCHED)}]"),
    ):
        if setting in typed and typed[setting] is not None and not has_effect:
            raise without_effect(setting, format_value(typed[setting]), wanted)


def question_of(experiment: str) -> str:
    """The first comment of a study file."""
    file = option_file("experiment", experiment)
    lines = file.read_text(encoding="utf-8").splitlines() if file else []
    comments = [line.removeprefix("#").strip() for line in lines if line.startswith("#") and "@package" not in line]
    return comments[0] if comments else ""
