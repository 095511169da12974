"""What new texts hold that the training texts did not: a model sees the same unknown token for all of it."""

import logging
from collections import Counter
from collections.abc import Sequence

import numpy as np

from jaxflow.data.texts.tokenizers import UNKNOWN, CharacterTokenizer, Tokenizer
from jaxflow.data.texts.words import WordTokenizer
from jaxflow.errors import listed

logger = logging.getLogger("jaxflow")


class UnknownPieces:
    """Counts the characters or words of new texts that a tokenizer does not know."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Begins with no text."""
        self._noun = {CharacterTokenizer: "characters", WordTokenizer: "words"}.get(type(tokenizer))
        self._found: Counter[str] = Counter()
        self._total = 0

    def add(self, pieces: Sequence[str], ids: np.ndarray) -> None:
        """Counts those of a text.

        Args:
          pieces: its characters or words.
          ids: (pieces,) their tokens.
        """
        if self._noun is not None:
            self._total += len(ids)
            self._found.update(pieces[i] for i in np.flatnonzero(ids == UNKNOWN))

    def say(self, what: str) -> None:
        """Logs how many there are, and the most frequent ones.

        Args:
          what: that was read, for example a file's path.
        """
        if self._found:
            which = listed([repr(piece) for piece, _ in self._found.most_common()], most=5)
            logger.warning(
                f"{self._found.total():,} of {self._total:,} {self._noun} of {what} are not in the training texts "
                f"({which}): to the model each is the same unknown token"
            )
