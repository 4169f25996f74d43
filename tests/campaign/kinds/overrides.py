"""What is typed: keys, values and options that are misspelt, of the wrong kind, too large, or no override at all."""

import json
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

from mtl.config.compose import compose_config
from mtl.config.folders import CONF, option_names
from mtl.config.override_errors import config_keys
from tests.campaign.checks import check_nothing_written, check_said, check_whole, files_of
from tests.campaign.child import start
from tests.campaign.commands import compare_py, execute_py, train_py
from tests.campaign.mutations import mutate_bytes, value
from tests.campaign.templates import STUDY, SYNTHETIC, Templates

LIMIT = 300
MODELS = ("hard", "gated", "single_task", "soft", "cross_stitch")
GROUPS = ("model", "weighting", "encoder", "optimizer", "scheduler", "hardware", "execution", "task", "experiment")
# Their larger values are no mistakes, and would only take long
AMOUNTS = ("epochs", "steps", "task.rows", "affinity.epochs", "patience", "compare", "hydra", "output")


@cache
def keys_of(model: str) -> tuple[str, ...]:
    """The keys of a run's config with this model."""
    cfg, _ = compose_config([*SYNTHETIC, f"model={model}"])
    return tuple(key for key in config_keys(cfg) if key.split(".")[0] not in AMOUNTS and key not in AMOUNTS)


@cache
def execute_keys() -> tuple[str, ...]:
    """The keys of the config of ``execute.py``."""
    cfg, _ = compose_config([], "execute")
    return tuple(config_keys(cfg))


def written(given: Any, draw: Random) -> str:
    """A value as it is typed: as Hydra wants it, as JSON, or bare."""
    how = draw.random()
    if isinstance(given, str) and how < 0.7:
        return given if how < 0.4 else "'" + given.replace("'", "\\'") + "'"
    if how < 0.1:
        return str(given)
    return json.dumps(given).replace('"', "'") if how < 0.85 else json.dumps(given)


def override(keys: tuple[str, ...], draw: Random) -> str:
    """One override with a mistake, or one that happens to be right."""
    how, key = draw.random(), draw.choice(keys)
    if how < 0.5:
        return f"{draw.choice(('', '', '', '+', '++'))}{key}={written(value(draw, foreign=0.1), draw)}"
    if how < 0.65:
        group = draw.choice(GROUPS)
        options = option_names(group) if (CONF / group).is_dir() else []
        if group in ("task", "experiment", "hardware") or not options:  # those of other data and machines take long
            return f"{group}={written(value(draw), draw)}"
        return f"{group}={draw.choice((draw.choice(options), written(value(draw), draw)))}"
    if how < 0.75:
        at = draw.randrange(len(key))
        return f"{key[:at]}{draw.choice(('', 'x', '.', '@', '[0]', ' '))}{key[at + 1 :]}={written(value(draw), draw)}"
    if how < 0.8:
        return f"~{key}"
    if how < 0.87:
        return f"+callbacks.mine={written(value(draw, foreign=0.7), draw)}"
    if how < 0.92:
        return f"{key}={written(value(draw), draw)},{written(value(draw), draw)}"
    text = mutate_bytes(f"{key}={written(value(draw), draw)[:100]}".encode(), draw)
    return text.replace(b"\0", b"").decode(errors="replace") or "="  # no system lets a zero byte be typed


def case(draw: Random, place: Path, templates: Templates) -> None:
    """A run, an execution or the plan of a comparison is asked for with one or two odd overrides."""
    how, allowed = draw.random(), (0, 2)
    if how < 0.8:
        model = draw.choice(MODELS)
        typed = [override(keys_of(model), draw) for _ in range(draw.randint(1, 2))]
        limits = ("epochs=2", "steps=6", "output=outputs")
        program = partial(train_py, *SYNTHETIC, f"model={model}", *limits, *typed)
    elif how < 0.9:
        run = templates.copy(templates.scheduler, place)
        typed = [override(execute_keys(), draw) for _ in range(draw.randint(1, 2))]
        (path,) = run.glob("runs/*/*/*")
        program = partial(execute_py, f"run={path}", "instances=ft06", "baselines=[spt]", "gantt=none", *typed)
    else:
        settings = ("models", "weightings", "looks", "seeds", "alpha", "margin", "baselines", "name", "budget", "data")
        typed = [f"{draw.choice(settings)}={written(value(draw), draw)}" for _ in range(draw.randint(1, 2))]
        program = partial(compare_py, *STUDY, "epochs=1", "workers=0", "output=outputs", *typed, "dry_run=true")
        typed = [text.replace("\0", "") for text in typed]
    before = files_of(place)
    (place / "typed.json").write_text(json.dumps(typed))
    before["typed.json"] = files_of(place)["typed.json"]
    ended = start(program, place, templates.environment()).wait(LIMIT)
    check_said(ended, place, allowed)
    if ended.code == 2 and "diverged" not in ended.err:
        check_nothing_written(before, place)
    check_whole(place)
