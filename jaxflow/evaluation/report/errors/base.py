"""What errors are shown of, and what collects them."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from jaxflow.data.dataset import Dataset, name_of
from jaxflow.reports.blocks import Block, Remark, Remarks, Text
from jaxflow.reports.wording import count
from jaxflow.schema import Split

logger = logging.getLogger("jaxflow")

# Examples that a remark names.
MAX_NAMED = 20
NO_FIGURE = Text("There is no figure of predictions of this kind; predictions/test.csv has all of them.")


@dataclass(frozen=True)
class Tested:
    """What is known of a test split beside its predictions.

    Attributes:
      dataset: the data.
      folder: where figures are written.
      columns: by name the columns of its rows as their file has them, (examples,) each; {} of other data.
      thresholds: as in results.json.
    """

    dataset: Dataset
    folder: Path
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    thresholds: Mapping[str, Any] = field(default_factory=dict)

    @property
    def split(self) -> Split:
        """The test split."""
        return self.dataset.splits["test"]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the target's classes, labels or values."""
        return self.dataset.schema.target.names

    def called(self, indices: Sequence[int] | np.ndarray) -> list[str]:
        """Returns what people call the examples at `indices`."""
        return [name_of(self.split, int(index)) for index in indices]


@dataclass(frozen=True)
class Measured:
    """How wrong each example is.

    Attributes:
      name: what is measured: "share wrong".
      errors: (examples,) float; NaN where it is not known.
    """

    name: str
    errors: np.ndarray


class ErrorData(Protocol):
    """What a report needs of all predictions of one kind of target."""

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        """Adds the next block of examples, as `evaluate_split` passes it to `on_block`."""
        ...

    def measured(self, test: Split) -> Measured:
        """Returns how wrong each example of the test split is."""
        ...

    def blocks(self, tested: Tested) -> list[Block]:
        """Returns what the page shows of the test split's errors; figures are written into its folder."""
        ...


def finite_rows(predictions: np.ndarray) -> np.ndarray:
    """Returns which examples' predictions are finite throughout, (examples,) booleans."""
    return np.all(np.isfinite(predictions.reshape(len(predictions), -1)), axis=1)


def not_finite(tested: Tested, finite: np.ndarray) -> list[Block]:
    """Returns the remark that some predictions are no numbers, which is logged too; nothing where all are.

    Args:
      tested: the split.
      finite: (examples,) booleans.
    """
    bad = np.flatnonzero(~finite)
    if not len(bad):
        return []
    text = (
        f"{count(len(bad), 'prediction')} of {len(finite):,} {'is' if len(bad) == 1 else 'are'} not finite (NaN or "
        "infinite), and in no figure here: look at these inputs, and at the training's loss."
    )
    logger.warning(text[0].lower() + text[1:])
    return [Remarks([Remark("problem", text, tuple(tested.called(bad[:MAX_NAMED])))])]
