"""Small generated stand-ins of the files that suites fetch: the same columns, few rows, something to be learned."""

import gzip
import io
import zipfile
from functools import cache

import numpy as np
import pandas as pd

from mtl.suites.sources import catalogue
from tests.suites.sources.recording import recorded

Draw = np.random.Generator


@cache
def stand_ins() -> dict[str, bytes]:
    """Content by the name of the file in its archive."""
    return {
        catalogue.CREDIT.name: recorded(credit()),
        catalogue.CHECK_TIMES.name: recorded(checks()),
        catalogue.HPC.name: recorded(cluster()),
        catalogue.RAND_HIE.name: recorded(claims()),
        catalogue.CENSUS.name: parquet(census()),
        catalogue.REVIEWS.name: parquet(reviews()),
        catalogue.FLIGHTS.name: zipped(flights()),
        catalogue.AIRLINES.name: text(
            pd.DataFrame({"carrier": ["AA", "UA", "B6"], "name": ["American", "United", "JetBlue"]})
        ),
        catalogue.AIRPORTS.name: text(airports()),
        catalogue.PLANES.name: text(planes()),
        catalogue.WEATHER.name: text(weather()),
        catalogue.MNIST.name: digits(28, 255, 200),
        catalogue.OPTICAL_DIGITS.name: digits(8, 16, 200),
    }


def text(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def zipped(frame: pd.DataFrame) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("flights.csv", text(frame))
    return out.getvalue()


def parquet(frame: pd.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.to_parquet(out, compression="brotli")
    return out.getvalue()


def credit(rows: int = 160) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    income = draw.normal(140, 40, rows).round()
    frame = pd.DataFrame(
        {
            "rownames": np.arange(rows) + 1,
            "Status": np.where(income + draw.normal(0, 20, rows) > 120, "good", "bad"),
            "Seniority": draw.integers(0, 30, rows),
            "Home": draw.choice(["rent", "owner", "parents"], rows),
            "Time": draw.choice([12, 36, 60], rows),
            "Age": draw.integers(18, 68, rows),
            "Marital": draw.choice(["married", "single"], rows),
            "Records": draw.choice(["no", "yes"], rows),
            "Job": draw.choice(["fixed", "freelance"], rows),
            "Expenses": draw.integers(35, 100, rows),
            "Income": income,
            "Assets": draw.exponential(5000, rows),
            "Debt": draw.exponential(300, rows),
            "Amount": draw.integers(100, 3000, rows),
            "Price": draw.integers(100, 4000, rows),
        }
    )
    frame.loc[::11, "Income"] = np.nan
    frame.loc[3, "Home"] = None
    return frame


def claims(rows: int = 240) -> pd.DataFrame:
    """Two years of each person, two persons of each family."""
    draw = np.random.default_rng(5)
    family = np.arange(rows) // 4
    frail = draw.random(rows)
    care = (frail + draw.normal(0, 0.3, rows) > 0.3).astype(int)
    admitted = np.where(care == 1, (frail > 0.7).astype(int), 0)
    admitted[5] = 2  # twice in a year without any cost
    frame = pd.DataFrame(
        {
            "rownames": np.arange(rows) + 1,
            "plan": 1 + family % 3,
            "site": 1 + family % 2,
            "coins": family % 3 * 25,
            "tookphys": draw.integers(0, 2, rows),
            "year": 1 + np.arange(rows) % 2,
            "zper": 125000 + np.arange(rows) // 2,
            "black": 0,
            "income": 5000.0 + family,
            "xage": draw.uniform(0, 64, rows),
            "female": draw.integers(0, 2, rows),
            "educdec": draw.integers(6, 18, rows).astype(float),
            "time": 1.0,
            "outpdol": care * 10.0,
            "meddol": care * np.exp(3 + frail),
            "totadm": admitted,
            "mdvis": care,
            "num": draw.integers(1, 6, rows),
            "mhi": draw.uniform(12, 100, rows),
            "disea": 20 * frail,
            "physlm": (frail > 0.8).astype(float),
            "ghindx": draw.uniform(4, 100, rows),
            "mdeoff": draw.uniform(0, 1000, rows),
            "pioff": draw.uniform(0, 1000, rows),
            "hlthg": (frail > 0.9).astype(int),
            "hlthf": 0,
            "hlthp": 0,
            "lnmeddol": np.where(care == 1, 3 + frail, np.nan),
            "binexp": care,
        }
    )
    frame.loc[5, ["binexp", "meddol", "lnmeddol"]] = [0, 0.0, np.nan]
    frame.loc[::9, "ghindx"] = np.nan
    return frame


def checks(rows: int = 200) -> pd.DataFrame:
    draw = np.random.default_rng(1)
    counts = {name: draw.integers(0, 20, rows) for name in ("authors", "imports", "r_count", "doc_count", "Roxygen")}
    frame = pd.DataFrame({"rownames": np.arange(rows), "package": [f"p{i}" for i in range(rows)], **counts})
    return frame.assign(r_size=draw.random(rows), check_time=5 + 10 * counts["r_count"], status=1)


def cluster(rows: int = 120) -> pd.DataFrame:
    draw = np.random.default_rng(2)
    amounts = {name: draw.integers(1, 500, rows) for name in ("compounds", "input_fields", "iterations", "num_pending")}
    return pd.DataFrame(
        {
            "rownames": np.arange(rows),
            "protocol": draw.choice(["A", "B"], rows),
            **amounts,
            "hour": draw.random(rows) * 24,
            "day": draw.choice(["Mon", "Tue"], rows),
            "class": np.array(["VF", "F", "M", "L"])[amounts["compounds"] // 126],
        }
    )


def census(rows: int = 200) -> pd.DataFrame:
    draw = np.random.default_rng(3)
    age = draw.integers(17, 90, rows)
    return pd.DataFrame(
        {
            "age": age,
            "workclass": draw.choice(["Private", "?", "State-gov"], rows),
            "fnlwgt": draw.integers(1, 10**6, rows),
            "education": draw.choice(["HS-grad", "Masters"], rows),
            "educational-num": draw.integers(1, 16, rows),
            "marital-status": np.where(age < 30, "Never-married", draw.choice(["Divorced", "Widowed"], rows)),
            "occupation": draw.choice(["Sales", "?"], rows),
            "relationship": np.where(age < 30, "Own-child", "Husband"),
            "race": draw.choice(["White", "Black"], rows),
            "gender": draw.choice(["Male", "Female"], rows),
            "capital-gain": draw.integers(0, 5, rows) * 1000,
            "capital-loss": draw.integers(0, 5, rows) * 100,
            "hours-per-week": draw.integers(20, 60, rows),
            "native-country": "United-States",
            "income": draw.choice(["<=50K", ">50K"], rows),
        }
    )


DEPARTMENTS = ("Tops", "Dresses", "Bottoms", "Intimate", "Jackets", "Trend")


def reviews(rows: int = 260) -> pd.DataFrame:
    draw = np.random.default_rng(4)
    rating = draw.integers(1, 6, rows)
    department = draw.choice(DEPARTMENTS, rows).astype(object)
    feel = np.array(["awful", "poor", "okay", "nice", "love"])[rating - 1]
    written = [
        f"I {f} this {d.lower()}, it's number {i}!" for i, (f, d) in enumerate(zip(feel, department, strict=True))
    ]
    frame = pd.DataFrame(
        {
            "Clothing ID": draw.integers(1, 99, rows),
            "Age": draw.integers(18, 90, rows),
            "Title": draw.choice(["Great", "So-so"], rows),
            "Review Text": written,
            "Rating": rating,
            "Recommended IND": (rating > 3).astype(int),
            "Positive Feedback Count": 0,
            "Division Name": "General",
            "Department Name": department,
            "Class Name": "Knits",
        }
    )
    frame.loc[5, "Review Text"] = None
    frame.loc[6, "Department Name"] = None
    frame.loc[7, "Title"] = None
    return frame


def hours() -> pd.DatetimeIndex:
    """Scheduled hours of the stand-in's year, UTC: every third day, three hours a day."""
    days = pd.date_range("2013-01-01", "2013-12-31", freq="3D", tz="UTC")
    return pd.DatetimeIndex([day + pd.Timedelta(hours=h) for day in days for h in (11, 15, 20)])


def flights() -> pd.DataFrame:
    draw = np.random.default_rng(5)
    when = hours().repeat(2)
    rows = len(when)
    local = when - pd.Timedelta(hours=5)
    delay = draw.normal(5, 30, rows).round()
    frame = pd.DataFrame(
        {
            "year": local.year,
            "month": local.month,
            "day": local.day,
            "dep_time": 517.0,
            "sched_dep_time": local.hour * 100 + 15,
            "dep_delay": delay,
            "arr_time": 830.0,
            "sched_arr_time": (local.hour + 2) * 100 + 19,
            "arr_delay": delay + draw.normal(0, 5, rows).round(),
            "carrier": draw.choice(["AA", "UA", "B6"], rows),
            "flight": draw.integers(1, 2000, rows),
            "tailnum": draw.choice(["N1", "N2", "N3", "N4"], rows).astype(object),
            "origin": draw.choice(["EWR", "JFK", "LGA"], rows),
            "dest": draw.choice(["IAH", "MIA", "BQN"], rows),
            "air_time": 200.0,
            "distance": draw.integers(100, 3000, rows),
            "hour": local.hour,
            "minute": 15,
            "time_hour": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    )
    cancelled = draw.random(rows) < 0.15
    frame.loc[cancelled, ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]] = np.nan
    frame.loc[cancelled, "tailnum"] = None
    return frame


def airports() -> pd.DataFrame:
    return pd.DataFrame(
        {"faa": ["IAH", "MIA"], "name": "n", "lat": [29.9, 25.7], "lon": [-95.3, -80.2], "alt": [97, 8]}
    )


def planes() -> pd.DataFrame:
    frame = pd.DataFrame({"tailnum": ["N1", "N2", "N3"], "year": [1998.0, 2004.0, np.nan], "type": "Fixed wing"})
    return frame.assign(manufacturer="X", model="Y", engines=2, seats=[100, 150, 200], speed=np.nan, engine="Z")


def weather() -> pd.DataFrame:
    draw = np.random.default_rng(6)
    frames = []
    for origin in ("EWR", "JFK"):  # none at LGA
        when = hours()
        frame = pd.DataFrame({"origin": origin, "year": 2013, "month": 1, "day": 1, "hour": 1}, index=range(len(when)))
        for name in ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"):
            frame[name] = draw.normal(50, 10, len(when)).round(2)
        frames.append(frame.assign(time_hour=when.strftime("%Y-%m-%dT%H:%M:%SZ")))
    return pd.concat(frames)


def digits(side: int, full: int, rows: int) -> bytes:
    """A bar for each class, at a place of its own."""
    draw = np.random.default_rng(7)
    labels = np.arange(rows) % 10
    images = np.zeros((rows, side, side), dtype=int)
    for image, label in zip(images, labels, strict=True):
        row = 1 + label * (side - 3) // 9
        image[row : row + 2, 1 : side - 1] = full
        image[draw.integers(side), draw.integers(side)] = full // 2
    table = np.concatenate([images.reshape(rows, -1), labels[:, None]], 1)
    return gzip.compress("\n".join(",".join(map(str, line)) for line in table).encode(), mtime=0)
