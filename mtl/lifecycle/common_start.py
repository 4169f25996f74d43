"""The values of another run's network that networks trained apart begin with."""

from mtl.assembly import load_beside
from mtl.config.run_config import RunConfig
from mtl.errors import InputError
from mtl.module.module import MultiTaskModule
from mtl.network import Network
from mtl.runs.directory import Run
from mtl.sharing.common_start import CommonStart
from mtl.sharing.hard import Hard


def begin_with_start(module: MultiTaskModule, config: RunConfig) -> None:
    """Give networks with a common start the trunk that ``model.start`` names, and the heads that fit.

    Nothing happens where the config's model has no such start.

    Args:
        module: gets the values.
        config: of its run.

    Raises:
        InputError: there is no such run, or its network has no trunk of the same shape.
    """
    for sharing in module.network.sharing.modules():
        if isinstance(sharing, CommonStart) and sharing.start_run is not None:
            found = load_beside(Run.open(sharing.start_run, config.trust)).module.network
            if not isinstance(found.sharing, Hard):
                raise InputError(
                    f"model.start={sharing.start_run}: {type(found.sharing).__name__} has no trunk that serves all "
                    "tasks: expected a run of model=hard or model=merged"
                )
            try:
                sharing.begin_with(found.sharing.trunk.state_dict())
            except RuntimeError:
                raise InputError(
                    f"model.start={sharing.start_run}: expected a trunk of the same encoder and inputs"
                ) from None
            copy_heads(found, module.network)


def copy_heads(source: Network, network: Network) -> None:
    """Give a network the heads of another, where both have one of the same task and shape."""
    for name in network.graph.names:
        if name not in source.graph.names:
            continue
        state, head = source.heads[name].state_dict(), network.heads[name]
        if {key: one.shape for key, one in state.items()} == {key: one.shape for key, one in head.state_dict().items()}:
            head.load_state_dict(state)
