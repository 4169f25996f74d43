"""Half precision on the processor: whether it has instructions for it."""

import torch

from mtl.config.run_config import Hardware
from mtl.training.step_threads import on_cpu

MIXED = "bf16-mixed"


def bf16_instructions() -> list[str] | None:
    """Names of this processor's instructions that multiply matrices of bfloat16; None where torch does not tell."""
    if not hasattr(torch.cpu, "get_capabilities"):  # an older version
        return None
    found = torch.cpu.get_capabilities().items()
    return sorted(name for name, there in found if name.endswith("bf16") and there is True)


def slow_half_precision(hardware: Hardware) -> str | None:
    """One line for who asks for bfloat16 on a processor that has to compute it by single precision; else None."""
    if hardware.precision != MIXED or not on_cpu(hardware) or bf16_instructions() != []:
        return None
    return (
        f"hardware.precision={MIXED}: this processor has no instructions for bfloat16, and takes longer than in single "
        "precision, 32-true"
    )
