"""Single-task baselines of the size or the duration of what they are compared with."""

from pathlib import Path
from typing import Any

from mtl.assembly import build
from mtl.config.run_config import RunConfig
from mtl.errors import InputError
from mtl.training.resources import count_parameters

SIZES = ("width", "widths", "channels")  # keys of an encoder that say how large it is


def sizes_of(config: RunConfig) -> dict[str, Any]:
    """The keys of a config's encoder that say how large it is. InputError if there is none that could be changed."""
    node = config.encoder
    sized = {key: node[key] for key in SIZES if key in node}
    if not sized or node.get("pretrained"):
        which = f"encoder={config.choices.encoder}{' with encoder.pretrained' if sized else ''}"
        raise InputError(
            f"baselines: {which} has none of {', '.join(SIZES)} to make a network of the same parameters by: expected "
            "them without same_parameters, such as baselines=[same_seconds]"
        )
    return sized


def same_parameters(config: RunConfig, wanted: int, statistics: Path | None = None) -> RunConfig:
    """The config with its encoder made narrower or wider, until the whole network has about ``wanted`` parameters."""
    sized = sizes_of(config)
    multiple = int(config.encoder.get("heads", 1))

    def scaled(factor: float) -> RunConfig:
        def one(size: int) -> int:
            return max(multiple, round(size * factor / multiple) * multiple)

        encoder = {
            key: [one(v) for v in value] if isinstance(value, list) else one(value) for key, value in sized.items()
        }
        return config.changed(encoder={**config.encoder, **encoder})

    def parameters(factor: float) -> int:
        return int(count_parameters(build(scaled(factor), statistics).module)["total"])

    low, high = 1 / 16, 16.0
    for _ in range(12):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if parameters(middle) < wanted else (low, middle)
    return scaled(min((low, high), key=lambda factor: abs(parameters(factor) - wanted)))


def epochs_within(epochs: int, seconds: float, wanted: float) -> int:
    """How many epochs fit into ``wanted`` seconds, when so many take ``seconds``; at least 1."""
    return max(1, round(epochs * wanted / seconds))
