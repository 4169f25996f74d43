"""Real reviews of clothes in a shop for women: how a customer felt, which department it is about, what she advises."""

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from typing_extensions import override

from mtl.errors import InputError, absent, unknown, without_effect
from mtl.nn.encoder import SINGLE, Inputs
from mtl.suites.base import MultiTaskDataModule, read_statistics
from mtl.suites.batch import Split
from mtl.suites.reviews import subwords, words
from mtl.suites.reviews.subwords import BPE, SubwordTokenizer
from mtl.suites.reviews.words import FIRST, Vocabulary
from mtl.suites.sources.cached_values import TENSORS, load_or_make
from mtl.suites.sources.catalogue import REVIEWS
from mtl.suites.table import Splitting, columns, splitting
from mtl.tasks import binary, classification

DEPARTMENTS = ("Bottoms", "Dresses", "Intimate", "Jackets", "Tops", "Trend")
SENTIMENTS = ("negative", "neutral", "positive")  # 1 or 2 stars, 3, 4 or 5
FORMS = ("bag", "sequence")
VOCABULARY, LENGTH = 2000, 100  # where nothing is said


class ReviewsSuite(MultiTaskDataModule):
    """22,628 reviews; tasks ``sentiment`` (3 classes), ``department`` (6 classes) and ``recommended`` (yes or no).

    Inputs, from title and text, are either a bag of words ``x [N, V]`` for any encoder of flat inputs, or a sequence
    ``tokens [N, L]`` of numbers of words, or of pieces of words, with ``mask [N, L]`` (True = a word) for encoders of
    texts.

    The vocabulary is made of the training rows. Equal texts are in the same split. Reviews of one product may depend on
    each other, so that test rows count as so many products.

    Args:
        form: ``bag`` or ``sequence``.
        vocabulary: V; word numbers of a sequence are below V + 2, those of pieces made here below V.
        length: L, words or pieces of a sequence.
        tokenizer: of a sequence: None, whole words; ``bpe``, pieces of words, made of the training rows; else the
            folder or the name on the Hugging Face hub of a pretrained one, to go with a pretrained encoder.
        seed: of the random split into 70, 15 and 15 % of the rows.
        statistics: file in which a run wrote down its vocabulary or tokenizer, to be used again.

    Raises:
        InputError: an unknown form, a size below 1, a tokenizer for bags or that cannot be had; a length of bags or a
            number of words for a pretrained tokenizer, which have none.
    """

    def __init__(
        self,
        form: str = "bag",
        vocabulary: int = VOCABULARY,
        length: int = LENGTH,
        tokenizer: str | None = None,
        seed: int = 0,
        statistics: str | None = None,
    ) -> None:
        super().__init__()
        if form not in FORMS:
            raise unknown("form in task.form", form, FORMS)
        if vocabulary < 1 or length < 1:
            raise InputError(f"task.vocabulary={vocabulary} and length={length}: expected 1 or more")
        if tokenizer and form == "bag":
            raise InputError(f"task.tokenizer={tokenizer} makes sequences: set task.form=sequence")
        if form == "bag" and length != LENGTH:
            raise without_effect("task.length", length, "task.form=sequence")
        if tokenizer and tokenizer != BPE and vocabulary != VOCABULARY:
            raise without_effect("task.vocabulary", vocabulary, "task.tokenizer=null or bpe, as others have their own")
        self.form, self.size, self.length, self.tokenizer = form, vocabulary, length, tokenizer
        self.splitting = Splitting("group", "text", groups="product", seed=seed)
        self.vocabulary: Vocabulary | SubwordTokenizer | None = None
        if statistics:
            self.vocabulary = read_statistics(Path(statistics), from_statistics)
        elif tokenizer and tokenizer != BPE:
            self.vocabulary = SubwordTokenizer.pretrained(tokenizer)
        self.tasks = (
            classification("sentiment", len(SENTIMENTS)),
            classification("department", len(DEPARTMENTS)),
            binary("recommended"),
        )
        if form == "sequence":
            self.longest_text, self.own_words = length, not self.is_pretrained
            self.words = vocabulary + FIRST if not tokenizer else vocabulary
        if isinstance(self.vocabulary, SubwordTokenizer):
            self.words = self.vocabulary.size
        self.input_shape = {SINGLE: (vocabulary,)} if form == "bag" else {"tokens": (None,), "mask": (None,)}

    @property
    def is_pretrained(self) -> bool:
        """Whether the texts are divided by a tokenizer that was there before."""
        return self.tokenizer not in (None, "", BPE)

    @property
    def fingerprint(self) -> str:
        """Hash of the file and of what is made of it."""
        made: tuple[Any, ...] = (REVIEWS.sha256, self.form, self.size, self.length, self.splitting)
        if self.tokenizer:  # of a pretrained one what it does, whatever folder it is in
            made += (self.vocabulary if self.is_pretrained else BPE,)
        return hashlib.sha256(repr(made).encode()).hexdigest()[:16]

    def statistics(self) -> dict[str, Any]:
        """The vocabulary or the tokenizer."""
        return vars(self.vocabulary) if self.vocabulary else {}

    @property
    def values(self) -> dict[str, tuple[str, ...]]:
        """What the classes are called."""
        return {"sentiment": SENTIMENTS, "department": DEPARTMENTS, "recommended": ("no", "yes")}

    def inputs(self, frame: pd.DataFrame) -> Inputs:
        """New reviews, the column ``text``, as the network reads them; see :meth:`encode`."""
        if "text" not in frame.columns:
            raise absent("input column", "text", frame.columns)
        return self.encode(frame["text"].fillna("").astype(str).tolist())

    @override
    def unfamiliar(self, frame: pd.DataFrame) -> list[str]:
        if not isinstance(self.vocabulary, Vocabulary):  # pieces of words make up most texts
            return []
        known, texts = set(self.vocabulary.words), frame["text"].fillna("").astype(str)
        strange = [row for row, text in enumerate(texts, start=1) if not known & set(words.words(text))]
        if not strange:
            return []
        return [
            f"{len(strange)} of {len(texts)} texts have no word that is known from training, such as that of row "
            f"{strange[0]}: their predictions mean little"
        ]

    def encode(self, texts: list[str]) -> Inputs:
        """New texts as the network reads them. Needs the rows of :meth:`load` or a run's statistics."""
        assert self.vocabulary is not None
        if self.form == "bag":
            assert isinstance(self.vocabulary, Vocabulary)
            bags = self.vocabulary.encode_bags(texts)
            short = self.size - bags.shape[1]  # a small corpus may have fewer words than there is room for
            return {SINGLE: torch.nn.functional.pad(bags, (0, short)) if short else bags}
        return self.vocabulary.encode_sequences(texts, self.length)

    def load(self) -> dict[str, Split]:
        """The vocabulary and the encoded rows, made once and then read from the cache."""
        code = (__file__, words.__file__, subwords.__file__, splitting.__file__, columns.__file__)
        options = (self.form, self.size, self.length, self.tokenizer, self.splitting, self.vocabulary)
        made = load_or_make("reviews", self.encoded, TENSORS, sources=(REVIEWS,), code=code, options=options)
        self.vocabulary = from_statistics(made.pop("vocabulary"))
        return {name: Split(inputs, targets, groups=products) for name, (inputs, targets, products) in made.items()}

    def encoded(self) -> dict[str, Any]:
        """Read the reviews, make the vocabulary, encode the rows: inputs, targets and products by split; the words."""
        frame = reviews()
        rows, groups = self.splitting.rows(frame), self.splitting.row_groups(frame)
        assert groups is not None
        if self.vocabulary is None:
            kind = SubwordTokenizer if self.tokenizer else Vocabulary
            self.vocabulary = kind.fit(frame["text"].iloc[rows["train"]].tolist(), self.size)
        made: dict[str, Any] = {"vocabulary": self.statistics()}
        for name, chosen in rows.items():
            part = frame.iloc[chosen]
            targets = {
                "sentiment": torch.tensor(part["sentiment"].to_numpy()),
                "department": torch.tensor(part["department"].to_numpy()),
                "recommended": torch.tensor(part["recommended"].to_numpy(), dtype=torch.float32),
            }
            made[name] = (self.encode(part["text"].tolist()), targets, torch.from_numpy(groups[chosen]))
        return made


def reviews() -> pd.DataFrame:
    """One row per review with a text and a department: ``text``, ``product`` and the numbers of the labels."""
    frame = pd.read_parquet(BytesIO(REVIEWS.read()))
    frame = frame[frame["Review Text"].notna() & frame["Department Name"].isin(DEPARTMENTS)]
    text = frame["Title"].fillna("") + " " + frame["Review Text"]
    return pd.DataFrame(
        {
            "text": text,
            "product": frame["Clothing ID"],
            "sentiment": frame["Rating"].map({1: 0, 2: 0, 3: 1, 4: 2, 5: 2}).astype("int64"),
            "department": frame["Department Name"].map(DEPARTMENTS.index).astype("int64"),
            "recommended": frame["Recommended IND"],
        }
    ).reset_index(drop=True)


def from_statistics(found: dict[str, Any]) -> Vocabulary | SubwordTokenizer:
    """The vocabulary or tokenizer that :meth:`ReviewsSuite.statistics` wrote down."""
    if "written" in found:
        return SubwordTokenizer(str(found["written"]))
    return Vocabulary(tuple(found["words"]), tuple(found["rarity"]))
