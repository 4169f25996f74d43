"""Whole schedules by rules, compiled."""

import numpy as np

from mtl.suites.scheduling.loops.arrays import Floats, ShopArrays, Whole, empty_memory, empty_state, shop_of
from mtl.suites.scheduling.loops.candidate import write_candidates
from mtl.suites.scheduling.loops.compiled import compiled, inlined
from mtl.suites.scheduling.loops.dispatching import begin, dispatch, find_candidates
from mtl.suites.scheduling.loops.present import look


@compiled
def build(shops: ShopArrays, rules: Floats, members: Whole, rows: Whole, makespans: Floats) -> None:
    """Build B schedules greedily; of equal candidates the first goes next.

    Args:
        shops: N shops without constraints and alternatives.
        rules: ``[P, F]`` weights of the candidate features; the highest score goes next.
        members: ``[B]`` the rule of each schedule.
        rows: ``[B]`` the shop of each.
        makespans: ``[B]``, to be written.
    """
    memory = empty_memory(shops)
    most_jobs, most_machines = shops.lengths.shape[1], shops.place.shape[1]
    state = empty_state(most_jobs, most_machines)
    contested, crowded = np.empty(most_machines, np.bool_), np.empty(most_machines, np.bool_)
    candidates = np.zeros((most_jobs, rules.shape[1]), np.float32)
    for b in range(len(makespans)):
        shop, rule = shop_of(shops, rows[b]), rules[members[b]]
        begin(shop, state)
        choices = find_candidates(shop, state, contested, crowded)
        while choices > 0:
            chosen = 0
            if choices > 1:
                candidates[:choices] = 0.0
                write_candidates(shop, state, look(shop, state, memory), memory, candidates)
                chosen = _best(choices, candidates, rule)
            for j in range(shop.jobs):
                if state.legal[j]:
                    if chosen == 0:
                        dispatch(j, state)
                        break
                    chosen -= 1
            choices = find_candidates(shop, state, contested, crowded)
        makespans[b] = state.job_ready.max()


@inlined
def _best(choices: int, candidates: Floats, rule: Floats) -> int:
    best, chosen = -np.inf, 0
    for c in range(choices):
        score = 0.0
        for i in range(len(rule)):
            score += float(rule[i]) * float(candidates[c, i])
        if score > best:
            best, chosen = score, c
    return chosen
