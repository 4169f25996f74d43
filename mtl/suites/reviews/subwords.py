"""Subword tokenizers of the library tokenizers: fitted to the training texts, or pretrained."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mtl.errors import InputError, lacks
from mtl.nn.hub import cannot_be_read, say_no_attempts

BPE = "bpe"  # the option that makes one of the training texts
PADDING, OTHER = "[PAD]", "[UNK]"
# Files in the folder of a pretrained one, of which it has at least one
FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")


@dataclass(frozen=True)
class SubwordTokenizer:
    """Texts as sequences of subwords.

    Source of those fitted here: Sennrich, Haddow, Birch, "Neural Machine Translation of Rare Words with Subword Units",
    ACL 2016, https://arxiv.org/abs/1508.07909 (byte pair encoding). Frequent words are one piece, rare ones are
    several, so that no word is unknown but for its letters. Not BERT's WordPiece, which the library makes differently
    each time.

    Attributes:
        written: the tokenizer as the library writes it down, JSON.
    """

    written: str

    @classmethod
    def fit(cls, texts: Sequence[str], size: int) -> "SubwordTokenizer":
        """Fit ``size`` subwords of lower-case words, or fewer where the texts have no more to join.

        A subword that begins a word begins with a mark.
        """
        library = tokenizers()
        tokenizer = library.Tokenizer(library.models.BPE(unk_token=OTHER))
        tokenizer.normalizer = library.normalizers.BertNormalizer(lowercase=True)
        split, mark = (
            library.pre_tokenizers.BertPreTokenizer(),
            library.pre_tokenizers.Metaspace(prepend_scheme="always"),
        )
        tokenizer.pre_tokenizer = library.pre_tokenizers.Sequence([split, mark])
        trainer = library.trainers.BpeTrainer(vocab_size=size, special_tokens=[PADDING, OTHER], show_progress=False)
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer.to_str())

    @classmethod
    def pretrained(cls, source: str) -> "SubwordTokenizer":
        """The tokenizer in a folder or on the Hugging Face hub, with the marks it puts around a text.

        Args:
            source: the folder, or its name on the hub.

        Returns:
            The tokenizer.

        Raises:
            InputError: there is none.
        """
        tokenizers()
        import transformers  # slow to import, and an extra

        library: Any = transformers
        if Path(source).is_dir() and not any((Path(source) / name).is_file() for name in FILES):
            raise InputError(f"task.tokenizer={source}: expected one of {', '.join(FILES)} in this folder")
        say_no_attempts()
        try:
            found = library.AutoTokenizer.from_pretrained(source, use_fast=True, trust_remote_code=False)
            return cls(found.backend_tokenizer.to_str())
        except Exception as error:  # whatever the library makes of a damaged or foreign file
            raise cannot_be_read("task.tokenizer", source, error) from None

    @property
    def size(self) -> int:
        """How many subwords there are."""
        return int(tokenizers().Tokenizer.from_str(self.written).get_vocab_size())

    def encode_sequences(self, texts: Sequence[str], length: int) -> dict[str, Tensor]:
        """Texts as ``tokens [N, length]``, later subwords cut off, and ``mask [N, length]``, True for a subword.

        A text without any is one unknown subword.
        """
        tokenizer = tokenizers().Tokenizer.from_str(self.written)
        tokenizer.no_padding()
        tokenizer.enable_truncation(length)
        other = tokenizer.token_to_id(OTHER) or 0
        tokens = torch.zeros(len(texts), length, dtype=torch.long)
        mask = torch.zeros(len(texts), length, dtype=torch.bool)
        for row, found in enumerate(tokenizer.encode_batch(list(texts))):
            ids = found.ids or [other]
            tokens[row, : len(ids)] = torch.tensor(ids)
            mask[row, : len(ids)] = True
        return {"tokens": tokens, "mask": mask}


def tokenizers() -> Any:
    """The library, imported when it is needed: an extra. InputError if it is not there."""
    try:
        import tokenizers as library
    except ImportError:
        raise lacks("task.tokenizer", "the library tokenizers", "text") from None
    return library
