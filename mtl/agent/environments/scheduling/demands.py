"""What a person demands of instances on the command line: an objective, downtimes, the moment of planning."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mtl.config.home import expanded
from mtl.errors import InputError, unknown
from mtl.suites.scheduling.constraints import OBJECTIVES, Objective
from mtl.suites.scheduling.formats.downtime_table import read_downtimes
from mtl.suites.scheduling.instance import JobShop


def with_demands(
    instances: Sequence[JobShop], objective: Objective, downtime: Mapping[str, str], now: Mapping[str, int]
) -> list[JobShop]:
    """The instances with what is demanded of them.

    Args:
        instances: to be scheduled.
        objective: of all of them.
        downtime: by name of an instance, the file of its downtimes, which come to those that it has.
        now: by name of an instance, the moment of planning.

    Returns:
        The instances, in their order.

    Raises:
        InputError: no such instance, objective or file, or a demand that the instance contradicts.
    """
    if objective not in OBJECTIVES:
        raise unknown("objective", str(objective), OBJECTIVES)
    known = [instance.name for instance in instances]
    for option, given in (("downtime", downtime), ("now", now)):
        if not isinstance(given, Mapping):
            raise InputError(f"{option}={given}: expected a value by name of an instance, such as {{mine: ...}}")
        for name in given:
            if name not in known:
                raise unknown(f"instance in {option}", name, known)
    for name, moment in now.items():
        if type(moment) is not int or moment < 0:
            raise InputError(f"now.{name}={moment}: expected a whole number, 0 or later")
    found = []
    for instance in instances:
        constraints = instance.constraints
        if instance.name in downtime:
            more = read_downtimes(expanded(str(downtime[instance.name])), instance.machine_names)
            constraints = replace(constraints, downtimes=(*constraints.downtimes, *more))
        if instance.name in now:
            constraints = replace(constraints, now=now[instance.name])
        if constraints != instance.constraints:  # what is known of the best schedule was known without them
            instance = replace(instance, upper_bound=None, lower_bound=None)
        found.append(replace(instance, constraints=constraints, objective=objective))
    return found
