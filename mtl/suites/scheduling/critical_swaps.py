"""Local search: neighbours on a machine change places where that may make a schedule shorter."""

from itertools import pairwise
from random import Random

from mtl.suites.scheduling.dispatch_order import Operations

_TENURE = 8  # moves for which a pair that changed places keeps its order, at least; at most twice as many


class CriticalSwaps:
    """Schedules of one shop, each like the one before but for two operations of a machine that changed places.

    The pairs are neighbours at the beginning or the end of a critical block: operations of a critical path that follow
    each other on one machine. Of all such pairs that one changes places whose estimate is shortest, also where the
    schedule becomes longer; the estimate is the longest path through one of the two. A pair keeps its new order for
    some moves, unless the estimate is shorter than the shortest schedule. A tabu search.

    Sources: of the pairs, E. Nowicki, C. Smutnicki, "A fast taboo search algorithm for the job shop problem",
    Management Science 42(6), 1996, https://doi.org/10.1287/mnsc.42.6.797; of the estimate, E. D. Taillard, "Parallel
    taboo search techniques for the job shop scheduling problem", ORSA Journal on Computing 6(2), 1994,
    https://doi.org/10.1287/ijoc.6.2.108.

    Deviations: the blocks of all critical paths, in place of one; no return to earlier schedules.

    Args:
        operations: of the shop.
        order: of all of them, as a schedule dispatches them.
        seed: of the draws among equals.

    Attributes:
        order: of the present schedule.
        makespan: of the present schedule.
        shortest: the shortest so far, of equals the first one.
        shortest_order: its order.
    """

    def __init__(self, operations: Operations, order: list[int], seed: int) -> None:
        self.operations, self.random = operations, Random(seed)
        self.kept: dict[tuple[int, int], int] = {}  # pairs that keep their order, and until which move
        self.moves = 0
        self.queues: list[list[int]] = [[] for _ in range(operations.instance.machine_count)]
        for one in order:
            self.queues[operations.machines[one]].append(one)
        self._look(order)
        self.shortest, self.shortest_order = self.makespan, self.order

    def _look(self, order: list[int]) -> None:
        """Write what is known of the schedule that dispatches the operations in this order."""
        self.order = order
        self.starts = self.operations.earliest(order)
        self.makespan = self.operations.makespan(self.starts)
        reverse = [0] * len(order)
        self.operations.dispatch(order[::-1], *self.operations.free(), reverse)
        self.tails = reverse  # what has to pass behind the end of each operation

    def move(self) -> bool:
        """Build the next schedule. False: no pair is left."""
        pairs = self._pairs()
        if not pairs:
            return False
        free = [one for one in pairs if self.kept.get(one[2:], 0) <= self.moves or one[0] < self.shortest] or pairs
        self.swap(*min(free)[2:])
        return True

    def swap(self, own: int, after: int) -> None:
        """Build the schedule in which an operation and the next one on its machine have changed places.

        Args:
            own: the operation.
            after: the next one.
        """
        queue = self.queues[self.operations.machines[own]]
        place = queue.index(own)
        queue[place : place + 2] = after, own
        self.moves += 1
        self.kept[after, own] = self.moves + self.random.randint(_TENURE, 2 * _TENURE)
        order = self._sorted()
        if order is None:  # only where operations take no time can a path through other ones lead from own to after
            queue[place : place + 2] = own, after
            return
        self._look(order)
        if self.makespan < self.shortest:
            self.shortest, self.shortest_order = self.makespan, order

    def _critical(self, own: int) -> bool:
        return self.starts[own] + self.operations.durations[own] + self.tails[own] == self.makespan

    def _pairs(self) -> list[tuple[int, float, int, int]]:
        """Estimate, a random number, and the two operations of each pair."""
        found = []
        for queue in self.queues:
            linked = [
                self._critical(own)
                and self._critical(after)
                and self.starts[after] == self.starts[own] + self.operations.durations[own]
                for own, after in pairwise(queue)
            ]
            for place, yes in enumerate(linked):
                inside = place > 0 and linked[place - 1] and place + 1 < len(linked) and linked[place + 1]
                if yes and not inside and self.operations.jobs[queue[place]] != self.operations.jobs[queue[place + 1]]:
                    own, after = queue[place], queue[place + 1]
                    found.append((self._estimate(queue, place), self.random.random(), own, after))
        return found

    def _estimate(self, queue: list[int], place: int) -> int:
        """The longest path through one of the two operations from this place on, after they have changed places."""
        durations = self.operations.durations
        own, after = queue[place], queue[place + 1]
        ready = self.starts[queue[place - 1]] + durations[queue[place - 1]] if place else 0
        behind = self.tails[queue[place + 2]] + durations[queue[place + 2]] if place + 2 < len(queue) else 0
        start = max(ready, self._job_head(after))
        own_start = max(start + durations[after], self._job_head(own))
        own_tail = max(behind, self._job_tail(own))
        tail = max(own_tail + durations[own], self._job_tail(after))
        return max(start + durations[after] + tail, own_start + durations[own] + own_tail)

    def _job_head(self, own: int) -> int:
        """When the job is ready for an operation."""
        jobs = self.operations.jobs
        first = own == 0 or jobs[own - 1] != jobs[own]
        return 0 if first else self.starts[own - 1] + self.operations.durations[own - 1]

    def _job_tail(self, own: int) -> int:
        """What has to pass behind an operation for the sake of its job."""
        jobs = self.operations.jobs
        last = own + 1 == len(jobs) or jobs[own + 1] != jobs[own]
        return 0 if last else self.tails[own + 1] + self.operations.durations[own + 1]

    def _sorted(self) -> list[int] | None:
        """The operations in an order that keeps to routes and queues; None: there is none."""
        jobs, machines = self.operations.jobs, self.operations.machines
        places = [0] * len(self.queues)
        following: dict[int, int] = {}
        for own, job in enumerate(jobs):
            following.setdefault(job, own)
        order: list[int] = []
        waiting = list(following.values())
        while waiting:
            own = waiting.pop()
            queue, place = self.queues[machines[own]], places[machines[own]]
            if queue[place : place + 1] != [own]:
                continue  # it is looked at again when the one before it is done
            order.append(own)
            places[machines[own]] += 1
            if own + 1 < len(jobs) and jobs[own + 1] == jobs[own]:
                following[jobs[own]] = own + 1
                waiting.append(own + 1)
            else:
                following.pop(jobs[own])
            if place + 1 < len(queue) and following.get(jobs[queue[place + 1]]) == queue[place + 1]:
                waiting.append(queue[place + 1])
        return order if len(order) == len(jobs) else None
