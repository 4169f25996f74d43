"""Dropout while the learning rate is constant, and none while it falls."""

from pytorch_lightning import Trainer
from torch import nn
from typing_extensions import override

from mtl.module.lightning import EpochCallback
from mtl.module.module import MultiTaskModule
from mtl.training.cooldown import cooldown_of


class EarlyDropout(EpochCallback):
    """Switches dropout off for the epochs in which the learning rate falls.

    Source: Liu, Xu, Jin, Shen, Darrell, "Dropout Reduces Underfitting", ICML 2023, https://arxiv.org/abs/2303.01500
    (early dropout). A network that leaves features out at random cannot reproduce a target that follows almost exactly
    from the inputs. So dropout keeps the network from overfitting at the constant rate, and the cooldown fits without
    it. Validation chooses among the epochs of both as ever, so where the cooldown without dropout overfits, an epoch
    from before it is kept.

    Deviation: in the paper dropout ends at a fixed epoch, and its share falls linearly; here it ends when the cooldown
    of the learning rate begins (:class:`~mtl.training.cooldown.Cooldown`), all at once. Under another scheduler dropout
    stays as it is. Where nothing is shared, each task has a cooldown, and its dropout ends with it.

    Modules ``torch.nn.Dropout`` are switched, which all encoders of tables use; what a layer draws without such a
    module, as the attention of a pretrained transformer does, stays.
    """

    def __init__(self) -> None:
        self._shares: dict[nn.Dropout, float] = {}

    @override
    def on_train_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        self._shares = {part: part.p for part in module.network.modules() if isinstance(part, nn.Dropout)}

    @override
    def on_train_epoch_start(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
        schedule = cooldown_of(trainer)
        if schedule is None:
            return
        for part, group in groups_of(module).items():
            part.p = 0.0 if schedule.factor(group, trainer.global_step + 1) < 1 else self._shares[part]

    @override
    def on_train_end(self, trainer: Trainer, module: MultiTaskModule) -> None:  # type: ignore[override]
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
