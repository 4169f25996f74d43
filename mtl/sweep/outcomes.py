"""The outcomes of acting in a comparison: every configuration decides on the same terms, whatever it decides."""

from mtl.agent.deciding import DecidingEnvironment
from mtl.agent.environment import Environment
from mtl.config.run_config import RunConfig
from mtl.errors import InputError


def check_outcomes(entry: str, config: RunConfig, base: RunConfig, environment: Environment | None) -> None:
    """Raise InputError if what an entry achieves is worth something else than what the baseline does.

    Args:
        entry: of models and weightings.
        config: of this entry.
        base: of the baseline.
        environment: in which the baseline acts; None: it does not.
    """
    ways = ways_of(environment)
    if ways is None or not config.execution:
        return
    keys = sorted({*config.execution, *base.execution} - {*ways})
    changed = [key for key in keys if config.execution.get(key) != base.execution.get(key)]
    if changed:
        own = ", ".join(f"execution.{name}" for name in ways)
        raise InputError(
            f"'{entry}' changes execution.{changed[0]}: what is compared has to act on the same terms; give the "
            f"override to all{f', or one of {own}' if own else ''}"
        )


def ways_of(environment: Environment | None) -> tuple[str, ...] | None:
    """Arguments in which entries may differ; None: any, as where the baseline does not act."""
    if isinstance(environment, DecidingEnvironment):
        return tuple(environment.tunable)
    return None if environment is None else environment.ways
