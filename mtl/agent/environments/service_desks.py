"""A discrete-event simulation of service desks: messages arrive, wait in queues, and may be at the wrong desk."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
_END, _ARRIVAL = 0, 1  # kinds of events; at the same time who becomes free comes first


@dataclass(frozen=True)
class Shift:
    """Messages of one shift, which begins with empty queues and ends when the last message is answered.

    Attributes:
        arrival: minute in which each arrives, ascending, ``[N]``.
        handling: minutes that somebody of the right desk takes to answer it, ``[N]``.
        desk: the right one, 0 to D - 1, ``[N]``.
        staff: people at each desk, ``[D]``, at least one.
        transfer: minutes that somebody of a wrong desk takes to pass a message on to the right one.
    """

    arrival: Floats
    handling: Floats
    desk: Numbers
    staff: Numbers
    transfer: float

    @classmethod
    def draw(
        cls,
        desk: Numbers,
        staff: Numbers,
        per_hour: float,
        handling: float,
        transfer: float,
        seed: np.random.SeedSequence,
    ) -> "Shift":
        """A shift whose arrivals are a Poisson process and whose handling times are exponential.

        Args:
            desk: the right one of each message, in the order of arrival, ``[N]``.
            staff: people at each desk.
            per_hour: messages that arrive in an hour, on average.
            handling: mean minutes to answer one.
            transfer: minutes to pass one on.
            seed: of the times.

        Returns:
            The shift.
        """
        random = np.random.default_rng(seed)
        arrival = np.cumsum(random.exponential(60.0 / per_hour, len(desk)))
        return cls(arrival, random.exponential(handling, len(desk)), desk, staff, transfer)


def hash_of(shifts: Iterable[Shift]) -> str:
    """A hash of shifts, in this order: whoever decides, the same messages come at the same times.

    Minutes are rounded, as the last digits of what is drawn may be others on another processor.
    """
    total = hashlib.sha256()
    for one in shifts:
        times = [np.round(part, 6).tolist() for part in (one.arrival, one.handling)]
        total.update(repr((*times, one.desk.tolist(), one.staff.tolist(), one.transfer)).encode())
    return total.hexdigest()[:16]


def play(shift: Shift, first: Numbers, key: Floats) -> Floats:
    """Play a shift.

    Whoever is free at a desk takes the waiting message of the smallest key, in ties the one that arrived first. At its
    right desk it is answered. At a wrong one it is read and passed on, and then waits at the right one. Nobody is
    idle while a message waits at the desk, and nothing is broken off.

    Args:
        shift: the messages.
        first: desk to which each message is sent when it arrives, ``[N]``.
        key: place of each message in the queues, smaller ones first, ``[N]``.

    Returns:
        Minutes from the arrival of each message until somebody of its right desk begins to answer it, ``[N]``.
    """
    wait = np.zeros(len(shift.arrival))
    free = shift.staff.tolist()
    queues: list[list[tuple[float, int]]] = [[] for _ in free]
    # Of an event: its time, its kind, the message, and at which desk
    events: list[tuple[float, int, int, int]] = []
    for message, minute in enumerate(shift.arrival.tolist()):
        heappush(events, (minute, _ARRIVAL, message, int(first[message])))
    while events:
        now, kind, message, desk = heappop(events)
        changed = [desk]
        if kind == _ARRIVAL:
            heappush(queues[desk], (float(key[message]), message))
        else:
            free[desk] += 1
            right = int(shift.desk[message])
            if desk != right:
                heappush(queues[right], (float(key[message]), message))
                changed.append(right)
        for one in changed:
            while free[one] and queues[one]:
                _, taken = heappop(queues[one])
                free[one] -= 1
                if int(shift.desk[taken]) == one:
                    wait[taken] = now - shift.arrival[taken]
                    heappush(events, (now + float(shift.handling[taken]), _END, taken, one))
                else:
                    heappush(events, (now + shift.transfer, _END, taken, one))
    return wait
