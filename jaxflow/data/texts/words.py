"""Words as tokens: of sentences whose tokens a file divides, these; of other texts words and punctuation marks."""

import functools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jaxflow.data.texts.tokenizers import UNKNOWN, Tokenizer
from jaxflow.errors import UserError
from jaxflow.ranges import Count, check_ranges

WORD = re.compile(r"\w+|[^\w\s]")


def words_of(text: str) -> list[str]:
    """Returns the words of a text, and its punctuation marks, one by one."""
    return WORD.findall(text)


@dataclass(frozen=True)
class WordTokenizer(Tokenizer):
    """A token for each word, and one for all others.

    Attributes:
      words: the words, in alphabetical order.
      lower: whether upper case is read as lower case.
    """

    words: tuple[str, ...]
    lower: bool = False

    def encode(self, text: str) -> np.ndarray:
        """Encodes the words of a text, and its punctuation marks, as (words,) int32."""
        return self.encode_words(words_of(text))

    def encode_words(self, words: Sequence[str]) -> np.ndarray:
        """Encodes words, whatever they hold, as (words,) int32."""
        known = self._index_of
        return np.array([known.get(word.lower() if self.lower else word, UNKNOWN) for word in words], np.int32)

    def decode(self, ids: Iterable[int]) -> str:
        """Decodes tokens to words with spaces between them: END becomes nothing, an unknown word U+FFFD."""
        pieces = self.pieces
        return b" ".join(piece for token in ids if (piece := pieces[token])).decode()

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Names of all tokens."""
        return ("<end>", "<unknown>", *self.words)

    @property
    def pieces(self) -> list[bytes]:
        """UTF-8 bytes of each token; none for END."""
        return [b"", "\N{REPLACEMENT CHARACTER}".encode(), *(word.encode() for word in self.words)]

    @functools.cached_property
    def _index_of(self) -> Mapping[str, int]:
        return {word: index for index, word in enumerate(self.words, UNKNOWN + 1)}


@dataclass(frozen=True)
class Words:
    """Every word that the training texts hold often enough is a token; all others are the unknown token."""

    min_count: Count = 2
    """How often a word occurs at least. With 1 no training text holds the unknown token, of which a model then learns
    nothing."""
    lower: bool = False
    """Whether upper case is read as lower case; names are told apart by it."""

    __post_init__ = check_ranges

    def fit(self, texts: Iterable[str | Sequence[str]]) -> WordTokenizer:
        """Collects the words of the training texts, or of sentences that are divided into words.

        Raises:
          UserError: none occurs often enough.
        """
        divided = (words_of(text) if isinstance(text, str) else text for text in texts)
        counts = Counter(word.lower() if self.lower else word for words in divided for word in words)
        words = tuple(sorted(word for word, count in counts.items() if count >= self.min_count))
        if not words:
            raise UserError(
                f"no word of the training split occurs {self.min_count} times, as data.tokens.min_count asks; lower it"
            )
        return WordTokenizer(words, self.lower)
