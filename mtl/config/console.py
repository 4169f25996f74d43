"""The terminal that a person reads, as what is printed by rich is written to it."""

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from typing_extensions import override

from mtl.config.printable import printable


class Terminal(Console):
    """A console on which no control character of a text is obeyed; those of rich itself, as of its colours, are."""

    @override
    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))
