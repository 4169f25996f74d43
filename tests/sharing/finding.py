"""Which parameters a task's representation depends on, as autograd finds it."""

import torch

from mtl.nn.encoder import Inputs
from mtl.sharing.base import Sharing


def reached(sharing: Sharing, inputs: Inputs) -> dict[str, set[int]]:
    """For each task the parameters (by identity) that its representation depends on, by autograd."""
    parameters = list(sharing.parameters())
    found = {}
    for name, out in sharing(inputs).items():
        total = (out * torch.randn_like(out)).sum()
        grads = torch.autograd.grad(total, parameters, retain_graph=True, allow_unused=True)
        found[name] = {id(p) for p, g in zip(parameters, grads, strict=True) if g is not None and g.any()}
    return found
