"""What is printed to be typed is read as it was meant."""

import shlex
import string

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from mtl.cli.override_text import typed_options
from mtl.config.compose import configure
from mtl.config.literals import override_argument
from mtl.config.overrides import parse_override, sweep_values
from mtl.errors import InputError

KEYS = st.text(string.ascii_letters + string.digits + "_ :,()=.-流失é", min_size=1, max_size=8).filter(
    lambda key: key == key.strip() and key[0].isalnum()
)
PLAIN = st.none() | st.booleans() | st.integers(-999, 999) | st.text(max_size=8).filter(lambda text: "$" not in text)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))


@given(VALUES)
def test_a_value_is_read_back(value: object) -> None:
    (typed,) = shlex.split(override_argument("task.key", value))
    assert OverridesParser.create().parse_override(typed).value() == value


def test_letters_of_all_languages_need_no_quotes() -> None:
    given = ["task=table", "task.path=数据/données.csv", "task.targets={流失: binary, Größe: regression}"]
    config = configure(*given, "tasks=[流失,Größe]", "weighting=fixed", "weighting.weights={流失: 2}", "output=输出")
    assert config.task["path"] == "数据/données.csv"
    assert config.task["targets"] == {"流失": "binary", "Größe": "regression"}
    assert list(config.tasks or ()) == ["流失", "Größe"]
    assert config.weighting["weights"] == {"流失": 2}
    assert config.output == "输出"
    assert sweep_values("task.path=数.csv,据.csv") == ["task.path=数.csv", "task.path=据.csv"]
    assert parse_override("a=n流n").value() == "n流n"  # no number
    assert override_argument("output", "输出/a") == "output=输出/a"


def test_a_key_is_what_is_typed_also_where_it_would_be_a_number_or_null() -> None:
    """Columns and instances may be called so, and a key cannot have quotes."""
    for typed in ("null", "true", "1e3", "1.50", "007", "inf", "-1"):
        text = f"task.targets={{ {typed} : binary, a: {{{typed}: null}}}}"
        assert parse_override(text).value() == {typed: "binary", "a": {typed: None}}
        assert configure("task=table", text).task["targets"] == {typed: "binary", "a": {typed: None}}
        assert sweep_values(f"task.columns={{{typed}: number}},null")[0] == f"task.columns={{{typed}:number}}"


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("task.targets={流失：binary}", "; it has '：', expected ':'"),
        (
            "task.path=data (1).csv",
            "; a text with such signs is typed like this: \"task.path='data (1).csv'\"",
        ),
        ("tasks=[a", "braces"),
    ],
)
def test_what_is_no_override_is_answered_with_what_would_be(typed: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_override(typed)
    words = str(caught.value)
    assert words.endswith(hint)
    if "typed like this: " in words:
        (again,) = shlex.split(words.rpartition("typed like this: ")[2])
        assert parse_override(again).value() == typed.partition("=")[2]


@pytest.mark.parametrize("value", ["0", "1e5", "true", "null", "-", "/a b/c", "a/1", "x", "", "007", "it's"])
def test_a_text_stays_a_text(value: str) -> None:
    (typed,) = shlex.split(override_argument("task.key", value))
    assert OverridesParser.create().parse_override(typed).value() == value


@pytest.mark.parametrize(
    ("given_words", "expected"),
    [
        ((), []),
        (("task.relatedness=0.9", "task.kinds=mixed"), ["task.relatedness=0.9", "task.kinds=mixed"]),
    ],
)
def test_only_what_differs_from_the_option_is_said(given_words: tuple[str, ...], expected: list[str]) -> None:
    config = configure("task=synthetic", *given_words)
    assert typed_options("task", "synthetic", config.task) == expected


def test_a_table_is_said_again_so_that_it_can_be_run() -> None:
    words = [
        "task=table",
        "task.path=my file.csv",
        "task.targets={churn: binary, spend: {column: Money spent, kind: regression}}",
        "task.split.by=time",
        "task.split.column=day",
    ]
    config = configure(*words)
    said = typed_options("task", "table", config.task)
    assert configure("task=table", *shlex.split(" ".join(said))).task == config.task
    assert len(said) == 4
