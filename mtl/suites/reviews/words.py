"""From texts to numbers: a vocabulary, and texts as weighted bags or as sequences of its words."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import torch
from torch import Tensor

WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|[!?]")
PADDING, OTHER = 0, 1  # numbers of no word and of any word that is not in the vocabulary
FIRST = 2


def words(text: str) -> list[str]:
    """Lower-case words and exclamation or question marks, in order."""
    return WORD.findall(text.lower())


@dataclass(frozen=True)
class Vocabulary:
    """The words that are told apart.

    Attributes:
        words: V of them, the most frequent first.
        rarity: of each, ``log((1 + N) / (1 + n)) + 1`` if n of N training texts hold it: the inverse document frequency
            of Sparck Jones, "A statistical interpretation of term specificity and its application in retrieval",
            Journal of Documentation 28, 1972, smoothed by one text more that holds every word.
    """

    words: tuple[str, ...]
    rarity: tuple[float, ...]

    @classmethod
    def fit(cls, texts: Sequence[str], size: int) -> "Vocabulary":
        """The ``size`` words that most texts hold, ties by alphabet."""
        holding = Counter(word for text in texts for word in set(words(text)))
        chosen = sorted(holding.items(), key=lambda entry: (-entry[1], entry[0]))[:size]
        rarity = tuple(log((1 + len(texts)) / (1 + n)) + 1 for _, n in chosen)
        return cls(tuple(word for word, _ in chosen), rarity)

    def encode_bags(self, texts: Sequence[str]) -> Tensor:
        """Texts as ``[N, V]``: ``(1 + log count) * rarity`` of each word, each row of length 1, or 0 without a word."""
        index = {word: i for i, word in enumerate(self.words)}
        out = torch.zeros(len(texts), len(self.words))
        for row, text in enumerate(texts):
            counts = Counter(index[word] for word in words(text) if word in index)
            if counts:
                values = torch.tensor([(1 + log(n)) * self.rarity[i] for i, n in counts.items()])
                out[row, list(counts)] = values / values.norm()
        return out

    def encode_sequences(self, texts: Sequence[str], length: int) -> dict[str, Tensor]:
        """Texts as ``tokens [N, length]`` and ``mask [N, length]``, True for a word.

        Tokens are word numbers from :data:`FIRST`; :data:`OTHER` for unknown words, later words cut off,
        :data:`PADDING` at the end. A text without a word is one unknown word.
        """
        index = {word: i + FIRST for i, word in enumerate(self.words)}
        out = torch.full((len(texts), length), PADDING)
        for row, text in enumerate(texts):
            found = [index.get(word, OTHER) for word in words(text)[:length]] or [OTHER]
            out[row, : len(found)] = torch.tensor(found)
        return {"tokens": out, "mask": out != PADDING}
