"""The public data itself: rows and labels as counted, some rows as looked up by hand. Only on request.

Tests do not use the network, so these run only where ``MTL_CACHE`` names a cache directory; what is missing there is
downloaded: ``MTL_CACHE=~/.cache/mtl make test ARGS=tests/suites/test_real_data.py``.
"""

import os

import numpy as np
import pandas as pd
import pytest
import torch

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.nn.transformer import Transformer
from mtl.suites.census import persons
from mtl.suites.claims import years
from mtl.suites.credit import applications
from mtl.suites.digits.images import read_digits
from mtl.suites.flights import departures, flights
from mtl.suites.jobs import checks, cluster
from mtl.suites.reviews.suite import DEPARTMENTS, reviews
from mtl.suites.sources.archive import Source
from mtl.suites.sources.cache import sha256
from mtl.suites.sources.catalogue import ALL
from mtl.suites.sources.minilm import folder

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def available() -> None:
    """Skip all where the data is not asked for, or cannot be had."""
    if not os.environ.get("MTL_CACHE"):
        pytest.skip("looks at the public data itself, which may be downloaded: set MTL_CACHE to run it")
    try:
        for source in ALL:
            source.read()
    except InputError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.name)
def test_files_are_the_ones_in_the_catalogue(source: Source) -> None:
    assert sha256(source.read()) == source.sha256


def test_credit() -> None:
    frame = applications()
    assert frame.shape == (4454, 14)
    assert (frame["Status"] == "bad").sum() == 1254
    assert frame["Income"].isna().sum() == 381
    assert np.exp(frame["log_amount"].iloc[0]) == pytest.approx(800)


def test_claims() -> None:
    frame = years()
    assert len(frame) == 20190
    assert frame["care"].sum() == 15747
    assert frame["admission"].sum() == 1819
    assert frame["log_cost"].notna().sum() == 15737


def test_census() -> None:
    frame = persons()
    assert len(frame) == 48842
    assert frame["income"].value_counts().to_dict() == {"<=50K": 37155, ">50K": 11687}
    assert frame["never_married"].sum() == 16117


def test_flights() -> None:
    frame = departures()
    assert len(frame) == 336776
    assert frame["cancelled"].sum() == 8255
    assert frame["late"].notna().sum() == 328521
    assert frame["late"].eq(True).sum() == 70774
    assert frame["arrival_delay"].notna().sum() == 327346
    first = frame.iloc[0]  # UA 1545 from Newark to Houston on the first of January, 5:15 in the morning
    looked_up = {
        "weekday": "Tuesday", "departure_minute": 315, "arrival_minute": 499, "distance": 1400, "dest": "IAH",
        "arrival_delay": 11.0, "temp": 39.02, "lat": 29.984433, "airline": "United Air Lines Inc.",
    }  # fmt: skip
    assert first[list(looked_up)].to_dict() == looked_up
    last = frame.iloc[-1]  # MQ 3531 from LaGuardia to Raleigh on the 30th of September, cancelled
    assert last["scheduled"] == pd.Timestamp("2013-09-30 12:40", tz="UTC")
    assert last["cancelled"]
    assert last["late"] is None or np.isnan(last["late"])


def test_no_input_of_the_flights_tells_the_outcome() -> None:
    """No single feature ranks flights by a target better than real knowledge could: AUC within 0.25 to 0.75."""
    suite = flights()
    suite.setup("fit")
    split = suite.splits["train"]
    ranks = torch_ranks(split.inputs[SINGLE][::10])
    for task in ("late", "cancelled"):
        yes = (split.targets[task][::10] == 1).numpy()
        known = ~split.targets[task][::10].isnan().numpy()
        found = [auc(ranks[known, i], yes[known]) for i in range(ranks.shape[1])]
        name, most = max(zip(suite.encoding.features, found, strict=True), key=lambda entry: abs(entry[1] - 0.5))
        assert abs(most - 0.5) < 0.25, f"{task}: {name}"


def torch_ranks(values: object) -> np.ndarray:
    """Average ranks of each column."""
    return np.asarray(pd.DataFrame(np.asarray(values)).rank().to_numpy())


def auc(ranks: np.ndarray, yes: np.ndarray) -> float:
    """Area under the ROC curve: the Mann-Whitney statistic."""
    ranked = pd.Series(ranks).rank().to_numpy()
    positive = yes.sum()
    return float((ranked[yes].sum() - positive * (positive + 1) / 2) / (positive * (len(yes) - positive)))


def test_reviews() -> None:
    frame = reviews()
    assert len(frame) == 22628
    assert frame["sentiment"].value_counts().to_dict() == {2: 17435, 1: 2823, 0: 2370}
    counts = {DEPARTMENTS[code]: n for code, n in frame["department"].value_counts().items()}
    assert counts == {"Tops": 10048, "Dresses": 6145, "Bottoms": 3662, "Intimate": 1653, "Jackets": 1002, "Trend": 118}
    assert frame["recommended"].sum() == 18527


def test_pretrained_texts() -> None:
    """The model whose values are known by their hash, with the tokenizer that goes with it: like texts lie close."""
    transformers = pytest.importorskip("transformers")
    where = folder()
    tokenizer = transformers.AutoTokenizer.from_pretrained(where)
    texts = ["A man is eating food.", "A man eats something.", "The girl plays the violin."]
    found = tokenizer(texts, padding=True, return_tensors="pt")
    encoder = Transformer({"tokens": (None,), "mask": (None,)}, pretrained=where, tuning="frozen").eval()
    assert len(encoder.stages) == 6
    vectors = encoder({"tokens": found["input_ids"], "mask": found["attention_mask"].bool()})
    similar = torch.nn.functional.cosine_similarity(vectors[:1], vectors[1:])
    assert similar[0] > 0.6
    assert similar[1] < 0.2


def test_jobs() -> None:
    assert len(checks()) == 13626
    assert cluster()["class"].value_counts().to_dict() == {"VF": 2211, "F": 1347, "M": 514, "L": 259}
    assert np.exp(checks()["log_seconds"].iloc[0]) == pytest.approx(49)


@pytest.mark.parametrize(("name", "rows", "side"), [("mnist", 5000, 28), ("optical", 1797, 8)])
def test_digits(name: str, rows: int, side: int) -> None:
    digits = read_digits(name)
    assert digits.images.shape == (rows, side, side)
    assert digits.images.max() == 1
    assert sorted(set(digits.labels)) == list(range(10))
