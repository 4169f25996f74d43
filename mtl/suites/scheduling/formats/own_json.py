"""A JSON file of one's own: a shop by names, with all that it demands, also in the middle of its work."""

from collections.abc import Mapping
from typing import Any

from mtl.errors import InputError, unknown
from mtl.suites.scheduling.constraints import Downtime, Name
from mtl.suites.scheduling.formats.own_shop import OwnJob, OwnOperation, build_shop, machine_number, whole
from mtl.suites.scheduling.instance import JobShop

OF_SHOP = ("jobs", "machines", "downtimes", "now")
OF_JOBS = ("name", "operations", "release", "due", "weight")
OF_OPERATIONS = ("name", "machine", "duration", "machines", "start")
OF_DOWNTIMES = ("machine", "start", "end")


def parse_own_json(where: str, name: str, content: Mapping[str, Any]) -> JobShop:
    """Read a shop.

    ``jobs`` is a list of objects with ``name``, ``operations`` and perhaps ``release``, ``due`` and ``weight``;
    ``operations`` a list, in the order of the route, of objects with ``machine``, ``duration``, and perhaps ``name``
    and ``start``, which fixes it; where several machines can do it, ``machines`` holds the duration of each by its
    name, instead of ``machine`` and ``duration``. ``downtimes`` is a list of objects with ``machine``, ``start`` and
    ``end``, ``machines`` the names of all machines in the order of charts, ``now`` the moment of planning.

    Args:
        where: the file, for messages.
        name: of the instance.
        content: of the file.

    Returns:
        The instance.

    Raises:
        InputError: it is no such file, or no shop.
    """
    check_keys(where, content, OF_SHOP, ("jobs",))
    listed = content.get("machines", [])
    if not isinstance(listed, list):
        raise InputError(f"{where}: machines: expected a list of names")
    for machine in listed:
        check_name(f"{where}: machines", machine)
    machines: dict[str, Name] = {str(machine): machine for machine in listed}
    if len(machines) < len(listed):
        twice = next(machine for place, machine in enumerate(listed) if str(machine) in map(str, listed[:place]))
        raise InputError(f"{where}: machines: {twice} is there twice")
    jobs: dict[str, OwnJob] = {}
    for number, entry in enumerate(objects(where, "jobs", content["jobs"])):
        check_keys(f"{where}: job {entry.get('name', number)}", entry, OF_JOBS, ("operations",))
        job_name = str(check_name(f"{where}: name of job {number}", entry.get("name", number)))
        if job_name in jobs:
            raise InputError(f"{where}: two jobs are called {job_name}")
        jobs[job_name] = read_job(f"{where}: job {job_name}", entry, machines, bool(listed))
    downtimes = []
    for entry in objects(where, "downtimes", content.get("downtimes", [])):
        check_keys(f"{where}: downtime", entry, OF_DOWNTIMES, OF_DOWNTIMES)
        number = machine_number(f"the downtimes of {where}", str(entry["machine"]), list(machines))
        downtimes.append(Downtime(number, *(number_of(f"{where}: downtime", entry, key) for key in ("start", "end"))))
    now = number_of(where, content, "now") if "now" in content else 0
    return build_shop(where, name, jobs, tuple(machines.values()), downtimes, now)


def read_job(where: str, entry: Mapping[str, Any], machines: dict[str, Name], listed: bool) -> OwnJob:
    """One job. Adds machines that are met first, unless all are listed.

    Args:
        where: the job, for messages.
        entry: of the file.
        machines: names of those known so far.
        listed: whether these are all.

    Returns:
        The job.

    Raises:
        InputError: it is none.
    """
    job, names = OwnJob(), set[str]()
    for key in ("release", "due", "weight"):
        if entry.get(key) is not None:
            setattr(job, key, number_of(where, entry, key))
    for number, operation in enumerate(objects(where, "operations", entry["operations"])):
        name = check_name(f"{where}: name of operation {number}", operation.get("name", number))
        here = f"{where}, operation {name}"
        if str(name) in names:  # files would not tell 1 and "1" apart
            raise InputError(f"{where}: two operations are called {name}")
        names.add(str(name))
        start = number_of(here, operation, "start") if operation.get("start") is not None else None
        job.operations[name] = OwnOperation(read_options(here, operation, machines, listed), start)
    return job


def read_options(
    where: str, operation: Mapping[str, Any], machines: dict[str, Name], listed: bool
) -> list[tuple[int, int]]:
    """The machines that can do an operation, with their durations. Adds machines that are met first.

    Args:
        where: the operation, for messages.
        operation: of the file.
        machines: names of those known so far.
        listed: whether these are all.

    Returns:
        Numbers of machines with durations, at least one.

    Raises:
        InputError: there is none, or one is not known.
    """
    several = operation.get("machines")
    check_keys(where, operation, OF_OPERATIONS, ("machine", "duration") if several is None else ("machines",))
    if several is None:
        number_of(where, operation, "duration")
        several = {check_name(f"{where}: machine", operation["machine"]): operation["duration"]}
    elif "machine" in operation or "duration" in operation:
        raise InputError(f"{where}: expected machine and duration, or machines, and not both")
    if not isinstance(several, dict) or not several:
        raise InputError(f"{where}: expected the name of a machine, or machines with the duration on each")
    found = []
    for machine in several:
        check_name(f"{where}: machines", machine)
        if not listed:
            machines.setdefault(str(machine), machine)
        found.append((machine_number(where, str(machine), list(machines)), number_of(where, several, machine)))
    return found


def check_name(where: str, name: Any) -> Name:
    """The name of something. InputError if it is none."""
    if isinstance(name, bool) or not isinstance(name, str | int) or not str(name).strip():
        raise InputError(f"{where}: expected a name or a number, found {name!r}")
    return name


def objects(where: str, what: str, found: Any) -> list[Mapping[str, Any]]:
    """The entries of a list of objects. InputError if it is none."""
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise InputError(f"{where}: {what}: expected a list of objects")
    return found


def check_keys(where: str, entry: Mapping[str, Any], known: tuple[str, ...], needed: tuple[str, ...]) -> None:
    """InputError if a key is missing or not known."""
    for key in entry:
        if key not in known:
            raise unknown(f"key in {where}", key, known)
    for key in needed:
        if key not in entry:
            raise InputError(f"{where}: without {key}")


def number_of(where: str, entry: Mapping[Any, Any], key: Name) -> int:
    """The whole number under a key. InputError if it is none, or out of range."""
    if isinstance(entry[key], bool) or not isinstance(entry[key], int | float):
        raise InputError(f"{where}: {key} {entry[key]!r}: expected a whole number")
    return whole(where, str(key), str(entry[key]))
