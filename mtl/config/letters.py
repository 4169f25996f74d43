"""Letters of all languages in overrides, such as ``task.targets={流失: binary}``, and keys as typed. Imports no torch.

Hydra's grammar has letters of ASCII only: others would need quotes, which a key cannot have. For the same reason a
column or an instance that is called ``null``, ``true`` or ``1e3`` could not be named: as a key it is a text here.
"""

from typing import Any

from hydra.core.override_parser import overrides_parser

LETTER = ord("q")  # no word with a meaning of its own has it: null, true, false, inf, nan
ASCII = 128
# Signs of Chinese and Japanese keyboards that look like those of the grammar
FULL_WIDTH = {"\uff0c": ",", "\uff1a": ":", "\uff5b": "{", "\uff5d": "}", "\uff3b": "[", "\uff3d": "]", "\uff1d": "="}


class LetterStream(overrides_parser.InputStream):  # type: ignore[name-defined, misc]  # what its parser reads
    """What the grammar reads: every sign beyond ASCII as a letter. The texts of what it finds are the ones typed."""

    def __init__(self, data: str) -> None:
        super().__init__(data)
        self.data: list[int] = [code if code < ASCII else LETTER for code in map(ord, data)]


class KeysAsTyped(overrides_parser.HydraOverrideVisitor):  # type: ignore[name-defined, misc]  # what makes its values
    """Makes a text of every key of a mapping, also of one that would be a number, true, false or null as a value."""

    def visitDictKey(self, ctx: Any) -> Any:  # as Hydra calls it
        """The key, as it is typed where it is no text already."""
        found = super().visitDictKey(ctx)
        return found if isinstance(found, str) else ctx.getText().strip()


def read_all_letters() -> None:
    """Let Hydra read overrides with letters of all languages, and keys as they are typed, in this process."""
    overrides_parser.InputStream = LetterStream  # type: ignore[attr-defined]  # its parser looks both up there
    overrides_parser.HydraOverrideVisitor = KeysAsTyped  # type: ignore[attr-defined]


def full_width_sign(text: str) -> str | None:
    """A sign in a text that looks like one of the grammar and is another, with what it should be; None without any."""
    return next((f"'{sign}', expected '{usual}'" for sign, usual in FULL_WIDTH.items() if sign in text), None)
