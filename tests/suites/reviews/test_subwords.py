"""Texts as pieces of words, by the library tokenizers; all but the last skipped where the extra is not installed."""

import builtins
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from mtl.assembly import load
from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.suites.base import read_statistics
from mtl.suites.reviews import ReviewsSuite
from mtl.suites.reviews.subwords import SubwordTokenizer
from mtl.suites.reviews.suite import from_statistics
from tests.suites.test_smoke import config

TEXTS = ["I love this dress, love it", "Not the dress I loved!", "lovely dresses"] * 3
pytestmark = pytest.mark.usefixtures("published")


@pytest.fixture
def transformers() -> Any:
    """The library."""
    return pytest.importorskip("transformers")


def test_pieces_put_together_are_the_words(transformers: Any) -> None:
    tokenizer = SubwordTokenizer.fit(TEXTS, 60)
    known = json.loads(tokenizer.written)["model"]["vocab"]
    names = {number: name for name, number in known.items()}
    assert len(known) <= 60
    found = tokenizer.encode_sequences(["Loved LOVE", "", "dress " * 9, "日"], 6)
    assert found["tokens"].shape == found["mask"].shape == (4, 6)
    first = [names[i] for i in found["tokens"][0][found["mask"][0]].tolist()]
    assert "".join(first) == "▁loved▁love"
    assert [names[i] for i in found["tokens"][1][found["mask"][1]].tolist()] == ["[UNK]"], "an empty text"
    assert found["mask"][2].all(), "cut off"
    assert [names[i] for i in found["tokens"][3][found["mask"][3]].tolist()] == ["▁", "[UNK]"]
    assert SubwordTokenizer.fit(TEXTS, 60) == tokenizer


def test_a_run_repeats_its_tokenizer(transformers: Any, tmp_path: Path) -> None:
    suite = ReviewsSuite("sequence", vocabulary=80, length=8, tokenizer="bpe")
    suite.setup("fit")
    inputs = suite.splits["train"].inputs
    assert 1 < inputs["tokens"].max() < 80
    path = tmp_path / "statistics.json"
    path.write_text(json.dumps(suite.statistics()))
    again = ReviewsSuite("sequence", length=8, tokenizer="bpe", statistics=str(path))
    assert again.vocabulary == suite.vocabulary == read_statistics(path, from_statistics)
    torch.testing.assert_close(again.encode(TEXTS), suite.encode(TEXTS))
    plain = ReviewsSuite("sequence", vocabulary=80, length=8)
    assert plain.fingerprint != suite.fingerprint


@pytest.mark.parametrize(
    ("tokenizer", "options", "said"),
    [
        (None, ["encoder.length=6"], "texts of at most 6 words"),
        ("bpe", ["encoder.pretrained={folder}"], "numbered by its own texts"),
    ],
)
def test_texts_that_an_encoder_cannot_read_are_refused_before_training(
    transformers: Any, tmp_path: Path, tokenizer: str | None, options: list[str], said: str
) -> None:
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    model = transformers.BertConfig(vocab_size=40, max_position_embeddings=16, **sizes)
    transformers.BertModel(model, add_pooling_layer=False).save_pretrained(tmp_path / "model")
    given = [one.format(folder=tmp_path / "model") for one in options]
    chosen = [] if tokenizer is None else [f"task.tokenizer={tokenizer}"]
    with pytest.raises(InputError, match=said):
        train(
            config("reviews", tmp_path, "task.form=sequence", "task.length=8", "encoder=transformer", *chosen, *given)
        )


@pytest.mark.smoke
def test_a_pretrained_tokenizer_goes_with_its_encoder(transformers: Any, tmp_path: Path) -> None:
    """Both from one folder, as a model on the hub is: the tokens are the library's own."""
    folder = tmp_path / "model"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "i", "love", "this", "dress", "it", "'", "s", "!", "##es"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    tokenizer = transformers.BertTokenizerFast(vocab_file=str(tmp_path / "vocab.txt"))
    tokenizer.save_pretrained(folder)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    model = transformers.BertConfig(vocab_size=len(words), max_position_embeddings=16, **sizes)
    transformers.BertModel(model, add_pooling_layer=False).save_pretrained(folder)
    suite = ReviewsSuite("sequence", length=6, tokenizer=str(folder))
    found = suite.encode(["I love this", "dresses!"])
    expected = tokenizer(["I love this", "dresses!"], padding="max_length", truncation=True, max_length=6)
    assert found["tokens"].tolist() == expected["input_ids"]
    assert found["mask"].long().tolist() == expected["attention_mask"]
    options = ["task.form=sequence", "task.length=8", "task.vocabulary=2000", f"task.tokenizer={folder}", "model=hard"]
    result = train(config("reviews", tmp_path, *options, "encoder=transformer", f"encoder.pretrained={folder}"))
    assert result is not None
    assert load(result.directory)
    folder.rename(tmp_path / "other")
    with pytest.raises(InputError, match=r"encoder\.pretrained=.*: there is no such folder .*: put it back under this"):
        load(result.directory)


def test_a_pretrained_tokenizer_is_known_by_what_it_does(transformers: Any, tmp_path: Path) -> None:
    """Not by its folder: another one of the same name gives other tokens, a copy elsewhere the same."""

    def made(folder: str, *words: str) -> str:
        where = tmp_path / folder
        where.mkdir(exist_ok=True)
        (where / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
        transformers.BertTokenizerFast(vocab_file=str(where / "vocab.txt")).save_pretrained(where)
        return ReviewsSuite("sequence", tokenizer=str(where)).fingerprint

    one = made("one", "love", "dress")
    assert made("copy", "love", "dress") == one
    assert made("one", "dress", "love") != one


def test_sizes_that_inputs_do_not_have_are_refused(transformers: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^task\.length=50 has no effect: expected it with task\.form=sequence$"):
        ReviewsSuite(length=50)
    with pytest.raises(InputError, match=r"^task\.vocabulary=500 has no effect: expected it with task\.tokenizer=null"):
        ReviewsSuite("sequence", vocabulary=500, tokenizer=str(tmp_path))


def test_a_tokenizer_that_cannot_be_had_is_told(transformers: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"task\.tokenizer=.*none: ") as caught:
        ReviewsSuite("sequence", tokenizer=str(tmp_path / "none"))
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"task\.tokenizer=.*: expected one of tokenizer\.json, .* in this folder$"):
        ReviewsSuite("sequence", tokenizer=str(tmp_path))
    (tmp_path / "tokenizer.json").write_text("{oops")
    with pytest.raises(InputError, match=r"^task\.tokenizer=[^\n]*$"):
        ReviewsSuite("sequence", tokenizer=str(tmp_path))
    with pytest.raises(InputError, match=r"task\.tokenizer=bpe makes sequences: set task\.form=sequence"):
        ReviewsSuite(tokenizer="bpe")


def test_without_the_library_one_line_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "tokenizers":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "tokenizers", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    suite = ReviewsSuite("sequence", tokenizer="bpe")
    for needing in (suite.load, lambda: ReviewsSuite("sequence", tokenizer="some/model")):
        with pytest.raises(InputError, match=r"pip install 'mtl-verdict\[text\]'"):
            needing()
