"""The preferences that one network for all trade-offs is trained with."""

from torch import nn

from mtl.errors import InputError
from mtl.sharing.base import Sharing
from mtl.sharing.preferring import Preferring
from mtl.weighting.base import Weighting
from mtl.weighting.state.draws import Draws


class Preferences(nn.Module):
    """Draws a preference for every optimizer step, and tells it to the network and to the weighting.

    Draws are the same in all processes, and go on where they were in a resumed run. Where the network is the same for
    all preferences, nothing is drawn.

    Args:
        sharing: of the network.
        weighting: of its training.

    Raises:
        InputError: the network is another one for every preference, and the weighting takes none or is to keep one.
    """

    def __init__(self, sharing: Sharing, weighting: Weighting) -> None:
        super().__init__()
        self.draws = Draws() if isinstance(sharing, Preferring) else None
        if self.draws is None:
            return
        name = type(sharing).__name__
        if not weighting.preferences:
            raise InputError(
                f"{name} learns all preferences among the tasks, and {type(weighting).__name__} takes none: choose "
                "weighting=cosmos, or another one with the option preference"
            )
        if any(option.is_given for option in weighting.preferences):
            raise InputError(
                f"weighting.preference: {name} learns all preferences, one drawn anew in every step: leave it out, and "
                "name one when the network is trained: python execute.py preference=..."
            )

    def draw(self, sharing: Sharing, weighting: Weighting) -> None:
        """Let both have the preference of the next optimizer step from now on."""
        if self.draws is not None and isinstance(sharing, Preferring):
            drawn = self.draws.dirichlet(sharing.concentration, len(sharing.task_names))
            sharing.draw(drawn)
            weighting.prefer(drawn)
