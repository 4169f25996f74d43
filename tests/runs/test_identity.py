"""The id of a run: whatever can change a number changes it, and nothing else does."""

import re
from itertools import combinations

import pytest

from mtl.config.compose import configure
from mtl.config.fields import Frozen, Mark
from mtl.config.run_config import RunConfig
from mtl.errors import InputError
from mtl.runs.identity import configuration_id, identity, run_id

BASE = ("task=synthetic", "model=hard")
# Where a run goes, what it shows, and on which processor the same computation is made
ELSEWHERE = (
    *("output=elsewhere", "threads=3", "progress=false", "hardware.accelerator=gpu", "resume=some/run", "seed=0"),
    "+hardware.max_time=00:01:00:00",
    "+hardware.rendezvous_timeout=60",
)
# Overrides that change a number, each of which has an id of its own
OTHER = (
    "seed=1",
    "epochs=3",
    "batch_size=100",
    "accumulate=2",
    "gradient_clip=null",
    "compile=true",
    "log_every=5",
    "tasks=[task0,task1]",
    "auxiliary=[task1]",
    "auxiliary=[task1,task2]",
    "relations.depends_on={task1: [task0]}",
    "relations.detach=false",
    "grouping=auto",
    "grouping=[[task0,task1]]",
    "affinity.epochs=9",
    "model=gated",
    "model.residual=true",
    "weighting=equal",
    "optimizer=sgd",
    "scheduler=none",
    "encoder.dropout=0.1",
    "task.noise=0.2",
    "execution=scheduling",
    "hardware.precision=bf16-mixed",
    "hardware.devices=2",
    "hardware=ddp_cpu",
    "+hardware.fast_dev_run=true",
    "+hardware.limit_train_batches=1",
    "+hardware.limit_val_batches=1",
    "+hardware.limit_test_batches=1",
    "steps=7",
    "patience=3",
    "validate_every=9",
    "selection=score",
    "+callbacks.mine._target_=pytorch_lightning.callbacks.EarlyStopping",
)
TRUST = "trust=[pytorch_lightning.callbacks]"  # of one of them
# Names that once were left out wherever they stood: as keys of an argument they belong to the question
ONCE_LEFT_OUT = ("output", "resume", "cache", "threads", "progress", "hardware", "compare", "choices")


def test_an_id_is_ten_hexadecimal_digits() -> None:
    assert re.fullmatch("[0-9a-f]{10}", run_id(configure(*BASE)))


@pytest.mark.parametrize("override", ELSEWHERE)
def test_where_and_how_it_is_shown_is_not_part_of_it(override: str) -> None:
    assert run_id(configure(*BASE, override)) == run_id(configure(*BASE))


@pytest.mark.parametrize(
    "given",
    [
        ("task.missing=0",),
        ("optimizer=sgd", "optimizer.momentum=0"),
        ("encoder=tabm", "task=table", "task.path=my.csv", "encoder.dropout=0", "task.split={by: given, val: 0}"),
        ("weighting=forum", "weighting.rho=1"),
        ("callbacks=ema", "callbacks.ema.decay=0"),
        ("gradient_clip=1",),
    ],
)
def test_a_whole_number_where_an_option_has_a_floating_one_is_the_same_question(given: tuple[str, ...]) -> None:
    floating = [re.sub(r"(=|val: )([01])\b", r"\1\2.0", one) for one in given]
    assert run_id(configure(*BASE, *floating)) == run_id(configure(*BASE, *given))


def test_a_number_that_no_option_has_stays_as_it_is_typed() -> None:
    """Of an argument of Lightning 1 may be one batch, and 1.0 all of them."""
    one, all_of_them = (configure(*BASE, f"+hardware.limit_train_batches={value}") for value in ("1", "1.0"))
    assert run_id(one) != run_id(all_of_them)


def test_whatever_can_change_a_number_is_part_of_it() -> None:
    ids = {override: run_id(configure(*BASE, TRUST, override)) for override in ("seed=0", *OTHER)}
    for one, two in combinations(ids, 2):
        assert ids[one] != ids[two], (one, two)


@pytest.mark.parametrize("name", ONCE_LEFT_OUT)
def test_no_key_is_left_out_by_its_name(name: str) -> None:
    """A target column, a task or an argument may be called anything."""
    weights = [f"weighting.weights={{{name}: {value}}}" for value in (0.1, 10)]
    columns = [f"task.targets={{{name}: {kind}}}" for kind in ("binary", "regression")]
    for given, pair in ((("weighting=fixed",), weights), (("task=table", "task.path=my.csv"), columns)):
        first, second = (run_id(configure(*BASE, *given, override)) for override in pair)
        assert first != second


def test_where_the_order_of_names_decides_it_counts() -> None:
    """Rows of tables follow one another as these are typed, and callbacks are called so; of targets it is none."""
    a, b = "a: {path: a.csv, targets: {x: binary}}", "b: {path: b.csv, targets: {y: binary}}"
    first, other = (run_id(configure("task=tables", f"task.tables={{{one}, {two}}}")) for one, two in ((a, b), (b, a)))
    assert first != other
    first, other = (run_id(configure(*BASE, f"callbacks=[{names}]")) for names in ("ema,lr_monitor", "lr_monitor,ema"))
    assert first != other
    typed = ("a: binary, b: regression", "b: regression, a: binary")
    first, other = (run_id(configure("task=table", "task.path=x.csv", f"task.targets={{{one}}}")) for one in typed)
    assert first == other


def test_a_configuration_is_a_run_without_its_seed() -> None:
    one, two, other = (
        configure(*BASE, f"seed={seed}", f"epochs={epochs}") for seed, epochs in ((0, 2), (1, 2), (0, 3))
    )
    assert configuration_id(one) == configuration_id(two) != configuration_id(other)


def marks(model: type[Frozen]) -> dict[str, list[Mark]]:
    """The marks of each field, also of the models within."""
    found = {}
    for name, field in model.model_fields.items():
        found[name] = [mark for mark in field.metadata if isinstance(mark, Mark)]
        if isinstance(field.annotation, type) and issubclass(field.annotation, Frozen):
            found |= {f"{name}.{part}": inner for part, inner in marks(field.annotation).items()}
    return found


def test_every_field_says_once_what_it_is() -> None:
    assert {name: len(found) for name, found in marks(RunConfig).items() if len(found) != 1} == {}


def test_identity_holds_plain_values_only() -> None:
    """So that its hash does not depend on how an object prints itself."""

    def plain(node: object) -> bool:
        if isinstance(node, dict):
            return all(isinstance(key, str) and plain(value) for key, value in node.items())
        return all(map(plain, node)) if isinstance(node, list) else isinstance(node, str | int | float | None)

    assert plain(identity(configure(*BASE, "grouping=auto", "+hardware.limit_train_batches=1")))


@pytest.mark.parametrize(("short", "full"), [("32", "32-true"), ("'32'", "32-true"), ("bf16", "bf16-mixed")])
def test_a_precision_in_short_is_the_one_in_full(short: str, full: str) -> None:
    typed, expected = (configure(*BASE, f"hardware.precision={value}") for value in (short, full))
    assert run_id(typed) == run_id(expected)
    assert typed.hardware.precision == full


@pytest.mark.parametrize("half", ["16", "16-mixed"])
def test_scaled_gradients_of_a_fused_optimizer_are_not_clipped(half: str) -> None:
    with pytest.raises(InputError, match="16-mixed scales gradients, which optimizer\\.fused=true"):
        configure(*BASE, f"hardware.precision={half}", "optimizer.fused=true", "gradient_clip=1.0")


def test_auxiliary_tasks_are_part_of_it_only_where_there_are_any() -> None:
    """Runs of before the key have the ids that they had."""
    plain = configure(*BASE)
    assert run_id(configure(*BASE, "auxiliary=[]")) == run_id(plain)
    before = RunConfig.read({key: value for key, value in plain.plain().items() if key != "auxiliary"})
    assert run_id(before) == run_id(plain)
    named = (run_id(configure(*BASE, f"auxiliary=[{names}]")) for names in ("task0,task1", "task1,task0"))
    assert len({*named, run_id(plain)}) == 2
