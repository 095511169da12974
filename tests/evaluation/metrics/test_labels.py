"""Scores of labels against scikit-learn, unknown labels left out."""

import numpy as np
import pytest
import sklearn.metrics as reference

from jaxflow.evaluation.metrics.labels import LabelRecords, label_scores
from jaxflow.evaluation.metrics.scores import each_example, values_of

NAMES = ("a", "b", "never", "d")


def drawn(examples=300, unknown=0.0, seed=0):
    random = np.random.default_rng(seed)
    targets = (random.random((examples, 4)) < (0.5, 0.2, 0.0, 0.7)).astype(int)
    probabilities = np.clip(0.3 * targets + 0.7 * random.random((examples, 4)), 0, 1).round(2)
    probabilities[:, 2] *= 0.5
    targets[random.random(targets.shape) < unknown] = -1
    return LabelRecords(targets, probabilities, (probabilities >= 0.5).astype(int), NAMES)


def values(records):
    units = each_example(len(records.targets))
    return values_of(label_scores(records, units), units)


def test_values_are_scikit_learns():
    records, found = drawn(), values(drawn())
    targets, answers, probabilities = records.targets, records.answers, records.probabilities
    assert found["accuracy"] == pytest.approx(np.mean(targets == answers))
    here = [0, 1, 3]  # a label that is neither true nor answered has no part in a mean over labels
    for how in ("micro", "macro", "weighted"):
        scored = reference.precision_recall_fscore_support(
            targets[:, here], answers[:, here], average=how, zero_division=0
        )
        for name, value in zip(("precision", "recall", "f1"), scored):
            assert found[f"{name}_{how}"] == pytest.approx(value, abs=1e-12)
    assert found["f1/b"] == pytest.approx(reference.f1_score(targets[:, 1], answers[:, 1]))
    ranked = [reference.roc_auc_score(targets[:, i], probabilities[:, i]) for i in here]
    assert found["auroc"] == pytest.approx(np.mean(ranked))
    ranked = [reference.average_precision_score(targets[:, i], probabilities[:, i]) for i in here]
    assert found["average_precision"] == pytest.approx(np.mean(ranked))
    assert found["brier"] == pytest.approx(np.mean(np.square(targets - probabilities)))


def test_unknown_labels_count_nowhere():
    records = drawn(unknown=0.3, seed=1)
    found, known = values(records), records.targets[:, 1] >= 0
    targets, answers = records.targets[known, 1], records.answers[known, 1]
    assert found["recall/b"] == pytest.approx(reference.recall_score(targets, answers))
    assert found["precision/b"] == pytest.approx(reference.precision_score(targets, answers))
    everywhere = records.targets >= 0
    assert found["accuracy"] == pytest.approx(np.mean(records.targets[everywhere] == records.answers[everywhere]))
