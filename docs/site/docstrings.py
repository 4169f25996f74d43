"""Griffe extension: Sphinx roles in docstrings, such as ``:class:`Run```, become plain code."""

import re
from typing import Any

import griffe

ROLE = re.compile(r":\w+:`~?(?:[\w.]*\.)?(\w+)`")


class PlainRoles(griffe.Extension):
    """Docstrings as Markdown."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Of a module, class, function or attribute."""
        if obj.docstring:
            obj.docstring.value = ROLE.sub(r"``\1``", obj.docstring.value)
