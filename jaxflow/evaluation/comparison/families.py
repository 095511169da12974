"""The scores of stored records: what evaluation measured, as functions of how often each unit counts."""

import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from jaxflow.evaluation.metrics.classes import ClassRecords, class_scores
from jaxflow.evaluation.metrics.dense import count_masks, count_tokens, mask_scores, token_scores
from jaxflow.evaluation.metrics.scores import Scores, Units, scores_of_sums
from jaxflow.evaluation.metrics.values import value_scores
from jaxflow.evaluation.stored import Stored
from jaxflow.problems.names import outputs_of_columns


def stored_scores(stored: Stored, measured: Collection[str]) -> list[Scores]:
    """Returns the scores of records, the loss last.

    Args:
      stored: the records.
      measured: names of the metrics that evaluation found, which tell whether several values are measured together.
    """
    losses = np.stack([stored.losses * stored.weights, stored.weights], 1)
    loss = scores_of_sums(("loss",), losses, stored.units, lambda sums: sums[:, :1] / sums[:, 1:])
    return [*_of_kind(stored, measured), loss]


def _of_kind(stored: Stored, measured: Collection[str]) -> list[Scores]:
    targets, predictions = stored.targets, stored.predictions
    if targets is None or predictions is None:
        return []
    if stored.kind == "class" and stored.answers is not None:
        known = targets >= 0
        probabilities = predictions[known].astype(np.float64)
        records = ClassRecords(targets[known], probabilities, stored.answers[known], stored.names)
        return class_scores(records, Units(stored.units.index[known], stored.units.count, stored.units.noun))
    if stored.kind == "mask":
        return mask_scores(count_masks(targets, predictions, len(stored.names)), stored.names, stored.units)
    if stored.kind == "token" and stored.log_likelihoods is not None:
        return token_scores(count_tokens(targets, predictions, stored.log_likelihoods), stored.units)
    outputs = _outputs(stored.names, measured)
    return value_scores(targets, predictions.astype(np.float64), outputs, stored.units) if outputs else []


def _outputs(names: Sequence[str], measured: Collection[str]) -> Mapping[str, Sequence[int]]:
    """Returns which values were measured together, by the ending of their metrics' names; {} where none were."""
    columns = [re.sub(r"\+\d+$", "", name) for name in names]  # "load+3" is load, three steps ahead
    for each in (names, columns):
        outputs = outputs_of_columns(each)
        if outputs and all(f"rmse{end}" in measured for end in outputs):
            return outputs
    return {"": list(range(len(names)))} if "rmse" in measured else {}
