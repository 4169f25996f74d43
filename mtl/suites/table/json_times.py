"""Times in a file of JSON, of which the reader tells what they are in UTC, and not whether they had a zone."""

import re
from collections.abc import Sequence
from typing import IO

import pandas as pd
import pyarrow
from pyarrow import compute, json

from mtl.suites.table.dates import partly_with_zones, with_zones
from mtl.suites.table.types import partly_zoned

MOMENT = r"^[0-9-]{10}[T ][0-9:.]+"  # without its zone
OFFSET = re.compile(r".*[T ].*([+-]\d{2}):?(\d{2})?")


def read_json(content: IO[bytes]) -> pyarrow.Table:
    """The rows of a file of JSON, a record in each line; times have no zone."""
    return json.read_json(content, parse_options=json.ParseOptions(newlines_in_values=False))


def with_zones_of_times(table: pyarrow.Table, content: IO[bytes]) -> tuple[pyarrow.Table, list[str]]:
    """The same moments, in a column of times that were all written with a zone with one of these zones.

    Args:
        table: as :func:`read_json` gives it.
        content: the file once more.

    Returns:
        The table, and a note for each column some of whose times were written with a zone and others without.
    """
    times = [field for field in table.schema if pyarrow.types.is_timestamp(field.type)]
    if not times:
        return table, []
    texts = json.read_json(
        content,
        parse_options=json.ParseOptions(
            explicit_schema=pyarrow.schema([(field.name, pyarrow.string()) for field in times]),
            newlines_in_values=False,
            unexpected_field_behavior="ignore",
        ),
    )
    notes = []
    for field in times:
        # Where all moments are one, the few texts that are left say the zones
        alike = compute.replace_substring_regex(texts[field.name], MOMENT, "2000-01-01T00:00")
        distinct = compute.unique(alike).drop_null().to_pylist()
        written = pd.Series(distinct, dtype=object)
        if partly_with_zones(written):
            notes.append(partly_zoned(field.name))
        elif with_zones(written):
            kind, place = pyarrow.timestamp(field.type.unit, _zone(distinct)), table.schema.get_field_index(field.name)
            table = table.set_column(place, field.name, table[field.name].cast(kind))
    return table, notes


def _zone(texts: Sequence[str]) -> str:
    """The first zone of some texts that is another one than UTC; else UTC."""
    found = [f"{match[1]}:{match[2] or '00'}" for text in texts if (match := OFFSET.fullmatch(text))]
    return next((zone for zone in found if zone[1:] != "00:00"), "UTC")
