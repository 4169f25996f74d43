"""Arguments of Lightning's trainer, and how a run is told them. Imports no Lightning."""

from mtl.errors import InputError

# Arguments of the trainer that every run sets itself, and the key of the config that decides them; None: no key does
DECIDED_BY: dict[str, str | None] = {
    "max_epochs": "epochs",
    "max_steps": "steps",
    "check_val_every_n_epoch": "validate_every",
    "accumulate_grad_batches": "accumulate",
    "gradient_clip_val": "gradient_clip",
    "gradient_clip_algorithm": None,
    "val_check_interval": "validate_every",
    "min_epochs": "patience",
    "min_steps": "patience",
    "limit_test_batches": None,
    "limit_predict_batches": None,
    "barebones": None,
    "model_registry": None,
    "enable_progress_bar": "progress",
    "log_every_n_steps": "log_every",
    "default_root_dir": "output",
    "callbacks": "callbacks",
    "enable_checkpointing": None,
    "enable_model_summary": None,
    "logger": "logger",
    "num_sanity_val_steps": None,
    "profiler": "profiler",
    "use_distributed_sampler": None,
}

# Where the trainer's values are objects, or mean something else: how the key is typed
EXAMPLES = {
    "val_check_interval": "20, in optimizer steps",
    "min_epochs": "null and some epochs, such as 20",
    "min_steps": "null and some steps, such as 3000",
    "callbacks": "ema, or +callbacks.<name>._target_=<class>",
    "logger": "[tensorboard,mlflow]",
    "profiler": "simple",
}


def decided_by(name: str, value: object) -> str:
    """What to type in the place of an argument that every run sets itself."""
    key = DECIDED_BY[name]
    return f"use {key}={EXAMPLES.get(name, value)}" if key else "no other value is possible"


def of_trainer(key: str, value: str) -> InputError:
    """An :class:`InputError` for ``trainer=`` or ``trainer.<argument>=``, as other frameworks have them.

    Args:
        key: as typed, without a plus sign.
        value: as typed.

    Returns:
        The error, which says what to type instead.
    """
    name = key.partition(".")[2]
    if not name:
        return InputError(f"unknown key '{key}': arguments of the trainer are in the group hardware: hardware=gpu")
    free = f"use hardware.{name}={value}, with a + in front where the option of hardware has no such key"
    return InputError(f"unknown key '{key}': {decided_by(name, value) if name in DECIDED_BY else free}")
