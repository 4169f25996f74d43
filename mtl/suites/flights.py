"""Data analysis over several sources: flights out of New York City in 2013, with weather, planes and airports."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import pandas as pd

from mtl.suites.sources.archive import Source
from mtl.suites.sources.cached_values import FRAME, load_or_make
from mtl.suites.sources.catalogue import AIRLINES, AIRPORTS, FLIGHTS, PLANES, WEATHER
from mtl.suites.table import Splitting, TableSuite

LATE = 15  # minutes
# Fleets are described by the flights before this day only, all of which are training rows
FLEET_UNTIL = "2013-07-01"
WEATHER_COLUMNS = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]


def flights(statistics: str | None = None, form: str = "flat", later: Mapping[str, Any] | None = None) -> TableSuite:
    """336,776 scheduled flights; tasks ``late``, ``arrival_delay`` and ``cancelled``.

    A late flight departs more than 15 minutes late; the delay of the arrival is in minutes. A flight that did not take
    place has no delay: those labels are missing. Split by time: the last 15 % of the year is the test, the 15 % before
    it the validation.

    Args:
        statistics: file of what a run fitted, to be repeated; see :class:`~mtl.suites.table.TableSuite`.
        form: ``flat`` or ``columns``, of the inputs; see :class:`~mtl.suites.table.TableSuite`.
        later: files of rows that came after these; see :meth:`~mtl.suites.table.later_rows.LaterRows.of`.

    Returns:
        The suite.
    """
    targets = {"late": "binary", "arrival_delay": "regression", "cancelled": "binary"}
    splitting = Splitting(by="time", column="scheduled", groups="day")
    return TableSuite(joined, targets, splitting=splitting, statistics=statistics, form=form, later=later)


def joined() -> pd.DataFrame:
    """The rows of :func:`departures`, joined once and then read from the cache."""
    sources = (FLIGHTS, WEATHER, PLANES, AIRPORTS, AIRLINES)
    return load_or_make("flights", departures, FRAME, sources=sources, code=(__file__,))


def departures() -> pd.DataFrame:
    """One row per scheduled flight: what is known at the scheduled time of departure, and what came of it.

    Left out as inputs: all actual times, and whatever tells the outcome in disguise. That is the tail number above
    all, which is missing for many flights *because* they were cancelled; planes are therefore described by the fleet
    that the carrier uses on the route. The date gives the weekday only, since a later month is never seen in training.
    """
    flown = _read(FLIGHTS)
    scheduled = pd.to_datetime(flown["time_hour"], utc=True)
    day = pd.to_datetime(flown[["year", "month", "day"]])
    rows = pd.DataFrame(
        {
            "day": day.dt.strftime("%Y-%m-%d"),  # whose weather and crowds its flights share
            "scheduled": scheduled + pd.to_timedelta(flown["minute"], unit="min"),
            "weekday": day.dt.day_name(),
            "departure_minute": flown["hour"] * 60 + flown["minute"],
            "arrival_minute": flown["sched_arr_time"] // 100 * 60 + flown["sched_arr_time"] % 100,
            "departures_this_hour": flown.groupby(["origin", "time_hour"])["flight"].transform("size"),
            "distance": flown["distance"],
            "carrier": flown["carrier"],
            "origin": flown["origin"],
            "dest": flown["dest"],
            "hour": scheduled,
            "late": (flown["dep_delay"] > LATE).astype(object).where(flown["dep_delay"].notna(), None),
            "arrival_delay": flown["arr_delay"],
            "cancelled": flown["dep_time"].isna(),
        }
    )
    weather = _read(WEATHER)[["origin", "time_hour", *WEATHER_COLUMNS]]
    weather["hour"] = pd.to_datetime(weather.pop("time_hour"), utc=True)
    weather = weather.drop_duplicates(["origin", "hour"])
    airports = _read(AIRPORTS)[["faa", "lat", "lon", "alt"]].rename(columns={"faa": "dest"})
    airlines = _read(AIRLINES).rename(columns={"name": "airline"})
    complete = (
        rows.merge(weather, on=["origin", "hour"], how="left", validate="many_to_one")
        .merge(airports, on="dest", how="left", validate="many_to_one")
        .merge(airlines, on="carrier", how="left", validate="many_to_one")
        .merge(fleets(flown, day), on=["carrier", "dest"], how="left", validate="many_to_one")
    )
    return complete.drop(columns=["hour", "carrier"])


def fleets(flown: pd.DataFrame, day: pd.Series) -> pd.DataFrame:
    """By carrier and destination, the mean seats, engines and year of the planes used in the first half of the year."""
    planes = _read(PLANES).rename(columns={"year": "built"})[["tailnum", "built", "seats", "engines"]]
    early = flown.loc[day < FLEET_UNTIL, ["carrier", "dest", "tailnum"]]
    used = early.merge(planes, on="tailnum", how="inner", validate="many_to_one")
    means = used.groupby(["carrier", "dest"], as_index=False)[["built", "seats", "engines"]].mean()
    return means.rename(columns={name: f"fleet_{name}" for name in ("built", "seats", "engines")})


def _read(source: Source) -> pd.DataFrame:
    return pd.read_csv(BytesIO(source.read()), compression="zip" if source.name.endswith(".zip") else None)
