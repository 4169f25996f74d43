"""What a person sees of a table before training begins."""

from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from torch import Tensor

from mtl.config.printable import printable_line
from mtl.suites.batch import Split
from mtl.suites.table.encoding import Encoding
from mtl.suites.table.target_specs import NUMERIC
from mtl.suites.table.targets import Target
from mtl.tasks import labelled

MOST = 40  # columns shown


def preview(
    frame: pd.DataFrame,
    remarks: Mapping[str, tuple[str, str]],
    encoding: Encoding,
    targets: Sequence[Target],
    splits: Mapping[str, Split],
) -> str:
    """Every column with its kind, missing share and values; every target with its labels in each split."""
    widths = {column.name: len(column.features) for column in encoding.columns}
    lines = [["column", "kind", "features", "missing", "values"]]
    for name, (kind, remark) in list(remarks.items())[:MOST]:
        values = remark if kind == "ignore" else sample(frame[name])
        lines.append([printable_line(name), kind, str(widths.get(name, 0)), f"{frame[name].isna().mean():.1%}", values])
    if len(remarks) > MOST:
        lines.append(["...", f"{len(remarks) - MOST} more", "", "", ""])
    lines += [[""] * 5, ["target", "kind", *splits]]
    for target in targets:
        lines.append(
            [target.task, target.kind, *(labels(target, split.targets[target.task]) for split in splits.values())]
        )
    lines.append(["rows", "", *(str(len(split)) for split in splits.values())])
    return "\n".join(aligned(lines)) + "\n"


def sample(values: pd.Series) -> str:
    """Range of numbers and times, else the most frequent values."""
    known = values.dropna()
    if known.empty:
        return ""
    if pd.api.types.is_numeric_dtype(known) or pd.api.types.is_datetime64_any_dtype(known):
        low, high = known.min(), known.max()
        return f"{low:.10g} .. {high:.10g}" if pd.api.types.is_float_dtype(known) else f"{low} .. {high}"
    counts = known.value_counts()
    shown = ", ".join(short(str(value)) for value in counts.index[:4])
    return shown + (f", ... ({len(counts)} in all)" if len(counts) > 4 else "")


def short(text: str) -> str:
    """The beginning of a text, on one line."""
    return printable_line(" ".join(text.split())[:20])


def labels(target: Target, values: Tensor) -> str:
    """Labelled rows: how many of each class, or mean and standard deviation; and how many have no label."""
    known = values[labelled(values)]
    missing = f"; {len(values) - len(known)} without" if len(known) < len(values) else ""
    if not len(known):
        return f"0{missing}"  # of which there is no mean
    if target.kind == "survival":
        times, came = known.unbind(1)
        return f"{len(known)}: {times.mean():.4g} ± {times.std():.4g}, {int(came.sum())} events{missing}"
    if target.kind in NUMERIC:
        mean = float(known.double().mean()) + target.offset
        return f"{len(known)}: {mean:.4g} ± {known.std():.4g}{missing}"
    counts = torch.bincount(known.long(), minlength=len(target.values)).tolist()
    shown = [f"{short(value)} {count}" for value, count in zip(target.values, counts, strict=True)]
    return ", ".join(shown[:8]) + (f", ... ({len(shown)} classes)" if len(shown) > 8 else "") + missing


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines of equal columns."""
    widths = [max(len(line[i]) for line in lines if len(line) > i) for i in range(max(map(len, lines)))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip() for line in lines]
