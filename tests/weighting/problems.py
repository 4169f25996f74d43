"""What the tests of the weightings share: every method found in conf/weighting, and a small problem to weigh."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from mtl.weighting.base import Weighting

CONFIGS = Path(__file__).parents[2] / "conf" / "weighting"
WRAPPERS = ("samo",)  # around another method, and tested with several
LOOKING_AROUND = (*WRAPPERS, "forum")  # compute the losses of a step once more, and are tested by themselves
METHODS = tuple(sorted(path.stem for path in CONFIGS.glob("*.yaml") if path.stem not in LOOKING_AROUND))
PLACES = ("parameters", "last_shared", "representation")
NORMALISATIONS = ("loss_scale", "gradient_norm")


@cache
def config(name: str) -> dict[str, Any]:
    """What the file in conf/weighting says."""
    found: dict[str, Any] = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def options(name: str) -> dict[str, Any]:
    """The options of a method as its config has them; one around another is around equal weights."""
    found = {key: value for key, value in config(name).items() if not key.startswith("_") and key != "defaults"}
    return found | ({"inner": partial(make, "equal")} if name in WRAPPERS else {})


def method(name: str) -> type[Weighting]:
    """The class that a config names."""
    module, _, kind = config(name)["_target_"].rpartition(".")
    found: type[Weighting] = getattr(import_module(module), kind)
    return found


def maker(name: str, changed: dict[str, Any]) -> Callable[[int], Weighting]:
    """What makes a method for any number of tasks; of a preference for three, fewer tasks get the outer ones."""

    def for_tasks(num_tasks: int) -> Weighting:
        if num_tasks < 3 and "preference" in changed:
            return make(name, num_tasks, **{**changed, "preference": PREFERENCE[::2][:num_tasks]})
        return make(name, num_tasks, **changed)

    return for_tasks


def make(name: str, num_tasks: int, **changed: Any) -> Weighting:
    """A method with the options of its config, some of them changed."""
    torch.manual_seed(0)
    made = method(name)(num_tasks, **{**options(name), **changed})
    if changed.get("primary") is PRIMARY:
        made.bind([f"t{i}" for i in range(num_tasks)])
    return made


PLACED = tuple(name for name in METHODS if "at" in options(name))
PREFERENCE = [0.2, 0.3, 0.5]
PRIMARY = ["t0"]  # the first task, by the name that :func:`make` gives it

# Losses are normalised before a method sees them, in one way for all methods of a kind: one of each kind, and those
# that keep what losses were divided by
NORMALISED = ("dwa", "uncertainty", "famo", "gradnorm", "upgrad", "graddrop", "moml")

# Methods as configured; at every place, and with a preference where they have these; behind every normalisation; and
# the other options that choose another formula or keep another state
VARIANTS: tuple[tuple[str, dict[str, Any]], ...] = (
    *((name, {}) for name in METHODS),
    *((name, {"normalise": normalise}) for name in NORMALISED for normalise in NORMALISATIONS),
    *((name, {"at": at}) for name in PLACED for at in PLACES if at != options(name)["at"]),
    *((name, {"preference": PREFERENCE}) for name in METHODS if "preference" in options(name)),
    *(("mgda", {"measure": measure}) for measure in ("norm", "loss", "loss_norm")),
    *(("aligned_mtl", {"scale": scale}) for scale in ("median", "rmse")),
    ("uncertainty", {"regulariser": "liebel"}),
    ("random", {"distribution": "dirichlet"}),
    ("stch", {"warm_up": 1}),
    ("nash_mtl", {"update_every": 2}),
    ("nash_mtl", {"max_norm": 0.0}),
    ("graddrop", {"leak": 0.5}),
    ("db_mtl", {"beta": 0.0}),
    ("moco", {"rho": 0.1}),
    ("modo", {"rho": 0.1}),
    ("krum", {"outliers": 0, "selected": 2}),
    ("gradnorm", {"alpha": 0.0}),
    ("pcd", {"primary": PRIMARY}),
    ("coba", {"warm_up": 2, "window": 3}),
)
EVERY = (*VARIANTS, *((name, dict[str, Any]()) for name in LOOKING_AROUND))  # and those tested by themselves


def label(case: tuple[str, dict[str, Any]]) -> str:
    """A variant in words."""
    name, changed = case
    return " ".join([name, *(f"{key}={value}" for key, value in changed.items())])


def weights_after_held_out(name: str, held: list[list[float]], serves: Sequence[int] = (0, 1)) -> Tensor:
    """Weights after one step with ``g_1 = (2, 0)`` and ``g_2 = (-1, 1)``, and held-out gradients ``held``."""
    weighting = make(name, 2)
    weighting.serve(serves)
    p = nn.Parameter(torch.zeros(2))
    weighting.backward([2 * p[0], p[1] - p[0]], [p], [[], []])
    weighting.on_held_out_losses([torch.tensor(row).float() @ p for row in held], [p], [[], []])
    return weighting.backward([2 * p[0], p[1] - p[0]], [p], [[], []])
