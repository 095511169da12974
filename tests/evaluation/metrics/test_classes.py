import numpy as np
import pytest
import sklearn.metrics as reference

from jaxflow.evaluation.metrics.classes import ClassRecords, class_scores
from jaxflow.evaluation.metrics.scores import each_example, units_of


def records(classes, examples=300, seed=0):
    random = np.random.default_rng(seed)
    targets = random.integers(classes, size=examples)
    logits = random.normal(size=(examples, classes)).round(1) + 1.5 * np.eye(classes)[targets]
    probabilities = np.exp(logits)
    probabilities /= probabilities.sum(1, keepdims=True)
    return ClassRecords(targets, probabilities, probabilities.argmax(1), [f"class {i}" for i in range(classes)])


def values(found, counts):
    return {name: value for family in found for name, value in zip(family.names, family.of(counts)[0])}


def expected(given, weights=None):
    y, p, answers = given.targets, given.probabilities, given.answers
    classes, weighted = len(given.names), {"sample_weight": weights}
    two = classes == 2
    known = {
        "accuracy": reference.accuracy_score(y, answers, **weighted),
        "balanced_accuracy": reference.balanced_accuracy_score(y, answers, **weighted),
        "mcc": reference.matthews_corrcoef(y, answers, **weighted),
        "kappa": reference.cohen_kappa_score(y, answers, **weighted),
        "log_loss": reference.log_loss(y, p, **weighted),
        "auroc": reference.roc_auc_score(y == 1, p[:, 1], **weighted)
        if two
        else np.mean([reference.roc_auc_score(y == i, p[:, i], **weighted) for i in range(classes)]),
        "average_precision": reference.average_precision_score(y == 1, p[:, 1], **weighted)
        if two
        else np.mean([reference.average_precision_score(y == i, p[:, i], **weighted) for i in range(classes)]),
    }
    if two:
        known["brier"] = reference.brier_score_loss(y, p[:, 1], **weighted)
    for how in ("macro", "weighted"):
        precision, recall, f1, _ = reference.precision_recall_fscore_support(
            y, answers, average=how, zero_division=0, **weighted
        )
        known |= {f"precision_{how}": precision, f"recall_{how}": recall, f"f1_{how}": f1}
    each = reference.precision_recall_fscore_support(y, answers, labels=range(classes), zero_division=0, **weighted)
    for name, column in zip(("precision", "recall", "f1"), each):
        known |= {f"{name}/class {i}": value for i, value in enumerate(column)}
    if classes > 5:
        known["top5_accuracy"] = reference.top_k_accuracy_score(y, p, k=5, labels=range(classes), **weighted)
    return known


@pytest.mark.parametrize("classes", [2, 3, 12])
def test_scores_are_scikit_learns(classes):
    given = records(classes)
    found = values(class_scores(given, each_example(300)), np.ones((1, 300)))
    for name, value in expected(given).items():
        assert found[name] == pytest.approx(value, abs=1e-9), name


@pytest.mark.parametrize("classes", [2, 4])
def test_a_resample_is_scikit_learns_with_weights(classes):
    given, groups = records(classes), np.random.default_rng(1).integers(40, size=300)
    units = units_of(groups, "group")
    counts = np.random.default_rng(2).integers(1, 4, size=units.count).astype(float)
    found = values(class_scores(given, units), counts[None])
    for name, value in expected(given, counts[units.index]).items():
        assert found[name] == pytest.approx(value, abs=1e-9), name


def test_the_calibration_error_is_the_mean_gap_of_bins():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    given = ClassRecords(np.array([0, 0, 1, 1]), probabilities, probabilities.argmax(1), ["a", "b"])
    found = values(class_scores(given, each_example(4)), np.ones((1, 4)))
    assert found["calibration_error"] == pytest.approx(3 / 4 * (0.9 - 2 / 3) + 1 / 4 * 0.4)


def test_a_class_that_never_occurs_changes_no_mean_over_classes():
    given = records(3)
    wider = np.pad(given.probabilities, ((0, 0), (0, 1)))
    more = ClassRecords(given.targets, wider, given.answers, [*given.names, "never"])
    found, also = (values(class_scores(g, each_example(300)), np.ones((1, 300))) for g in (given, more))
    for name in found:
        assert also[name] == pytest.approx(found[name], abs=1e-12), name
