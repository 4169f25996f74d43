"""The exact baseline: constraint programming with a time limit."""

from mtl.agent.environments.scheduling.seeds import check_seed
from mtl.errors import InputError
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.solver import Solution, solve


class CpSat:
    """Google OR-tools CP-SAT from an empty start, without a hint from the agent or a rule.

    Args:
        seconds: wall-clock limit per instance; 0 leaves this baseline out. Its results depend on the machine.
        workers: parallel searches; the agent runs on one machine too, so name what you compare.
        seed: of the search.
    """

    def __init__(self, seconds: float = 0.0, workers: int = 1, seed: int = 0) -> None:
        if not 0.0 <= seconds < float("inf"):
            raise InputError(f"cpsat.seconds={seconds}: expected a number of seconds, or 0 to leave CP-SAT out")
        if workers < 1:
            raise InputError(f"cpsat.workers={workers}: expected at least 1")
        self.seconds, self.workers, self.seed = seconds, workers, check_seed("cpsat.seed", seed)

    @property
    def label(self) -> str:
        """What reports call it."""
        return f"CP-\nSAT\n{self.seconds:g} s"

    def solve(self, instance: JobShop) -> Solution:
        """The best schedule found in time, and what is proven about it."""
        return solve(instance, float("inf"), seconds=self.seconds, workers=self.workers, seed=self.seed)
