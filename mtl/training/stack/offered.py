"""Which runs can be trained at once, and why others cannot."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from math import log
from typing import Any

import torch
from torch import nn

from mtl.assembly import Assembly, merged_of
from mtl.config.run_config import RunConfig
from mtl.config.targets import find_target
from mtl.errors import InputError
from mtl.module.module import MultiTaskModule
from mtl.module.reached import ReachedParameters
from mtl.nn.candidates import SetBlock
from mtl.runs.identity import identity
from mtl.sharing.base import Sharing
from mtl.suites.stacked_loader import StackedBatch, StackedLoader
from mtl.training.stack.optimizer import OFFERED
from mtl.training.stack.parameters import StackedParameters
from mtl.weighting.base import GradientWeighting, LossWeighting

MEMBERS_OWN = ("seed", "weighting")  # keys in which runs that are trained at once may differ
RATES = ("lr", "weight_decay")  # of the optimizer likewise
TOLERANCE = 1e-4  # of the losses of a first batch, relative to those of each network by itself
UNLIKELY = -30.0  # logarithm of the chance that a step of a training has no label of a task


def shape_of(config: RunConfig) -> str:
    """What runs that are trained at once have in common, as text."""
    found = {key: value for key, value in identity(config).items() if key not in MEMBERS_OWN}
    found["choices"] = {key: value for key, value in found["choices"].items() if key != "weighting"}
    found["optimizer"] = {key: value for key, value in config.optimizer.items() if key not in RATES}
    found["runtime"] = [config.hardware.accelerator, config.threads, config.output]
    # A stack in which one member compares gradients would make the passes for each task with all of them
    kind = find_target(config.weighting.get("_target_"), "weighting._target_", config.trust)
    found["compares gradients"] = isinstance(kind, type) and issubclass(kind, GradientWeighting)
    return json.dumps(found, sort_keys=True, default=str)


def obstacle_in_config(config: RunConfig) -> str | None:
    """Why a run cannot be trained beside others, as far as its config says; None if it can."""
    asked = {
        f"model={config.choices.model}, whose networks are trained apart first": merged_of(config) is not None,
        "grouping=auto": config.grouping == "auto",
        f"accumulate={config.accumulate}": config.accumulate > 1,
        "compile=true": config.compile,
        "finish_heads=true": config.finish_heads,
        "callbacks of your own": bool(config.callbacks),
        "resume": config.resume is not None,
        "hardware.max_time": config.hardware.max_time is not None,
        f"logger={','.join(config.logger)}": not set(config.logger) <= {"tensorboard"},
        "profiler": config.profiler is not None,
        "scheduler=plateau": str(config.scheduler.get("_target_", "")).startswith("mtl.training.plateau."),
        f"hardware.accelerator={config.hardware.accelerator}": config.hardware.accelerator != "cpu",
        f"hardware.devices={config.hardware.devices}": config.hardware.devices not in (1, "1"),
        f"hardware.precision={config.hardware.precision}": config.hardware.precision == "16-mixed",
    }
    return next((what for what, found in asked.items() if found), None)


def obstacle(assembly: Assembly) -> str | None:
    """Why a run cannot be trained beside others; None if it can. Its rows are loaded."""
    module, config = assembly.module, assembly.config
    network, weighting = module.network, module.weighting
    sharing = network.sharing
    name = f"model={config.choices.model}"
    given = module.parameter_groups()
    optimizer = module.make_optimizer([dict(group) for group in given])
    found = {
        f"weighting={config.choices.weighting}, which looks at more than losses and their gradients": not (
            by_losses(weighting) or by_gradients(weighting)
        ),
        f"{name}, whose objective has a term of its own": type(sharing).penalty is not Sharing.penalty
        or bool(list(sharing.expectations())),
        f"{name}, which is trained with a preference drawn in every step": module.preferences.draws is not None,
        "rows with weights": assembly.data.splits["train"].weights is not None,
        "dropout over sets": any(isinstance(one, SetBlock) and one.dropout.p > 0 for one in network.modules()),
        "frozen parameters": not all(p.requires_grad for p in network.parameters()),
        f"optimizer={config.choices.optimizer}": type(optimizer) not in OFFERED
        or parts(optimizer.param_groups) != parts(given),
        "steps without a label of some task": may_lack_labels(assembly),
    }
    return next((what for what, there in found.items() if there), None)


def parts(groups: Sequence[Mapping[str, Any]]) -> list[set[int]]:
    """The parameters of each group of an optimizer, which an own one may divide as it likes."""
    return [{id(p) for p in group["params"]} for group in groups]


def by_losses(weighting: nn.Module) -> bool:
    """Whether a weighting needs nothing but the losses of each step."""
    return isinstance(weighting, LossWeighting) and not (
        weighting.needs_shared
        or weighting.needs_representation
        or weighting.needs_recomputed_losses
        or weighting.needs_initial_losses
        or weighting.held_out
    )


def by_gradients(weighting: nn.Module) -> bool:
    """Whether a weighting needs nothing but losses and the Gramian of the tasks' gradients, of each step anew."""
    return (
        isinstance(weighting, GradientWeighting)
        and not list(weighting.parameters())
        and type(weighting).cached_weights is GradientWeighting.cached_weights
        and not (
            weighting.needs_representation
            or weighting.needs_recomputed_losses
            or weighting.needs_nearby_losses
            or weighting.held_out
        )
    )


def may_lack_labels(assembly: Assembly) -> bool:
    """Whether some step of the training may have no label of a task, which its optimizer would then leave alone."""
    loader = assembly.data.loader("train", training=True, world=1)
    if loader.complete:
        return False
    rows = len(loader.labels)
    lacking = float(1 - loader.labels.float().mean(0).min())
    steps = loader.steps * assembly.config.epochs
    return lacking == 1 or log(lacking) * (rows // loader.steps) + log(steps) > UNLIKELY


def check_losses(
    stack: StackedParameters,
    modules: Sequence[MultiTaskModule],
    loader: StackedLoader,
    mixed: Callable[[], AbstractContextManager[object]] | None = None,
) -> str | None:
    """Compare the losses of a first batch with those of every network by itself, in single precision.

    Args:
        stack: of the networks' parameters.
        modules: the networks.
        loader: of their rows.
        mixed: makes the precision of the training, in which the losses have to be computed too; None: it is single.

    Returns:
        Why the networks cannot be computed at once; None if they can.
    """
    batch: StackedBatch = next(iter(loader))
    reached = ReachedParameters(dict(modules[0].network.named_parameters()))
    before = {name: values.clone() for name, values in stack.buffers.items()}
    states = [generator.get_state() for generator in stack.generators]

    def restore() -> None:
        stack.set_buffers(before)
        for generator, state in zip(stack.generators, states, strict=True):
            generator.set_state(state)

    try:
        with torch.no_grad():
            if mixed is not None:
                with mixed():
                    stack.loss_sums(batch)
                restore()
            found = torch.stack(stack.loss_sums(batch), 1)
    # Of vmap: a choice that depends on values, a random draw, an operation it lacks
    except (InputError, RuntimeError) as error:
        return f"a network that cannot be computed for several at once ({' '.join(str(error).split())[:120]})"
    after = {name: values.clone() for name, values in stack.buffers.items()}
    try:
        stack.set_buffers(before)
        for number, module in enumerate(modules):
            with torch.set_grad_enabled(number == 0), torch.random.fork_rng([]):
                torch.set_rng_state(states[number])
                own = torch.stack(module.losses(batch.of(number)))
            if number == 0:
                try:
                    reached.look([own])
                except InputError:  # which each says for itself, where it is trained alone
                    return "a network that depends on parameters which are no part of it"
            if not torch.allclose(found[number], own, rtol=TOLERANCE, atol=TOLERANCE):
                return "a network whose losses are others when several are computed at once"
        lasting = modules[0].network.state_dict().keys() & before.keys()
        if not all(torch.equal(before[name], after[name]) for name in lasting):
            return "a network that keeps running statistics"
    finally:
        restore()
    return None
