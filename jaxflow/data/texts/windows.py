"""Windows of a long row of tokens, and the tokens that follow them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np

from jaxflow.data.storage.mapped import Mapped
from jaxflow.data.texts.tokenizers import END
from jaxflow.schema import IGNORE


@dataclass(frozen=True, eq=False)
class WindowSplit(Mapped):
    """A split whose inputs are windows of an array of tokens, and whose targets are the same windows one token later.

    Windows may overlap: each is copied out of the array when a batch is built.

    Attributes:
      tokens: (positions,) signed integers, IGNORE where a window reaches past the last token.
      starts: (examples,) int64, where each window starts.
      length: tokens in a window.
      names: of the documents that the tokens come from.
      firsts: (documents,) int64, where each document starts, ascending.
    """

    tokens: np.ndarray
    starts: np.ndarray
    length: int
    names: Sequence[str]
    firsts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Copies the windows at `indices`: {"inputs": (batch, length), "targets": (batch, length)}.

        Inputs past the end are END, and their targets IGNORE.
        """
        windows = np.lib.stride_tricks.sliding_window_view(self.tokens, self.length + 1)
        both = windows[self.starts[indices]]  # (batch, length + 1)
        return {"inputs": np.where(both[:, :-1] == IGNORE, END, both[:, :-1]), "targets": both[:, 1:]}

    def id(self, index: int) -> str:
        """Returns the document that a window starts in, and how many tokens into it."""
        start = self.starts[index]
        document = self._documents(start)
        return f"{self.names[document]}+{start - self.firsts[document]}"

    @property
    def documents(self) -> np.ndarray:
        """The document that each window starts in, (examples,) int64."""
        return self._documents(self.starts)

    def _documents(self, starts: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.firsts, starts, side="right") - 1

    @property
    def targets(self) -> np.ndarray:
        """All targets, (examples, length); of evenly spaced windows a view of the tokens, which takes no memory."""
        windows = np.lib.stride_tricks.sliding_window_view(self.tokens[1:], self.length)
        steps = np.unique(np.diff(self.starts))
        if len(steps) > 1:
            return windows[self.starts]
        return windows[self.starts[0] : self.starts[-1] + 1 : steps[0] if len(steps) else 1]

    @property
    def nbytes(self) -> int:
        """Size that inputs and targets would have in memory, in bytes."""
        return 2 * len(self) * self.length * self.tokens.itemsize


def write_windows(
    documents: Iterable[tuple[str, Iterable[np.ndarray]]],
    file: IO[bytes],
    dtype: str,
    length: int,
    stride: int,
    *,
    ends: bool,
    pack: bool,
) -> dict[str, np.ndarray]:
    """Writes documents one after the other and lays windows over them, so that each token but the first is a target.

    Args:
      documents: the name and the tokens, in chunks, of each.
      file: where the tokens are written, with IGNORE where a window reaches past the last of them.
      dtype: signed dtype of the written tokens.
      length: tokens in a window.
      stride: tokens from one window to the next, at most `length`.
      ends: whether an end token is before and after each document; one is enough between two in a row.
      pack: whether windows span all documents as if they were one; otherwise each document has separate windows.

    Returns:
      The further fields of a WindowSplit: "starts", "names" and "firsts". There are no starts where nothing can be
      predicted.
    """
    starts, names, firsts = [np.zeros(0, np.int64)], [], []
    size = covered = 0  # positions that are written, and those that windows cover

    def write(tokens: Sequence[int] | np.ndarray) -> None:
        nonlocal size
        file.write(np.asarray(tokens, dtype).tobytes())
        size += len(tokens)

    def cover() -> None:
        nonlocal covered
        known = size - covered
        if known > 1:
            count = max(-(-(known - 1 - length) // stride), 0) + 1
            starts.append(covered + stride * np.arange(count))
            write(np.full((count - 1) * stride + length + 1 - known, IGNORE))
        covered = size

    for name, chunks in documents:
        names.append(name)
        firsts.append(size)
        if ends and size == covered:
            write([END])
        for chunk in chunks:
            write(chunk)
        if ends:
            write([END])
        if not pack:
            cover()
    cover()
    return {"starts": np.concatenate(starts), "names": np.array(names), "firsts": np.array(firsts)}
