"""The features of one state by their definitions: plain numbers, sets and loops."""

from math import exp, log, log1p
from statistics import fmean, pstdev

from mtl.suites.scheduling.loops.arrays import SOFTNESS
from mtl.suites.scheduling.simulator import Simulator


def squash(x: float) -> float:
    return log1p(abs(x)) * (1 if x >= 0 else -1)


class ReferenceState:
    """Row ``n`` of a simulator, perhaps after one more dispatch."""

    def __init__(self, simulator: Simulator, n: int) -> None:
        shops = simulator.shops
        jobs, self.machines = int(shops.jobs[n]), int(shops.machine_count[n])
        self.routes = [
            [(int(shops.machines[n, j, k]), float(shops.durations[n, j, k])) for k in range(int(shops.lengths[n, j]))]
            for j in range(jobs)
        ]
        self.following = simulator.next_operation[n].tolist()[:jobs]
        self.job_ready = simulator.job_ready[n].tolist()[:jobs]
        self.machine_ready = simulator.machine_ready[n].tolist()[: self.machines]
        self.look()

    def look(self) -> None:
        """Heads of the waiting operations by (job, step), and all bounds."""
        self.heads: dict[tuple[int, int], float] = {}
        self.job_bounds = []
        for job, route in enumerate(self.routes):
            end = self.job_ready[job]
            for step in range(self.following[job], len(route)):
                machine, duration = route[step]
                self.heads[job, step] = max(end, self.machine_ready[machine])
                end = self.heads[job, step] + duration
            self.job_bounds.append(end)
        self.machine_bounds = [
            max([self.machine_ready[machine], *self.set_bounds(machine)]) for machine in range(self.machines)
        ]
        self.bound = max(self.machine_bounds + self.job_bounds)

    def tail(self, job: int, step: int) -> float:
        return sum(duration for _, duration in self.routes[job][step + 1 :])

    def at(self, machine: int) -> list[tuple[int, int]]:
        return [(job, step) for job, step in self.heads if self.routes[job][step][0] == machine]

    def set_bounds(self, machine: int) -> list[float]:
        """Of the sets of operations that start with no less head, or have no less tail, than each one."""
        found = []
        operations = [(self.heads[o], self.routes[o[0]][o[1]][1], self.tail(*o)) for o in self.at(machine)]
        for head, _, tail in operations:
            for chosen in (
                [o for o in operations if (o[0], o[2]) >= (head, tail)],
                [o for o in operations if (o[2], o[0]) >= (tail, head)],
            ):
                found.append(min(o[0] for o in chosen) + sum(o[1] for o in chosen) + min(o[2] for o in chosen))
        return found

    def smooth(self, softness: float, sharp: float) -> float:
        scale = softness * sharp
        total = sum(exp((b - self.bound) / scale) for b in self.machine_bounds + self.job_bounds)
        return self.bound + scale * log(total)


def reference_context(simulator: Simulator, n: int) -> list[float]:
    state = ReferenceState(simulator, n)
    unit = float(simulator.shops.unit[n])
    starts = [float(simulator.est[n, j]) for j, k in enumerate(state.following) if k < len(state.routes[j])]
    present = min(starts, default=state.bound)
    horizon = max(state.bound - present, unit)
    rest = [sum(d for _, d in route[k:]) for route, k in zip(state.routes, state.following, strict=True)]
    load = [sum(state.routes[j][k][1] for j, k in state.at(m)) / horizon for m in range(state.machines)]
    total = sum(d for route in state.routes for _, d in route)
    done, elapsed = total - sum(rest), present * state.machines
    ratios = [b / state.bound for b in state.machine_bounds]
    jobs = [r / horizon for r in rest]
    return [
        done / total,
        log(len(rest) / state.machines),
        squash(horizon / unit),
        squash(int(simulator.legal[n].sum())),
        fmean(load),
        max(load),
        pstdev(load),
        fmean(jobs),
        max(jobs),
        pstdev(jobs),
        fmean(ratios),
        pstdev(ratios),
        fmean(r > 0.97 for r in ratios),
        fmean(b / state.bound > 0.97 for b in state.job_bounds),
        state.smooth(0.03, state.bound) / state.bound - 1,
        min(max(1 - done / max(elapsed, 1.0), -1.0), 1.0) if elapsed > 0 else 0.0,
    ]


def reference_candidates(simulator: Simulator, n: int) -> list[list[float]]:
    """Of every candidate, jobs ascending; shops without alternatives."""
    state = ReferenceState(simulator, n)
    unit = float(simulator.shops.unit[n])
    legal = [j for j in range(len(state.routes)) if bool(simulator.legal[n, j])]
    est, ect = simulator.est[n].tolist(), simulator.ect[n].tolist()
    present = min(est[j] for j, k in enumerate(state.following) if k < len(state.routes[j]))
    horizon = max(state.bound - present, unit)
    then = {j: ReferenceState(simulator, n) for j in legal}
    for j, after in then.items():
        after.following[j] += 1
        after.job_ready[j] = after.machine_ready[state.routes[j][state.following[j]][0]] = ect[j]
        after.look()

    def moved(value: dict[int, float], before: dict[int, float]) -> dict[int, list[float]]:
        least = min(value.values())
        return {j: [squash((value[j] - before[j]) / unit), squash((value[j] - least) / unit)] for j in legal}

    machine_of = {j: state.routes[j][state.following[j]][0] for j in legal}
    pairs = [
        moved({j: then[j].bound for j in legal}, dict.fromkeys(legal, state.bound)),
        moved(
            {j: then[j].machine_bounds[machine_of[j]] for j in legal},
            {j: state.machine_bounds[machine_of[j]] for j in legal},
        ),
        *(
            # The softness is of the bound before the dispatch
            moved(
                {j: then[j].smooth(s, state.bound) for j in legal}, dict.fromkeys(legal, state.smooth(s, state.bound))
            )
            for s in SOFTNESS
        ),
        moved({j: fmean(then[j].machine_bounds) for j in legal}, dict.fromkeys(legal, fmean(state.machine_bounds))),
        moved({j: fmean(then[j].job_bounds) for j in legal}, dict.fromkeys(legal, fmean(state.job_bounds))),
    ]
    rows = []
    for j in legal:
        step, route, m = state.following[j], state.routes[j], machine_of[j]
        duration, tail = route[step][1], state.tail(j, step)
        others = [o for o in state.at(m) if o[0] != j]
        rivals = [o for o in others if o[1] == state.following[o[0]] and o[0] in legal]
        comers = [o for o in others if state.heads[o] < ect[j]]

        def over(o: tuple[int, int], end: float = ect[j]) -> float:
            return max(state.heads[o], end) + state.routes[o[0]][o[1]][1] + state.tail(*o) - state.bound

        load = {i: sum(state.routes[o[0]][o[1]][1] for o in state.at(i)) for i in range(state.machines)}
        row = [
            squash(duration / unit),
            squash((est[j] - present) / unit),
            squash((ect[j] - min(ect[i] for i in legal)) / unit),
            squash((est[j] - state.machine_ready[m]) / unit),
            squash((est[j] - state.job_ready[j]) / unit),
            squash(tail / unit),
            tail / horizon,
            1 - (duration + tail) / max(sum(d for _, d in route), 1.0),
            squash((state.bound - state.job_bounds[j]) / unit),
            float(step + 1 == len(route)),
            load[m] / horizon,
            squash((state.bound - state.machine_bounds[m]) / unit),
            len(state.at(m)) / len(state.routes),
            squash(len(rivals)),
        ]
        if rivals:
            row += [
                squash((tail - max(state.tail(*o) for o in rivals)) / unit),
                squash((duration - fmean(state.routes[o[0]][o[1]][1] for o in rivals)) / unit),
                squash((est[j] - min(state.heads[o] for o in rivals)) / unit),
                squash(fmean(max(ect[j] - state.heads[o], 0.0) for o in rivals) / unit),
                squash(max(over(o) for o in rivals) / unit),
            ]
        else:
            row += [0.0] * 5
        row += [len(comers) / len(state.routes), squash(max(over(o) for o in comers) / unit) if comers else 0.0]
        if step + 1 < len(route):
            onward = route[step + 1][0]
            row += [
                squash((state.machine_ready[onward] - ect[j]) / unit),
                load[onward] / horizon,
                squash((state.bound - state.machine_bounds[onward]) / unit),
                len(state.at(onward)) / len(state.routes),
            ]
        else:
            row += [0.0] * 4
        for pair in pairs:
            row += pair[j]
        rows.append([*row, squash((then[j].bound - then[j].machine_bounds[m]) / unit)])
    return rows
