"""Scores of all baselines on a test split."""

import logging
from collections.abc import Mapping

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.evaluation.baselines.models import SimpleModel, fit_simple_models, simple_models
from jaxflow.evaluation.baselines.rules import score_rules
from jaxflow.evaluation.metrics.classes import ClassRecords, class_scores
from jaxflow.evaluation.metrics.scores import Units, each_example, values_of
from jaxflow.evaluation.metrics.values import value_scores
from jaxflow.interfaces import Problem
from jaxflow.problems.autoencoding import Autoencoding
from jaxflow.problems.names import outputs_of_columns
from jaxflow.runs.results import Results

logger = logging.getLogger("jaxflow")


def kept_baselines(results: Results, contents: Mapping[str, str], seconds: float) -> Results:
    """Returns the baselines of an earlier evaluation; {} where they are of other data or had less time.

    Args:
      results: of the run.
      contents: digests of the test split.
      seconds: that simple models may take.
    """
    if results.get("test_contents") != contents or results.get("baseline_seconds", -1.0) < seconds:
        return {}
    return {
        "baseline": results.get("baseline", {}),
        "baselines": results.get("baselines", {}),
        "baseline_notes": results.get("baseline_notes", {}),
        "baseline_seconds": results.get("baseline_seconds", 0.0),
    }


def score_baselines(dataset: Dataset, problem: Problem, seconds: float) -> Results:
    """Scores what needs no model, and simple models, on the test split.

    Args:
      dataset: the data.
      problem: what is solved.
      seconds: that simple models may take; 0 fits none.

    Returns:
      The entries of the results that are about baselines.
    """
    schema, train, test = dataset.schema, dataset.splits["train"], dataset.splits["test"]
    own, scores = score_rules(dataset, problem)
    notes: dict[str, str] = {}
    # Reconstructions have no other target than the inputs.
    names = simple_models(schema) if seconds > 0 and not isinstance(problem, Autoencoding) else []
    if names:
        logger.info(f"fitting {' and '.join(names)} to compare with: {seconds:g} s at most, --baselines 0 fits none")
        for model in fit_simple_models(schema, train, test, seconds=seconds):
            notes[model.name] = model.note
            if model.predictions is None:
                logger.info(f"{model.name}: {model.note}")
            else:
                scores[model.name] = _scores(model, dataset, problem)
    said = {name: note for name, note in notes.items() if note}
    return {"baseline": own, "baselines": scores, "baseline_notes": said, "baseline_seconds": float(seconds)}


def _scores(model: SimpleModel, dataset: Dataset, problem: Problem) -> dict[str, float]:
    """Returns the scores of a simple model's predictions, of the examples whose class is known."""
    test, target = dataset.splits["test"], dataset.schema.target
    truth, predictions = np.asarray(test.targets), np.asarray(model.predictions)
    units = each_example(len(test))
    if target.kind != "class":
        columns = outputs_of_columns(getattr(problem, "columns", None)) or {"": list(range(truth.shape[1]))}
        return values_of(value_scores(truth, predictions, columns, units), units)
    known = truth >= 0
    records = ClassRecords(truth[known], predictions[known], predictions[known].argmax(1), target.names)
    return values_of(class_scores(records, Units(units.index[known], units.count)), units)
