"""What kind of values a column holds, and the values as that kind."""

from collections.abc import Iterable, Mapping, Sequence
from unicodedata import normalize

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype, is_bool_dtype, is_datetime64_any_dtype, is_integer_dtype, is_numeric_dtype

from mtl.errors import InputError, unknown
from mtl.suites.table.numerals import look_like_numbers
from mtl.suites.table.stacking import EXACT, holds_truth
from mtl.suites.table.types import TRUTH

LARGEST = float(np.finfo(np.float32).max)
COARSE = 1e-4  # of a range, up to which numbers may be rounded without a word
KINDS = ("number", "category", "time", "ignore")


def infer(values: pd.Series) -> tuple[str, str]:
    """Kind of a column, one of :data:`KINDS`, and in a few words why it is ignored if it is.

    Numbers and truth values are numbers; dates are times; texts, and whole numbers that are too large to be told apart
    in double precision, are categories if they repeat themselves: at most half as many distinct values as rows, or at
    most 20. Texts that are written as dates are times before, see :mod:`mtl.suites.table.types`.
    """
    known = values.dropna()
    distinct = known.nunique()
    if distinct == 0:
        return "ignore", "all missing"
    if distinct == 1 and len(known) == len(values):
        return "ignore", "constant"
    long = is_integer_dtype(values) and max(abs(int(known.min())), abs(int(known.max()))) > EXACT
    if (is_numeric_dtype(values) or is_bool_dtype(values)) and not long:
        return "number", ""
    if is_datetime64_any_dtype(values) or infer_dtype(known) in ("date", "datetime"):
        return "time", ""
    texts = known.astype(str)
    if distinct <= max(20, len(known) // 2):
        return "category", ""
    if long:
        return "ignore", "identifier: whole numbers beyond 2^53, nearly each of them another"
    numeric = look_like_numbers(texts)  # also $1,234.50, as a database gives amounts
    if numeric.all():
        return "ignore", "numbers written as texts: say number in task.columns"
    if numeric.mean() > 0.9:
        return "ignore", f"numbers but for '{texts[~numeric].iloc[0]}': name such texts in task.missing"
    return "ignore", "text or identifier: nearly every value is another"


def kinds(frame: pd.DataFrame, chosen: Mapping[str, str], left_out: set[str]) -> dict[str, tuple[str, str]]:
    """Kind and remark of every column of the inputs, as chosen or else inferred.

    Args:
        frame: the rows from which to infer.
        chosen: kinds by column name.
        left_out: columns that are no inputs unless chosen, such as targets.

    Returns:
        ``(kind, remark)`` by column.

    Raises:
        InputError: a name that is no column, a kind that is none.
    """
    for name, kind in chosen.items():
        if name not in frame.columns:
            raise unknown("column in task.columns", name, frame.columns)
        if kind not in KINDS:
            raise unknown(f"kind of column '{name}' in task.columns", kind, KINDS)
    return {
        name: (chosen[name], "as chosen") if name in chosen else infer(frame[name])
        for name in frame.columns
        if name in chosen or name not in left_out
    }


def numbers(values: pd.Series, what: str) -> np.ndarray:
    """The values as float64, NaN where missing. InputError for the first that is no number of single precision."""
    if is_datetime64_any_dtype(values):
        raise InputError(f"{what} holds times, not numbers")
    if is_numeric_dtype(values) or is_bool_dtype(values):
        found: np.ndarray = values.to_numpy(dtype="float64", na_value=np.nan)
    else:
        texts = values.dropna().astype(str).str.lower()
        truth = len(texts) > 0 and bool(texts.isin(TRUTH).all())  # as texts may have them
        known = texts.map(TRUTH).reindex(values.index) if truth else values
        found = pd.to_numeric(known, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
        bad = np.flatnonzero(np.isnan(found) & values.notna().to_numpy())
        if len(bad):
            raise InputError(
                f"{what}: row {values.index[bad[0]] + 1} holds '{values.iloc[bad[0]]}', which is no number"
            )
    large = np.flatnonzero(np.abs(found) > LARGEST)
    if len(large):
        value = found[large[0]]
        wrong = "is infinite" if np.isinf(value) else f"holds {value:g}, which is too large"
        raise InputError(
            f"{what}: row {values.index[large[0]] + 1} {wrong}; leave the cell empty if the value is not known"
        )
    return found


def check_precision(values: pd.Series, what: str) -> None:
    """InputError for whole numbers whose differences double precision would round away, as those beyond 2^53 may be."""
    if not is_integer_dtype(values) or values.isna().all():
        return
    low, high = int(values.min()), int(values.max())
    step = float(np.spacing(float(max(abs(low), abs(high)))))
    if step > 1 and high > low and step > COARSE * (high - low):
        raise InputError(
            f"{what} holds whole numbers from {low} to {high}, which double precision knows in steps of {step:g} only: "
            f"subtract {low} from all"
        )


def names(values: pd.Series) -> pd.Series:
    """The values as texts, None where missing.

    Whole numbers have no decimal point, so that a column with a missing value reads as one without.
    """
    if infer_dtype(values, skipna=True).startswith("mixed"):  # where 1 and True are equal, but not the same text
        codes, distinct = np.arange(len(values)), list(values)
    else:
        codes, distinct = pd.factorize(values)
    texts = [None if pd.isna(value) else _name(value) for value in distinct]
    found = np.array([*texts, None], dtype=object)[codes]  # -1, the last, where missing
    return pd.Series(found, index=values.index, name=values.name, dtype=object)


def composed(texts: Iterable[str | None]) -> list[str | None]:
    """The texts with each accent as one sign with its letter, as far as there is one: so both forms are the same."""
    return [text if text is None or text.isascii() else normalize("NFC", text) for text in texts]


def places(texts: pd.Series, values: Sequence[str]) -> np.ndarray:
    """The place of each text among some values, ``[N]``, NaN where it is missing or none of them.

    A text that is none of them is the one that looks the same: whose accents are one sign with their letters or signs
    after them, as files of some systems have the one and those of others the other (Unicode Standard Annex 15, forms C
    and D), or that has other spaces around it, which a text file does not keep.
    """
    known = {value: place for place, value in enumerate(values)}
    for value in values:
        known.setdefault(value.strip(), known[value])
        for form in () if value.isascii() else ("NFC", "NFD"):
            known.setdefault(normalize(form, value), known[value])
            known.setdefault(normalize(form, value).strip(), known[value])
    found: np.ndarray = texts.map(known).to_numpy(dtype="float64", na_value=np.nan)
    others = np.flatnonzero(np.isnan(found) & texts.notna().to_numpy())
    if len(others):
        found = found.copy()  # which pandas may still hold
        found[others] = texts.iloc[others].str.strip().map(known).to_numpy(dtype="float64", na_value=np.nan)
    return found


def _name(value: object) -> str:
    if isinstance(value, bool | np.bool_ | str):
        return str(value)
    if isinstance(value, int | float | np.number):
        return str(int(value)) if float(value).is_integer() else str(value)
    return str(value)


def times(values: pd.Series, what: str) -> pd.Series:
    """The values as UTC times, missing where missing. InputError for the first that is no time."""
    if is_datetime64_any_dtype(values):
        return pd.to_datetime(values, utc=True)
    if is_numeric_dtype(values) and values.notna().any():
        raise InputError(f"{what} holds numbers, not times")
    # Without a value, a column of a file is one of numbers. Texts have been read before, except where nobody said so.
    found = pd.to_datetime(values.astype(object), errors="coerce", utc=True, format="ISO8601")
    bad = np.flatnonzero((found.isna() & values.notna()).to_numpy())
    if len(bad):
        raise InputError(f"{what}: row {values.index[bad[0]] + 1} holds '{values.iloc[bad[0]]}', which is no time")
    return found


def read_alike(values: pd.Series, like: pd.Series, what: str) -> pd.Series:
    """The values as numbers, times or truth values where another column holds such.

    InputError for the first that is none.
    """
    if is_datetime64_any_dtype(like):
        return times(values, what)
    if values.dtype == like.dtype:
        return values
    if holds_truth(like):
        found = values if holds_truth(values) else _truth(values, what)
        return found.astype("boolean" if is_bool_dtype(like) else object)
    if is_numeric_dtype(like) and (holds_truth(values) or not is_numeric_dtype(values)):
        return pd.Series(numbers(values, what), index=values.index, name=values.name)
    return values


def _truth(values: pd.Series, what: str) -> pd.Series:
    """Values written as 0 and 1, or as texts, as true and false. InputError for the first that is neither."""
    found = pd.Series(numbers(values, what), index=values.index, name=values.name)
    bad = np.flatnonzero(found.notna() & ~found.isin([0, 1]))
    if len(bad):
        raise InputError(f"{what}: row {values.index[bad[0]] + 1} holds {values.iloc[bad[0]]}, expected true or false")
    return found.astype("boolean")
