"""A run's YAML is plain values; what has no end, or stands for millions, is refused."""

from pathlib import Path

import pytest

from mtl.errors import InputError
from mtl.runs.plain_yaml import read_yaml

MANY = "a: &a [x, x, x, x]\n" + "".join(
    f"a{n + 1}: &a{n + 1} [*a{n or ''}, *a{n or ''}, *a{n or ''}, *a{n or ''}]\n" for n in range(12)
)
DEEP = "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}]\n" for n in range(3_000))
REFUSED = {
    "deep lists": ("[" * 20_000, "nested too deeply"),
    "deep mappings": ("{a: " * 3_000 + "1" + "}" * 3_000, "nested too deeply"),
    "lists in lists of before": (DEEP, "nested too deeply"),
    "a mapping that holds itself": ("callbacks: &a {x: *a}\n", "nested too deeply"),
    "millions of values": (MANY, "stands for more than 100000 values"),
    "an object": ("!!python/object:pathlib.Path {}", "is damaged"),
    "no text": ("\0", "is damaged"),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_plain_text_of_values_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as refused:
        read_yaml(path)
    assert "\n" not in str(refused.value)


def test_plain_values_are_read(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("a: &a [1, 2.5, null]\nb: {c: true, d: *a}\n")
    assert read_yaml(path) == {"a": [1, 2.5, None], "b": {"c": True, "d": [1, 2.5, None]}}
    with pytest.raises(InputError, match="cannot be read"):
        read_yaml(tmp_path)
