"""A table with something of everything, and its suite."""

from typing import Any

import numpy as np
import pandas as pd

from mtl.suites.table import TableSuite

TARGETS = {"churn": "binary", "spend": "regression", "segment": "classes"}


def customers(rows: int = 200) -> pd.DataFrame:
    """A table with something of everything."""
    draw = np.random.default_rng(0)
    age, city = draw.normal(40, 10, rows), draw.choice(["Köln", "Oslo", "Lima"], rows)
    frame = pd.DataFrame(
        {
            "age": age,
            "visits": draw.integers(0, 9, rows),
            "city": city,
            "since": pd.date_range("2020-01-01", periods=rows, freq="31h").strftime("%Y-%m-%d %H:%M"),
            "member": draw.random(rows) < 0.5,
            "id": [f"customer {i}" for i in range(rows)],
            "fixed": 1,
            "churn": np.where(age + draw.normal(0, 5, rows) > 40, "yes", "no"),
            "spend": 2000 + age,
            "segment": np.where(city == "Oslo", "north", np.where(age > 45, "old", "young")),
        }
    )
    frame.loc[draw.random(rows) < 0.1, "visits"] = np.nan
    frame.loc[draw.random(rows) < 0.2, "segment"] = np.nan
    frame.loc[draw.random(rows) < 0.2, "spend"] = np.nan
    return frame


def suite(frame: pd.DataFrame, targets: Any = TARGETS, batch_size: int = 8, **options: Any) -> TableSuite:
    """A suite of the frame with its rows loaded."""
    made = TableSuite(lambda: frame, targets, **options)
    made.configure_batches(batch_size, seed=0)
    made.setup("fit")
    return made
