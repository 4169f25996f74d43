"""Numbers written as texts, with commas, thousands, percent or currencies: one way of writing for a whole column."""

import re
from dataclasses import dataclass

import pandas as pd
import pyarrow
from pyarrow import compute

from mtl.errors import InputError

SIGNS = r"%|[$€£¥₹]|EUR|USD|GBP|CHF|JPY|CNY|INR"  # of a unit, before or behind the number
MINUS = "\u2212"  # the sign of mathematics, which office programs write
DASH = "^[\u2212\u2013]"  # a minus, or the dash that office programs make of it
GAP = " \u00a0\u2007\u2009\u202f'’"  # between thousands, as many countries write them
SPACE = f"[{GAP}]"
NUMBER = rf"(?P<number>[+-]?\s?[0-9.,{GAP}]+)"
SIGNED = rf"^(?P<sign>[+-])?(?P<front>{SIGNS})?\s*{NUMBER}\s*(?P<back>{SIGNS})?$"
# What a number in any way of writing is made of, by which most texts are told apart from numbers at once
POSSIBLE = re.compile(rf"[({MINUS}\u2013]?[+-]?({SIGNS})?\s*{NUMBER}\s*({SIGNS})?\)?\s*")
# Digits of a number with a decimal point, and thousands with a comma or a space between them
INDIAN = r"[0-9]{1,2}(,[0-9]{2})+,[0-9]{3}"  # lakhs and crores
POINT = re.compile(rf"[+-]?([0-9]+|[0-9]{{1,3}}(,[0-9]{{3}})+|{INDIAN}|[0-9]{{1,3}}({SPACE}[0-9]{{3}})+)(\.[0-9]*)?")
COMMA = re.compile(rf"[+-]?([0-9]+|[0-9]{{1,3}}(\.[0-9]{{3}})+|[0-9]{{1,3}}({SPACE}[0-9]{{3}})+)(,[0-9]*)?")
# Where some cells have a point before three digits and others, below 1,000, have none, a program would have written
# 12.500 as 12.5 or 999 as 999.000: the point may be that of thousands
GROUPED, SMALL = r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}", r"[+-]?[0-9]{1,3}"
PLAIN, WAYS = "plain", ("decimal_point", "decimal_comma")


@dataclass(frozen=True)
class TextNumbers:
    """A way to write numbers.

    Attributes:
        written: ``plain``, as programs write them; ``decimal_point`` or ``decimal_comma``, with or without a sign
            between thousands and a sign of a unit (percent, a currency), which is the same in all cells that have one.
        unit: this sign, empty where no cell has one; None: it is not known, or the numbers are plain.
    """

    written: str = PLAIN
    unit: str | None = None

    @classmethod
    def fit(cls, texts: pd.Series, name: str, given: str | None = None) -> "TextNumbers | None":
        """How the texts of a column are written.

        Args:
            texts: distinct ones, none missing.
            name: of the column, for messages.
            given: what the user says of it, one of :data:`WAYS`.

        Returns:
            The way; None if they are no numbers.

        Raises:
            InputError: the comma of 1,234 can be that of thousands or of decimals; the user says something else.
        """
        if given is not None:
            if given not in WAYS:
                raise InputError(f"task.formats.{name}={given}: expected {' or '.join(WAYS)}")
            parts = _parts(texts)
            units = _units(parts)
            if len(units) > 1:
                raise InputError(
                    f"column '{name}': its numbers have the signs {' and '.join(sorted(units))}, expected one"
                )
            return cls(given, next(iter(units), ""))
        if as_numbers(texts) is not None:
            grouped = texts[texts.str.fullmatch(GROUPED)]
            others, rounded = texts.drop(grouped.index), grouped[grouped.str.endswith("0")]
            if len(rounded) and len(others) and others.str.fullmatch(SMALL).all():
                raise _unclear(name, rounded.iloc[0])
            return cls()
        if not all(map(POSSIBLE.fullmatch, texts)):
            return None
        parts = _parts(texts)
        units = _units(parts)
        if parts["bare"].isna().any() or len(units) > 1 or texts.str.startswith("(").all():
            return None
        bare = parts["bare"]
        unit = next(iter(units), "")
        if _other_unit(parts, unit).any():
            return None  # 12 % and 0.12 may be the same
        ways = [way for way, form in zip(WAYS, (POINT, COMMA), strict=True) if bare.str.fullmatch(form).all()]
        if len(ways) == 2 and bare.str.contains("[.,]", regex=True).any():
            example = texts[bare.str.contains("[.,]", regex=True)].iloc[0]
            raise _unclear(name, example)
        return cls(ways[0], unit) if ways else None

    def read(self, texts: pd.Series) -> pd.Series | None:
        """Texts as numbers, missing where missing; None if one is no number written so.

        InputError for the first one of another unit: 0.12 where all others are written as 12 %.
        """
        if self.written == PLAIN:
            return as_numbers(texts)
        point, other, form = (".", ",", POINT) if self.written == "decimal_point" else (",", ".", COMMA)
        parts = _parts(texts)
        bare = parts["bare"]
        if not bare[texts.notna()].str.fullmatch(form).fillna(False).astype(bool).all():
            return None
        if self.unit is not None and (others := _other_unit(parts, self.unit)).any():
            row = others.idxmax()
            expected = f"with {self.unit}" if self.unit else "without a unit"
            raise InputError(
                f"column '{texts.name}': row {row + 1} holds '{texts[row]}', where the others are written {expected}"
            )
        digits = bare.str.replace(other, "", regex=False).str.replace(SPACE, "", regex=True)
        return as_numbers(digits.str.replace(point, ".", regex=False))

    def other_than_written(self, texts: pd.Series) -> str:
        """The first text that is no number of this way to write, if there is one way only: where it is, and what."""
        form = POINT if self.written == "decimal_point" else COMMA
        other = texts.notna() & ~_parts(texts)["bare"].str.fullmatch(form).fillna(False).astype(bool)
        row = other.idxmax()
        return (
            f"column '{texts.name}': row {row + 1} holds '{texts[row]}', which is no number written with a "
            f"{self.written.replace('_', ' ')}"
        )


def _parts(texts: pd.Series) -> pd.DataFrame:
    """What stands before and behind each number, and with its sign the number, missing where it is none.

    Brackets around a number are a minus, as in accounts.
    """
    plain = texts.str.replace(DASH, "-", regex=True).str.replace(r"^\((.+)\)$", r"-\1", regex=True)
    parts = plain.str.extract(SIGNED)
    parts["bare"] = parts["sign"].fillna("") + parts["number"].str.strip()
    return parts


def _units(parts: pd.DataFrame) -> set[str]:
    """The signs of units."""
    return set(parts["front"].dropna()) | set(parts["back"].dropna())


def _other_unit(parts: pd.DataFrame, unit: str) -> pd.Series:
    """Which cells have another sign of a unit, or of percents none, unless they are 0."""
    found = parts["front"].fillna(parts["back"])
    bare = parts["bare"]
    if unit == "%":
        return bare.notna() & (found != "%").fillna(True) & ~bare.str.fullmatch("0+([.,]0*)?").fillna(True).astype(bool)
    return found.notna() & (found != unit)


def _unclear(name: str, example: str) -> InputError:
    return InputError(
        f"column '{name}': the sign in '{example}' may be that of thousands or of decimals, and no cell of the column "
        f"decides it: say task.formats={{{name}: decimal_point}} or {{{name}: decimal_comma}}"
    )


def look_like_numbers(texts: pd.Series) -> pd.Series:
    """Which texts are numbers by themselves, in any way of writing, with any unit."""
    bare = _parts(texts)["bare"]
    written = [bare.str.fullmatch(form).fillna(False).astype(bool) for form in (POINT, COMMA)]
    return written[0] | written[1] | pd.to_numeric(texts, errors="coerce").notna()


def in_two_ways(texts: pd.Series) -> tuple[str, str] | None:
    """Two of some texts that are numbers, and are not written in one way, as 1.5 and 1,5 or 12 % and 0.12.

    Args:
        texts: distinct ones, none missing.

    Returns:
        The two; None if there are no such ones.
    """
    parts = _parts(texts)
    unit = parts["front"].fillna(parts["back"]).fillna("")
    point, comma = (parts["bare"].str.fullmatch(form).fillna(False).astype(bool) for form in (POINT, COMMA))
    plain = pd.to_numeric(texts, errors="coerce").notna()  # also with an exponent
    for one, other in (
        ((point | plain) & ~comma, comma & ~point & ~plain),
        (unit == unit.iloc[0], unit != unit.iloc[0]),
    ):
        if one.any() and other.any():
            return texts[one].iloc[0], texts[other].iloc[0]
    return None


def as_numbers(texts: pd.Series) -> pd.Series | None:
    """Plain texts as whole numbers if all are, else as floating ones; None if one is no number."""
    cells = pyarrow.array(texts, type=pyarrow.string(), from_pandas=True)
    cells = compute.replace_substring_regex(compute.utf8_trim_whitespace(cells), DASH, "-")
    cells = compute.replace_substring(cells, MINUS, "-")  # also that of an exponent
    cells = compute.replace_substring_regex(cells, r"^\+", "")
    if compute.any(compute.match_substring(cells, "x", ignore_case=True)).as_py():
        return None  # the cast would read 0x10
    for kind in (pyarrow.int64(), pyarrow.float64()):
        try:
            found = compute.cast(cells, kind)
        except pyarrow.ArrowInvalid:
            continue
        whole = kind == pyarrow.int64() and found.null_count > 0  # pandas would make them floating ones
        values = found.to_pandas(types_mapper={kind: pd.Int64Dtype()}.get if whole else None)
        return pd.Series(values.array, index=texts.index, name=texts.name)
    return None
