"""Dropout that is switched off for a part of a training."""

from torch import nn

from mtl.module.module import MultiTaskModule


class DropoutSwitch:
    """Switches the dropout of a network off and on, and knows its shares.

    Modules ``torch.nn.Dropout`` are switched, which all encoders of tables use; what a layer draws without such a
    module, as the attention of a pretrained transformer does, stays.

    Args:
        module: has the network.
    """

    def __init__(self, module: MultiTaskModule) -> None:
        self._groups = groups_of(module)
        self._shares = {part: part.p for part in self._groups}

    def there_is(self, group: int) -> bool:
        """Whether anything is left out of what a parameter group of the optimizer trains."""
        return any(share > 0 and self._groups[part] == group for part, share in self._shares.items())

    def set(self, group: int, *, on: bool) -> None:
        """Leave features out of what a parameter group trains, or none."""
        for part, share in self._shares.items():
            if self._groups[part] == group:
                part.p = share if on else 0.0

    def restore(self) -> None:
        """Leave features out everywhere, as it was at first."""
        for part, share in self._shares.items():
            part.p = share


def groups_of(module: MultiTaskModule) -> dict[nn.Dropout, int]:
    """For every dropout of the network the optimizer's parameter group by whose learning rate it goes.

    Where nothing is shared, each task has a group. A dropout is then of the task that owns all parameters in some part
    of the network around it.
    """
    found = {part: 0 for part in module.network.modules() if isinstance(part, nn.Dropout)}
    if not module.nothing_shared:
        return found
    owner = {id(p): group for group, own in enumerate(module.partition.private_lists) for p in own}
    for part in module.network.modules():
        owners = {owner.get(id(p)) for p in part.parameters()}
        for group in owners if len(owners) == 1 else ():
            if group is not None:
                found |= {one: group for one in part.modules() if isinstance(one, nn.Dropout)}
    return found
