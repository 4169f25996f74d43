"""Writes docs/methods.md, what is tested of each method, from the tests themselves: python -m docs.write_methods.

A method meets a condition if the test of that condition is run for it; which methods that are is read from the test's
parameters, so the page says no more than what the tests check.
"""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from docs import methods_of_sharing
from mtl.testing import weightings as checks
from mtl.weighting.base import Weighting
from tests.weighting import (
    test_every_method,
    test_forum,
    test_free_loops,
    test_nonpositive_losses,
    test_properties,
    test_samo,
    test_torchjd,
    test_values,
)
from tests.weighting.problems import LOOKING_AROUND, METHODS, make, method

PAGE = Path(__file__).parent / "methods.md"
COSTS = Path(__file__).parent / "weighting.md"
STUDIES = Path(__file__).parent.parent / "experiments"
YES, REFUSED, NONE = "yes", "refused", "-"
HEAD = """# Which weighting is tested for what

Written by `python -m docs.write_methods` from the parameters of the tests in `tests/weighting`; a test sees to it
that the page is up to date. *yes*: the test of the column is run for the method as it is configured. *-*: there is no
such thing for it, which is said below for each column. `samo` is tested around methods of every kind, and around equal
weights where the test is of every method. What the methods do, cost and fail at: [weighting.md](weighting.md).

*step*: processor time of a training step in the first table of its [costs](weighting.md#cost), the plain sum of the
losses being 1, at the first place that the method has. *compared in*: the folders of `experiments/` whose tables have
a row of the method. [Sharing strategies](#which-sharing-strategy-is-tested-for-what) and [ways to
merge](#which-way-to-merge-is-tested-for-what) follow.

"""
FOOT = """
- *source*: *-* where weights are given, which nobody published. *by hand*: one case, or several steps, computed by
  hand, agree to a ten-thousandth or better (to a thousandth for `forum` and `samo`); of `random`, the distribution of
  what is drawn. *TorchJD*: the update is that of TorchJD, up to so much of its largest element; *yes*: otherwise or
  elsewhere than in one update, or the test says where the two differ; *-*: it has no such method, or (`krum`, `random`)
  another formula or other draws. *claims*: what its paper claims of the update (no conflict, least length, equal
  projections, rest at stationary points, no effect of the size of a loss); *-*: nothing of the kind is tested.
- *sizes*: finite for losses from 1e-8 to 1e8. *degenerate*: finite for zero, duplicated, opposed and dependent
  gradients.
- *unlabelled*: a task without labels is left out of the step. *accumulated*: k batches make the update of one.
  *resume*: bit for bit.
- *half*, *double*: losses and networks in bfloat16, and in double precision. *sparse*: embeddings with sparse
  gradients. *frozen*: frozen parameters among those handed over.
- *checkpointed*: parts of the network that are computed once more in every backward pass, with `use_reentrant=False`;
  the other kind, behind which no gradient would arrive, is refused in one line. *tied*: one weight in two layers.
  *recurrent*: a trunk that is a GRU. *used twice*: one layer in two places of the trunk. The update is that of the
  same method given the gradients that autograd finds.
- *0 and below*: a loss of 0 or below does not stop the other tasks. *left out*: its task is left out of the step,
  with a warning; *warned of*: the weight of one that stays below 0 grows without limit, and a warning says so.
- *representation*: gradients compared at the last shared tensors, also where a loss passes them by; *-*: the method
  compares no gradients, or needs them number by number.
- *nothing shared*: of a network that shares nothing; refused in one line by methods that compare gradients.

A parameter that is handed over twice counts once; one that is both shared and private is refused in one line. So are
parameters that are divided among processes, as by `fully_shard`.

For all methods together, in one test each: two processes make the update of one (`test_processes.py`), and a compiled
network takes the steps of one that is not (`test_conditions.py`).
"""


def names_tested(test: Callable[..., Any]) -> set[str]:
    """The methods, as configured, that a test is run for."""
    for mark in getattr(test, "pytestmark", []):
        if mark.name == "parametrize":
            keys = mark.args[0].split(",") if isinstance(mark.args[0], str) else list(mark.args[0])
            for key in ("name", "case"):
                if key in keys:
                    values = [value if len(keys) == 1 else value[keys.index(key)] for value in mark.args[1]]
                    return {str(value).split()[0] for value in values}
    return set()


def names_checked(check: Callable[..., Any]) -> set[str]:
    """The methods that a check of :mod:`mtl.testing.weightings` is run for."""
    of_all = {
        test_every_method.test_every_variant: test_every_method.OF_VARIANTS,
        test_every_method.test_every_method: test_every_method.OF_METHODS,
    }
    by_themselves = {"samo": test_samo.CHECKS, "forum": test_forum.CHECKS}
    found = {name for name, checked in by_themselves.items() if check in checked}
    return found.union(*(names_tested(test) for test, checked in of_all.items() if check in checked))


def names_in(module: ModuleType) -> set[str]:
    """The methods that a module of tests names."""
    source = inspect.getsource(module)
    return {name for name in METHODS if re.search(rf'"{name}[" ]', source)}


def tests_of(module: ModuleType) -> list[Callable[..., Any]]:
    """The tests of a module."""
    return [value for name, value in vars(module).items() if name.startswith("test_")]


def named_by(tests: list[Callable[..., Any]]) -> set[str]:
    """The methods that some of these tests are run for."""
    return {name for test in tests for name in names_tested(test)}


def columns() -> dict[str, Callable[[str, Weighting], str]]:
    """By heading, what a cell says of a method."""

    def tested(test: Callable[..., Any]) -> Callable[[str, Weighting], str]:
        return lambda name, _: YES if name in names_tested(test) else NONE

    def checked(check: Callable[..., Any]) -> Callable[[str, Weighting], str]:
        return lambda name, _: YES if name in names_checked(check) else NONE

    by_hand, claims, torchjd = (
        named_by(tests_of(test_values)) | set(LOOKING_AROUND),
        named_by(tests_of(test_properties)),
        names_in(test_torchjd),
    )
    digits = {
        name: f"to {tolerance:g}".replace("e-0", "e-") for name, _, _, tolerance in test_torchjd.AGGREGATORS.values()
    }
    alone = checked(checks.networks_that_share_nothing)
    going_on = tested(test_nonpositive_losses.test_the_other_tasks_go_on)

    def below_zero(name: str, weighting: Weighting) -> str:
        if weighting.needs_positive_losses:
            return "left out" if name in names_tested(LEFT_OUT) else NONE
        if weighting.grows_below_zero:
            return "warned of" if name in names_tested(WARNED_OF) else NONE
        return going_on(name, weighting)

    return {
        "by hand": lambda name, _: YES if name in by_hand else NONE,
        "TorchJD": lambda name, _: digits.get(name, YES if name in torchjd else NONE),
        "claims": lambda name, _: YES if name in claims else NONE,
        "sizes": checked(checks.finite_for_losses_of_unlike_size),
        "degenerate": checked(checks.finite_for_degenerate_gradients),
        "unlabelled": checked(checks.absent_tasks_are_left_out),
        "accumulated": checked(checks.accumulated_batches_are_one_batch),
        "resume": checked(checks.resumed_is_uninterrupted),
        "half": checked(checks.half_precision_forward),
        "double": tested(test_free_loops.test_double_precision_is_kept),
        "sparse": tested(test_free_loops.test_sparse_gradients_of_embeddings_are_those_of_dense_ones),
        "frozen": tested(test_free_loops.test_frozen_parameters_may_be_handed_over),
        "checkpointed": tested(test_free_loops.test_checkpointed_trunks),
        "tied": tested(test_free_loops.test_tied_weights),
        "recurrent": tested(test_free_loops.test_recurrent_trunks),
        "used twice": tested(test_free_loops.test_layers_used_twice),
        "0 and below": below_zero,
        "representation": lambda name, _: YES if name in names_tested(REPRESENTATION) else NONE,
        "nothing shared": lambda name, one: (
            REFUSED if one.needs_shared and alone(name, one) == YES else alone(name, one)
        ),
    }


LEFT_OUT = test_nonpositive_losses.test_such_a_task_is_left_out_as_an_absent_one
REPRESENTATION = test_free_loops.test_what_passes_the_representation_by_counts_once
WARNED_OF = test_nonpositive_losses.test_a_weight_that_would_grow_without_limit_is_warned_of_once


def source_of(name: str) -> str:
    """The first link of a method's docstring, as one of Markdown, if it has a source."""
    found = re.search(r"https://[^\s)]+[^\s).,;]", method(name).__doc__ or "")
    return NONE if found is None else f"[source]({found.group()})"


def step_costs() -> dict[str, str]:
    """By method, the first figure of its row in the first table of costs."""
    rows = re.findall(r"^\| (\w+) \|((?: [\d.]* \|)+)$", COSTS.read_text(encoding="utf-8"), re.MULTILINE)
    costs: dict[str, str] = {}
    for name, figures in rows:
        costs.setdefault(name, figures.replace("|", " ").split()[0])
    return costs


def studies() -> dict[str, list[str]]:
    """By folder of ``experiments``, the first cells of the rows of its tables: configurations or methods."""
    return {
        path.parent.name: re.findall(r"^\| [*`]*([^|*`]+)[*`]* \|", path.read_text(encoding="utf-8"), re.MULTILINE)
        for path in sorted(STUDIES.glob("*/README.md"))
    }


def compared_in(name: str, found: dict[str, list[str]]) -> str:
    """The studies with a row of a method, by itself or behind a sharing strategy as in ``hard-gradnorm``."""
    return ", ".join(study for study, rows in found.items() if any(re.search(rf"(^|-){name}$", row) for row in rows))


def page() -> str:
    """The whole page."""
    costs, found_in = step_costs(), studies()
    cells = {
        **columns(),
        "step": lambda name, _: costs.get(name, NONE),
        "compared in": lambda name, _: compared_in(name, found_in),
    }
    lines = [f"| `weighting=` | source | {' | '.join(cells)} |", "|---" * (2 + len(cells)) + "|"]
    for name in sorted([*METHODS, *LOOKING_AROUND]):
        weighting = make(name, 3)
        found = [cell(name, weighting) for cell in cells.values()]
        lines.append(f"| `{name}` | {source_of(name)} | {' | '.join(found)} |")
    return HEAD + "\n".join(lines) + "\n" + FOOT + methods_of_sharing.part(found_in)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
