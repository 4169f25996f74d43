"""The dispatcher that another run has learned, as a planner."""

from mtl.agent.environments.scheduling.job_shops import JobShops
from mtl.agent.other_run import open_other
from mtl.assembly import load_beside
from mtl.errors import InputError
from mtl.suites.scheduling.rollout import Policy, network_policy


def load_dispatcher(run: str) -> Policy:
    """The policy that a trained run of ``task=scheduling`` dispatches with.

    Args:
        run: its directory.

    Returns:
        The policy.

    Raises:
        InputError: there is no such run, it is damaged, or it has not learned to dispatch.
    """
    assembly = load_beside(open_other(run))
    kinds = {task.name: task.kind for task in assembly.data.tasks}
    if not isinstance(assembly.data, JobShops.suite) or not JobShops.requires.items() <= kinds.items():
        raise InputError(f"dispatcher={run}: expected a run of task=scheduling that learns assignment")
    return network_policy(lambda inputs: assembly.module.predict(inputs)["assignment"])
