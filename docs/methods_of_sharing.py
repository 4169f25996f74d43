"""The tables of sharing strategies and ways to merge on docs/methods.md, from their tests."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.utils import get_object

from mtl.config.compose import target_of
from mtl.sharing.preferring import Preferring
from tests.merging import test_methods as merging
from tests.sharing import test_every_strategy as sharing
from tests.sharing import test_values
from tests.sharing.strategies import CONF, options

ROOT = Path(__file__).parent.parent
COSTS = ROOT / "docs" / "step.md"
TESTS = ROOT / "tests" / "sharing"
YES, NONE = "yes", "-"
BY_HAND = re.compile(r"def test_\w*(?:formula|by_hand)")
SHARING = """
## Which sharing strategy is tested for what

Likewise of every file of `conf/model` with a strategy. What they do: [sharing.md](sharing.md). `common_start` is
`single_task` from initial values that are alike, and is tested with what is
[merged](#which-way-to-merge-is-tested-for-what).

"""
SHARING_FOOT = """
- *source*: *-* where the docstring names none. *by hand*: what it computes is that of its formula, written
  out in plain torch, to 1e-5. *in part*: of its penalty or its selectors. *like*: with some arguments, or before
  anything is learned, it computes what that other one does; *-*: no other one. No other code is compared with: those
  that there are build networks of their own around a strategy.
- *encoders*: on every kind of encoder, the parameters that it calls shared are those that autograd finds, every one is
  used, no row sees another, the order of the tasks changes nothing, it is saved and copied, one task is legal; of
  `mtl.testing.strategies`, as a strategy of your own. *not texts*: these it refuses in one line.
- *exported*: by `torch.export`, for any number of rows. *compiled*: in one piece; *as ...*: not by itself, since it is
  traced as that one is. *resume*: bit for bit. *groups*: in groups of tasks that share with nobody else; refused where
  a preference goes by all tasks.
- *step*: processor time of a training step in the table of [costs](step.md#sharing), that of `hard` being 1.

"""
MERGING = """## Which way to merge is tested for what

Of every file of `conf/merge`. What they do: [merging.md](merging.md).

"""
MERGING_FOOT = """
- *by hand*: the merged trunk, or a step towards it, is that of its formula in numpy or torch, to 1e-5. *alone*: of one
  network it makes that network. *equal*: of equal ones, too. *order*: that of the tasks changes nothing. *chosen*:
  the coefficient is the one that is best on validation. A merge costs K trainings, and a validation for each
  coefficient that is tried; *-*: it is learned instead.
"""


def source_of(group: str, name: str) -> str:
    """The first link of a class's docstring, as one of Markdown, if it has one."""
    made = get_object(str(target_of(CONF / group / f"{name}.yaml", group)))
    found = re.search(r"https://[^\s)]+[^\s).,;]", made.__doc__ or "")
    return NONE if found is None else f"[source]({found.group()})"


def values_of(test: Callable[..., Any], key: str) -> set[str]:
    """What a test is run for under one of the names of its parameters."""
    for mark in getattr(test, "pytestmark", []):
        if mark.name == "parametrize":
            keys = [mark.args[0]] if isinstance(mark.args[0], str) else list(mark.args[0])
            if key in keys:
                return {value if len(keys) == 1 else value[keys.index(key)] for value in mark.args[1]}
    return set()


def own_tests(name: str) -> str:
    """The source of the tests of one strategy; empty where it has none of its own."""
    path = TESTS / f"test_{name}.py"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def by_hand(name: str) -> str:
    """Whether its values are held against its formula."""
    tests = own_tests(name)
    if name in values_of(test_values.test_representations_are_those_of_the_formula, "name"):
        return YES
    if "of_the_formula" in tests:
        return YES
    return "in part" if BY_HAND.search(tests) else NONE


def alike(name: str) -> str:
    """The strategies that it is held against in its own tests."""
    tests = own_tests(name)
    found = re.findall(rf'assert_starts_as\("(\w+)", "{name}"', tests)
    found += re.findall(r'(?:build|seeded)\("(\w+)", trunk', tests)
    return ", ".join(f"`{one}`" for one in dict.fromkeys(found) if one != name) or NONE


def encoders(name: str) -> str:
    """The kinds of encoders that the checks of every strategy are run on."""
    kinds = {kind for model, _, kind in sharing.PAIRS if model == name}
    if not kinds:
        return NONE
    missing = sorted({kind for _, kind in sharing.FITTING} - kinds)
    return "not " + ", ".join("texts" if kind == "text" else kind for kind in missing) if missing else YES


def compiled(name: str) -> str:
    """Whether torch.compile is tried on it."""
    if name in values_of(sharing.test_compile, "model"):
        return YES
    return "as `lora`" if name in ("mtl_lora", "star") else "as `adapters`" if name in sharing.ALIKE else NONE


def step_costs() -> dict[str, str]:
    """By model, the first figure of its row in the table of costs."""
    rows = re.findall(r"^\| `(\w+)`(?: \*)? \| ([\d.]+) \|", COSTS.read_text(encoding="utf-8"), re.MULTILINE)
    return {"hard": "1", **dict(rows)}


def compared_in(name: str, studies: dict[str, list[str]]) -> str:
    """The studies with a row of a model, by itself, before a weighting or with other options."""
    return ", ".join(s for s, rows in studies.items() if any(re.match(rf"{name}($|[-, ])", row) for row in rows))


def sharing_table(studies: dict[str, list[str]]) -> str:
    """The rows of all strategies."""
    costs = step_costs()
    cells: dict[str, Callable[[str], str]] = {
        "source": lambda name: source_of("model", name),
        "by hand": by_hand,
        "like": alike,
        "encoders": encoders,
        "exported": lambda name: YES if name in values_of(sharing.test_export, "model") else NONE,
        "compiled": compiled,
        "resume": lambda name: YES if name in resumed() else NONE,
        "groups": lambda name: "refused" if preferring(name) else YES,
        "step": lambda name: costs.get(name, NONE),
        "compared in": lambda name: compared_in(name, studies),
    }
    return table("model", sorted(sharing.MODELS), cells)


def resumed() -> set[str]:
    """The strategies whose training goes on from a checkpoint."""
    return values_of(sharing.test_training_goes_on_from_a_checkpoint_as_if_it_had_not_stopped, "model")


def preferring(name: str) -> bool:
    """Whether a model goes by a preference among all tasks."""
    made = get_object(str(target_of(CONF / "model" / f"{name}.yaml", "model")))
    return isinstance(made, type) and issubclass(made, Preferring)


def merging_table(studies: dict[str, list[str]]) -> str:
    """The rows of all ways to merge."""

    def tested(test: Callable[..., Any]) -> Callable[[str], str]:
        return lambda name: YES if name in values_of(test, "name") else NONE

    formulas = inspect.getsource(merging.test_directions_are_those_of_their_formulas)
    steps = inspect.getsource(merging.test_adamerging_takes_the_steps_of_adam_by_the_gradient_of_the_entropy)
    cells: dict[str, Callable[[str], str]] = {
        "source": lambda name: source_of("merge", name),
        "by hand": lambda name: YES if f'"{name}"' in formulas + steps else NONE,
        "alone": tested(merging.test_one_task_gives_its_own_network_at_coefficient_one),
        "equal": tested(merging.test_equal_networks_give_the_network),
        "order": tested(merging.test_the_order_of_the_tasks_does_not_matter),
        "chosen": tested(merging.test_validation_chooses_the_coefficient),
        "compared in": lambda name: compared_in(name, studies),
    }
    return table("merge", [name for name in options("merge") if name != "none"], cells)


def table(group: str, names: list[str], cells: dict[str, Callable[[str], str]]) -> str:
    """A table in Markdown with a row for each option of a group."""
    lines = [f"| `{group}=` | {' | '.join(cells)} |", "|---" * (1 + len(cells)) + "|"]
    lines += [f"| `{name}` | {' | '.join(cell(name) for cell in cells.values())} |" for name in names]
    return "\n".join(lines) + "\n"


def part(studies: dict[str, list[str]]) -> str:
    """Both tables, with what their columns mean."""
    return SHARING + sharing_table(studies) + SHARING_FOOT + MERGING + merging_table(studies) + MERGING_FOOT
