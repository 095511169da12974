"""Text as tokens: characters, bytes, or pieces of words, fitted to the training text alone.

`Characters`, `Bytes` and `BPE` say what a token is; their `fit(texts)` returns a tokenizer, with which text is encoded
and decoded. Token END ends a document and pads what is too short; no text is encoded as it.
"""

import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import numpy as np

from jaxflow.errors import UserError
from jaxflow.ranges import MAX_INT, Range, check_ranges

if TYPE_CHECKING:  # of the extra `text`
    import tokenizers

END = 0
# Of characters only: those that the training text does not hold.
UNKNOWN = 1


class Tokenizer:
    """What tokenizers share: tokens that each stand for a piece of text."""

    def encode(self, text: str) -> np.ndarray:
        """Encodes text as (tokens,) int32, without END."""
        raise NotImplementedError

    def decode(self, ids: Iterable[int]) -> str:
        """Decodes tokens to text: END becomes nothing; unknown characters, and bytes that are no UTF-8, U+FFFD."""
        pieces = self.pieces
        return b"".join(pieces[token] for token in ids).decode(errors="replace")

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Names of all tokens: their text, or for a part of a character its bytes."""
        return ("<end>", *map(_name, self.pieces[1:]))

    @property
    def pieces(self) -> list[bytes]:
        """UTF-8 bytes of each token; none for END."""
        raise NotImplementedError


@dataclass(frozen=True)
class CharacterTokenizer(Tokenizer):
    """A token for each character of the training text, and one for all others.

    Attributes:
      characters: the characters, in the order of Unicode.
    """

    characters: str

    def encode(self, text: str) -> np.ndarray:
        """Encodes text as (tokens,) int32, without END."""
        known = np.frombuffer(self.characters.encode("utf-32-le"), "<u4")
        codes = np.frombuffer(text.encode("utf-32-le"), "<u4")
        positions = np.searchsorted(known, codes)
        found = np.append(known, np.uint32(0xFFFFFFFF))[positions] == codes  # past the last is no character
        return np.where(found, positions + UNKNOWN + 1, UNKNOWN).astype(np.int32)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Names of all tokens."""
        return ("<end>", "<unknown>", *self.characters)

    @property
    def pieces(self) -> list[bytes]:
        """UTF-8 bytes of each token; none for END."""
        return [b"", "\N{REPLACEMENT CHARACTER}".encode(), *(c.encode() for c in self.characters)]


@dataclass(frozen=True)
class ByteTokenizer(Tokenizer):
    """A token for each byte of a text's UTF-8."""

    def encode(self, text: str) -> np.ndarray:
        """Encodes text as (tokens,) int32, without END."""
        return np.frombuffer(text.encode(), np.uint8).astype(np.int32) + 1

    @property
    def pieces(self) -> list[bytes]:
        """The bytes; END is none."""
        return [b"", *(bytes([byte]) for byte in range(256))]


@dataclass(frozen=True)
class BPETokenizer(Tokenizer):
    """A token for each byte of a text's UTF-8, and for each joined pair of tokens.

    Attributes:
      merges: the pairs that are joined, "left right" on a line each, in the order in which they are joined.
    """

    merges: str

    def encode(self, text: str) -> np.ndarray:
        """Encodes text as (tokens,) int32, without END.

        Raises:
          UserError: the package tokenizers is not installed.
        """
        return np.array(_tokenizer(self.merges).encode(text).ids, np.int32) + 1

    @property
    def pieces(self) -> list[bytes]:
        """The bytes of each token; END has none."""
        byte_of = _byte_of()
        return [b"", *(bytes(byte_of[ord(letter)] for letter in token) for token in _tokens(self.merges))]


@dataclass(frozen=True)
class Characters:
    """Every character of the training text is a token; one that is not in it becomes the unknown token."""

    def fit(self, texts: Iterable[str]) -> CharacterTokenizer:
        """Collects the distinct characters of the training texts."""
        found: set[str] = set()
        for text in texts:
            found.update(text)
        return CharacterTokenizer("".join(sorted(found)))


@dataclass(frozen=True)
class Bytes:
    """Every byte of the text's UTF-8 is a token: 257 with the end, whatever the language."""

    def fit(self, texts: Iterable[str]) -> ByteTokenizer:
        """Returns the tokenizer, which is the same for all texts; none is read."""
        return ByteTokenizer()


@dataclass(frozen=True)
class BPE:
    """Byte-level byte-pair encoding: the most frequent pairs of the training text become tokens, again and again.

    Words are not joined, and no text is unknown, since all bytes are tokens too. Needs `pip install -e '.[text]'`.

    Source: R. Sennrich et al., Neural Machine Translation of Rare Words with Subword Units, ACL 2016; of bytes:
    A. Radford et al., Language Models are Unsupervised Multitask Learners, 2019.
    """

    size: Annotated[int, Range(257, MAX_INT)] = 1024
    """Number of tokens, at most: the end, 256 bytes, and joined pairs."""

    __post_init__ = check_ranges

    def fit(self, texts: Iterable[str]) -> BPETokenizer:
        """Learns the pairs to join from the training texts.

        Raises:
          UserError: the package tokenizers is not installed.
        """
        tokenizer, letters = _make_tokenizer(""), list(map(chr, _byte_of()))
        trainer = _library().trainers.BpeTrainer(
            vocab_size=self.size - 1, initial_alphabet=letters, show_progress=False
        )
        tokenizer.train_from_iterator(texts, trainer)
        merges = json.loads(tokenizer.to_str())["model"]["merges"]
        return BPETokenizer("\n".join(" ".join(pair) for pair in merges))


def _name(piece: bytes) -> str:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return "".join(f"\\x{byte:02x}" for byte in piece)


@functools.cache
def _byte_of() -> dict[int, int]:
    """Maps the letters that GPT-2's byte-level BPE writes bytes with to the bytes; all letters are printable."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = sorted(set(range(256)) - set(seen))
    return dict(zip(seen, seen)) | {256 + number: byte for number, byte in enumerate(hidden)}


def _tokens(merges: str) -> list[str]:
    """Lists BPE's tokens but END: bytes first, then joined pairs."""
    joined = (pair.replace(" ", "") for pair in merges.splitlines())
    return list(dict.fromkeys([*map(chr, _byte_of()), *joined]))  # two pairs may make the same token


@functools.lru_cache(maxsize=8)
def _tokenizer(merges: str) -> "tokenizers.Tokenizer":
    return _make_tokenizer(merges)


def _make_tokenizer(merges: str) -> "tokenizers.Tokenizer":
    library = _library()
    numbers = {token: number for number, token in enumerate(_tokens(merges))}
    pairs = [tuple(pair.split(" ")) for pair in merges.splitlines()]
    tokenizer = library.Tokenizer(library.models.BPE(vocab=numbers, merges=pairs))
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def _library() -> ModuleType:
    try:
        import tokenizers
    except ImportError as error:
        raise UserError("tokens=BPE() takes the package tokenizers: pip install -e '.[text]'") from error
    return tokenizers
