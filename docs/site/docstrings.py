"""Griffe extension: what Sphinx reads and Markdown does not: roles such as ``:class:`Run```, and ``::`` before code."""

import re
from typing import Any

import griffe

BLOCK = re.compile(r" ?::$", re.MULTILINE)  # before a block of code
ROLE = re.compile(r":\w+:`~?(?:[\w.]*\.)?(\w+)`")


class PlainRoles(griffe.Extension):
    """Docstrings as Markdown."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Of a module, class, function or attribute."""
        if obj.docstring:
            obj.docstring.value = BLOCK.sub(":", ROLE.sub(r"``\1``", obj.docstring.value))
