"""Suites of public data: rows joined and labelled rightly, nothing in the inputs that tells the outcome."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.nn.heads import BinaryHead, ConditionalHead
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.census import census
from mtl.suites.claims import INPUTS, claims, years
from mtl.suites.credit import credit
from mtl.suites.flights import departures, fleets, flights
from mtl.suites.jobs import jobs
from mtl.suites.reviews import ReviewsSuite
from mtl.suites.reviews.words import FIRST, OTHER, PADDING, Vocabulary, words
from mtl.suites.sources.catalogue import FLIGHTS
from mtl.suites.table import TableSuite
from mtl.tasks import TaskGraph
from tests.suites import standins

pytestmark = pytest.mark.usefixtures("published")


def loaded(suite: MultiTaskDataModule) -> MultiTaskDataModule:
    suite.configure_batches(16, seed=0)
    suite.setup("fit")
    return suite


def test_credit_has_default_and_log_amount() -> None:
    suite = credit()
    loaded(suite)
    raw = standins.credit()
    rows = suite.splitting.rows(suite.frame)
    for name, split in suite.splits.items():
        part = raw.iloc[rows[name]]
        assert split.targets["default"].tolist() == (part["Status"] == "bad").astype(float).tolist()
        np.testing.assert_allclose(split.targets["log_amount"], np.log(part["Amount"]), rtol=1e-6)


def test_what_credit_predicts_is_no_input() -> None:
    columns = {column.name for column in credit().encoding.columns}
    assert {"Income", "Home", "Price"} <= columns
    assert not columns & {"Status", "Amount", "log_amount", "rownames"}


def test_claims_are_events_that_follow_one_another() -> None:
    raw, rows = standins.claims(), years()
    assert rows["admission"].tolist() == (raw["totadm"] > 0).tolist()
    assert not (rows["admission"] & ~rows["care"]).any(), "an admission is care, whatever it costs"
    assert rows["care"].sum() == (raw["binexp"] == 1).sum() + 1
    assert rows["log_cost"].isna().tolist() == (raw["binexp"] == 0).tolist()
    assert set(rows["health"]) == {"good", "excellent"}
    suite = claims()
    columns = {column.name for column in suite.encoding.columns}
    assert columns == {*INPUTS, "health"}


def test_families_of_claims_stay_together() -> None:
    suite = claims()
    parts = [set(suite.frame["family"].iloc[rows]) for rows in suite.splitting.rows(suite.frame).values()]
    assert len(set.union(*parts)) == sum(map(len, parts)) == len(standins.claims()) // 4


def test_an_admission_may_be_given_care() -> None:
    """The head of :func:`mtl.tasks.conditional`, and the same labels."""
    apart, given = claims(), claims(conditional=True)
    assert [task.depends_on for task in apart.tasks] == [(), (), ()]
    assert [task.depends_on for task in given.tasks] == [(), ("care",), ()]
    one, other = loaded(apart).splits["train"], loaded(given).splits["train"]
    assert one.targets["admission"].equal(other.targets["admission"])
    assert isinstance(given.tasks[1].head(5), ConditionalHead)


def test_an_admission_that_is_given_care_is_not_learned_without_it() -> None:
    """A feature of the representation would else stand for the chance of care."""
    with pytest.raises(InputError, match="tasks: 'admission' is predicted given 'care': name both, or none of them"):
        claims(conditional=True).restrict(["admission", "log_cost"])
    data = loaded(claims(conditional=True))
    (alone,) = data.part(["admission"]).tasks  # as where a training measures which tasks help each other
    assert type(alone.head(5)) is BinaryHead
    assert alone.depends_on == ()
    data.restrict(["care", "admission"])
    assert data.tasks[1].depends_on == ("care",)
    for depends_on in ([], ["care", "log_cost"]):
        with pytest.raises(InputError, match=r"'admission' is predicted given 'care', which has to be the last"):
            TaskGraph(claims(conditional=True).tasks).depending({"admission": depends_on})


def test_census_keeps_away_what_tells_the_marriage() -> None:
    suite = census()
    columns = {column.name for column in suite.encoding.columns}
    assert not columns & {"marital-status", "relationship", "never_married", "income", "hours-per-week", "fnlwgt"}
    assert suite.targets[0].values == ("<=50K", ">50K")
    assert "workclass = ?" not in suite.encoding.features, "a question mark means not known"
    raw = standins.census()
    assert suite.frame["never_married"].tolist() == (raw["marital-status"] == "Never-married").tolist()


def test_flights_are_joined_row_by_row() -> None:
    """The joined rows against the tables looked up one by one."""
    raw, joined = standins.flights(), departures()
    weather, airports = standins.weather(), standins.airports().set_index("faa")
    assert len(joined) == len(raw)
    for i in (0, 7, 100, len(raw) - 1):
        flight, row = raw.iloc[i], joined.iloc[i]
        assert row["scheduled"] == pd.Timestamp(flight["time_hour"]) + pd.Timedelta(minutes=15)
        assert row["airline"] == {"AA": "American", "UA": "United", "B6": "JetBlue"}[flight["carrier"]]
        there = weather[(weather["origin"] == flight["origin"]) & (weather["time_hour"] == flight["time_hour"])]
        assert row["temp"] == there["temp"].iloc[0] if len(there) else np.isnan(row["temp"])
        known = flight["dest"] in airports.index
        assert row["lat"] == airports["lat"][flight["dest"]] if known else np.isnan(row["lat"])
        same = (raw["origin"] == flight["origin"]) & (raw["time_hour"] == flight["time_hour"])
        assert row["departures_this_hour"] == same.sum()
        assert row["departure_minute"] == flight["sched_dep_time"] // 100 * 60 + 15
        assert row["arrival_minute"] == flight["sched_arr_time"] // 100 * 60 + 19
        assert row["cancelled"] == pd.isna(flight["dep_time"])


def test_cancelled_flights_have_no_delay() -> None:
    joined = departures()
    assert joined["late"].isna().equals(joined["cancelled"])
    assert joined.loc[joined["cancelled"], "arrival_delay"].isna().all()
    flown = joined[~joined["cancelled"]]
    assert (flown["late"].astype(bool) == (standins.flights().loc[flown.index, "dep_delay"] > 15)).all()


def test_flights_know_nothing_of_the_outcome(published: dict[str, bytes]) -> None:
    """Inputs stay the same when every flight goes otherwise: other delays, none cancelled, other planes later on."""
    before = departures()
    raw = standins.flights()
    late = raw["month"] > 6
    raw = raw.assign(dep_time=1.0, dep_delay=99.0, arr_time=2.0, arr_delay=77.0, air_time=5.0, flight=3)
    raw.loc[late, "tailnum"] = "N3"
    published[FLIGHTS.name] = standins.zipped(raw)
    after = departures()
    outcome = ["late", "arrival_delay", "cancelled"]
    pd.testing.assert_frame_equal(before.drop(columns=outcome), after.drop(columns=outcome))
    assert (after["arrival_delay"] == 77).all()


def test_what_is_missing_does_not_tell_that_a_flight_was_cancelled() -> None:
    suite = flights()
    columns = [column.name for column in suite.encoding.columns]
    assert not {"late", "arrival_delay", "cancelled", "scheduled", "tailnum"} & set(columns)
    missing = suite.frame[columns].isna()
    for column in columns:
        shares = missing[column].groupby(suite.frame["cancelled"]).mean()
        assert abs(shares[True] - shares[False]) < 0.15, column


def test_flights_are_split_by_time() -> None:
    suite = flights()
    times = [suite.frame["scheduled"].iloc[rows] for rows in suite.splitting.rows(suite.frame).values()]
    assert times[0].max() < times[1].min()
    assert times[1].max() < times[2].min()
    assert times[0].max() > pd.Timestamp("2013-07-01", tz="UTC"), "the flights that describe fleets are training rows"


def test_fleets_are_means_over_early_flights() -> None:
    raw = standins.flights()
    day = pd.to_datetime(raw[["year", "month", "day"]])
    found = fleets(raw, day).set_index(["carrier", "dest"])
    seats = standins.planes().set_index("tailnum")["seats"]
    chosen = raw[
        (day < "2013-07-01") & (raw["carrier"] == "AA") & (raw["dest"] == "MIA") & raw["tailnum"].isin(seats.index)
    ]
    assert found.loc[("AA", "MIA"), "fleet_seats"] == pytest.approx(chosen["tailnum"].map(seats).mean())


def test_jobs_have_a_task_for_each_table() -> None:
    suite = jobs()
    loaded(suite)
    for split in suite.splits.values():
        seconds, duration = split.targets["log_seconds"], split.targets["duration"]
        assert (seconds.isnan() == (duration != -100)).all(), "a row has exactly one label"
        assert 0 < (duration != -100).sum() < len(split)
    columns = {column.name for column in suite.encoding.columns}
    assert not columns & {"check_time", "log_seconds", "status", "package", "class", "rownames"}


@pytest.mark.parametrize("make", [credit, census, claims, flights, jobs])
def test_later_rows_are_read_from_a_file_as_the_own_ones_are(make: Callable[..., TableSuite], tmp_path: Path) -> None:
    """Its rows are the suite's own here, so that both have to be the same inputs and labels."""
    own = make()
    frame = own.frame
    path = tmp_path / "later.csv"
    frame.to_csv(path, index=False)
    suite = make(later={"path": str(path), "use": "after"})
    loaded(suite)
    rows = suite.splitting.rows(suite.frame)
    assert sorted(np.concatenate(list(rows.values()))) == list(range(2 * len(frame)))
    assert set(range(len(frame))) <= set(rows["train"])
    assert abs(len(rows["test"]) / len(frame) - 0.25) < 0.1
    first, second = suite.frame.iloc[: len(frame)], suite.frame.iloc[len(frame) :]
    for target in suite.targets:
        torch.testing.assert_close(target.encode(first), target.encode(second), equal_nan=True)
    for name, values in suite.inputs(first).items():
        torch.testing.assert_close(values, suite.inputs(second)[name])
    alone = make(later={"path": str(path), "use": "alone"})
    loaded(alone)
    found = alone.splitting.rows(alone.frame)
    assert {name: found[name].tolist() for name in ("val", "test")} == {
        name: rows[name].tolist() for name in ("val", "test")
    }
    assert found["train"].tolist() == [row for row in rows["train"] if row >= len(frame)]
    assert len({own.fingerprint, suite.fingerprint, alone.fingerprint}) == 3
    tested = make(later={"path": str(path), "use": "test"})
    assert tested.splitting.rows(tested.frame)["test"].tolist() == list(range(len(frame), 2 * len(frame)))


def test_reviews_are_labelled() -> None:
    suite = ReviewsSuite(vocabulary=30)
    loaded(suite)
    raw = standins.reviews().dropna(subset=["Review Text", "Department Name"])
    assert sum(len(split) for split in suite.splits.values()) == len(raw) == 258
    total = torch.cat([split.targets["recommended"] for split in suite.splits.values()])
    assert total.sum() == raw["Recommended IND"].sum()
    for split in suite.splits.values():
        positive = split.targets["sentiment"] == 2
        assert torch.equal(positive, split.targets["recommended"] == 1), "four or five stars in the stand-in"


def test_the_words_of_a_review_stay_with_its_labels() -> None:
    suite = ReviewsSuite(vocabulary=40)
    loaded(suite)
    assert suite.vocabulary is not None
    place = suite.vocabulary.words.index("love")
    for split in suite.splits.values():
        loving = split.inputs[SINGLE][:, place] > 0
        assert loving.any()
        assert (split.targets["sentiment"][loving] == 2).all()


def test_the_vocabulary_is_of_the_training_rows() -> None:
    suite = ReviewsSuite(vocabulary=10_000)
    loaded(suite)
    assert suite.vocabulary is not None
    inputs = suite.splits["train"].inputs[SINGLE]
    used = (inputs > 0).any(0)
    assert used[: len(suite.vocabulary.words)].all(), "every word is in a training text"


def test_reviews_as_sequences() -> None:
    suite = ReviewsSuite(form="sequence", vocabulary=30, length=6)
    loaded(suite)
    for split in suite.splits.values():
        tokens, mask = split.inputs["tokens"], split.inputs["mask"]
        assert tokens.shape == mask.shape == (len(split), 6)
        assert tokens.max() < 30 + FIRST
        assert torch.equal(mask, tokens != PADDING)


def test_a_bag_is_weighted_by_rarity_and_has_length_one() -> None:
    vocabulary = Vocabulary.fit(["a b", "a c", "a b c d"], 3)
    assert vocabulary.words == ("a", "b", "c")
    np.testing.assert_allclose(vocabulary.rarity, [1.0, np.log(4 / 3) + 1, np.log(4 / 3) + 1])
    bag = vocabulary.encode_bags(["b b a x", "y"])
    raw = torch.tensor([1.0, (1 + np.log(2)) * vocabulary.rarity[1], 0.0])
    torch.testing.assert_close(bag[0], (raw / raw.norm()).float())
    assert bag[1].tolist() == [0, 0, 0]


def test_a_sequence_keeps_the_order() -> None:
    vocabulary = Vocabulary(("good", "not"), (1.0, 1.0))
    found = vocabulary.encode_sequences(["Not GOOD, really", "", "good good good good good"], 4)
    assert found["tokens"].tolist() == [[3, 2, OTHER, 0], [OTHER, 0, 0, 0], [2, 2, 2, 2]]
    assert torch.equal(found["mask"], found["tokens"] != PADDING)
    assert words("It's so-so!") == ["it's", "so", "so", "!"]
