"""Errors where a text is read out of an example: how many edits each needs, and the worst texts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import jax.numpy as jnp
import numpy as np

from jaxflow.evaluation.report.errors.base import Measured, Tested
from jaxflow.evaluation.report.errors.shown import MAX_SHOWN, Shown, how_many, shortened, show_examples
from jaxflow.problems.metrics.edits import edit_distances
from jaxflow.reports.blocks import Block, Text
from jaxflow.reports.figures.values import sizes_of_errors
from jaxflow.reports.wording import percent
from jaxflow.schema import Split


@dataclass
class Transcripts:
    """A text for each example: the edits that turn it into the true one, and how long that is."""

    texts: list[np.ndarray] = field(default_factory=list)
    edits: list[np.ndarray] = field(default_factory=list)
    lengths: list[np.ndarray] = field(default_factory=list)

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        """Collects texts, and counts edits."""
        texts, targets = block["predictions"], block["targets"].astype(np.int32)
        self.texts.extend(row[row >= 0] for row in texts)
        self.edits.append(np.asarray(edit_distances(jnp.asarray(texts), jnp.asarray(targets))))
        self.lengths.append((targets >= 0).sum(1))

    def measured(self, test: Split) -> Measured:
        """Returns the character error rate of each text; NaN of an empty one."""
        return Measured("character error rate", self._rates())

    def blocks(self, tested: Tested) -> list[Block]:
        """Returns how error rates are distributed, and the worst texts beside the true ones."""
        rates, edits, names = self._rates(), np.concatenate(self.edits), tested.names
        known = np.flatnonzero(np.isfinite(rates))
        if not len(known):
            return [Text("No text of the test split has a character.")]
        shown: list[Block] = [
            sizes_of_errors(rates[known], "character error rate", tested.folder / "error_rates.svg", rows_of="texts")
        ]
        wrong = known[edits[known] > 0]
        if not len(wrong):
            return [*shown, Text("Every text of the test split is right.")]
        lengths = np.concatenate(self.lengths)
        examples = []
        for i in wrong[np.lexsort((-edits[wrong], -rates[wrong]))][:MAX_SHOWN].tolist():
            true = tested.split.targets[i]
            said = {
                "predicted": _text(names, self.texts[i]),
                "true": _text(names, true[true >= 0]),
                "edits": f"{edits[i]} for {lengths[i]} characters",
            }
            examples.append(Shown(i, said))
        exactly = percent(1 - len(wrong) / len(known), len(known))
        order = how_many(len(wrong), "those with most errors")
        about = f"{exactly} of {len(known):,} texts are right in every character; {order}."
        return [*shown, *show_examples(tested, "The worst texts", about, examples)]

    def _rates(self) -> np.ndarray:
        edits, lengths = np.concatenate(self.edits), np.concatenate(self.lengths)
        return np.divide(edits, lengths, out=np.full(len(edits), np.nan), where=lengths > 0)


def _text(names: tuple[str, ...], characters: np.ndarray) -> str:
    """Returns a text in quotes, so that spaces at its ends are seen."""
    return f"“{shortened(''.join(names[i] for i in characters))}”"
