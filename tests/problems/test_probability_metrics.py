import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics

import jaxflow
from jaxflow.problems.metrics.base import ScoredBatch
from jaxflow.problems.metrics.counts import weighted_counts
from jaxflow.problems.metrics.ranking import NEAR, REACH

GENERATOR = np.random.RandomState(0)
OUTPUTS = GENERATOR.randn(80, 3).astype(np.float32)
CLASSES = GENERATOR.randint(0, 3, 80)
LABELS = (OUTPUTS + 2 * GENERATOR.randn(80, 3) > 0.5).astype(np.int32)
PROBLEMS = {
    "classes": (jaxflow.Classification(), OUTPUTS, CLASSES),
    "yes or no": (jaxflow.BinaryClassification(), OUTPUTS[:, :1], CLASSES % 2),
    "labels": (jaxflow.MultiLabel(), OUTPUTS, LABELS),
}
AVERAGES = ["macro", "micro", "weighted"]


def measured(metric, kind, targets=None, weights=None):
    """Scores in two parts that are merged; half of the rows are padding, which is left out."""
    problem, outputs, known = PROBLEMS[kind]
    targets = known if targets is None else targets
    outputs, targets = (np.concatenate([part, part]) for part in (outputs, targets))
    weights = np.where((targets >= 0).T & (np.arange(160) < 80), 1.0, 0.0).T.astype(np.float32)
    outputs = np.where(np.arange(160)[:, None] < 80, outputs, np.nan)
    parts = [
        metric(ScoredBatch(problem, *(jnp.asarray(array[rows]) for array in (outputs, targets, weights, weights))))
        for rows in (slice(0, 30), slice(30, 160))
    ]
    return float(parts[0].merge(parts[1]).compute())


def probabilities(kind):
    problem, outputs, _ = PROBLEMS[kind]
    return np.asarray(problem.distribution(jnp.asarray(outputs)))


def scores_and_truth(kind):
    """Log-odds, as they are counted and as they are, and 0 or 1 for each class (of yes or no for yes alone)."""
    one = probabilities(kind)[:, 1:] if kind == "yes or no" else probabilities(kind)
    truth = {"classes": np.eye(3, dtype=int)[CLASSES], "yes or no": (CLASSES % 2)[:, None], "labels": LABELS}[kind]
    log_odds = np.log(one) - np.log1p(-one)
    return np.floor((log_odds + np.float32(REACH)) * np.float32(NEAR / (2 * REACH))), log_odds, truth


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("metric", ["Precision", "Recall", "F1"])
@pytest.mark.parametrize("kind", ["yes or no", "labels"])
def test_averages_are_scikit_learns(kind, metric, average):
    problem, outputs, targets = PROBLEMS[kind]
    answers = np.asarray(problem.classes_of(jnp.asarray(outputs)))
    reference = getattr(sklearn.metrics, f"{metric.lower()}_score")
    expected = reference(targets, answers, average=average, zero_division=0)
    assert measured(getattr(jaxflow.metrics, metric)(average), kind) == pytest.approx(expected, abs=1e-9)


def test_unknown_labels_are_in_no_average():
    targets = np.where(np.arange(80)[:, None] % 3 == np.arange(3), -1, LABELS)
    known = targets >= 0
    answers = OUTPUTS >= 0
    each = [sklearn.metrics.f1_score(targets[k, i], answers[k, i]) for i, k in enumerate(known.T)]
    assert measured(jaxflow.metrics.F1("macro"), "labels", targets) == pytest.approx(np.mean(each), abs=1e-9)
    micro = sklearn.metrics.f1_score(targets[known], answers[known])
    assert measured(jaxflow.metrics.F1("micro"), "labels", targets) == pytest.approx(micro, abs=1e-9)
    squares = np.square(jax.nn.sigmoid(OUTPUTS) - targets)[known]
    assert measured(jaxflow.metrics.Brier(), "labels", targets) == pytest.approx(squares.mean(), rel=1e-6)
    areas = [sklearn.metrics.roc_auc_score(targets[k, i], OUTPUTS[k, i]) for i, k in enumerate(known.T)]
    assert measured(jaxflow.metrics.AUROC(), "labels", targets) == pytest.approx(np.mean(areas), abs=2e-3)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("kind", PROBLEMS)
@pytest.mark.parametrize(
    ("metric", "reference"), [("AUROC", "roc_auc_score"), ("AveragePrecision", "average_precision_score")]
)
def test_rankings_are_scikit_learns(metric, reference, kind, average):
    binned, log_odds, truth = scores_and_truth(kind)
    reference = getattr(sklearn.metrics, reference)
    ours = measured(getattr(jaxflow.metrics, metric)(average), kind)
    assert ours == pytest.approx(reference(truth, binned, average=average), abs=1e-9)
    assert ours == pytest.approx(reference(truth, log_odds, average=average), abs=2e-3)


def test_the_area_is_off_by_at_most_half_the_pairs_in_one_bin():
    binned, log_odds, truth = scores_and_truth("yes or no")
    positive, negative = truth[:, 0] == 1, truth[:, 0] == 0
    pairs = binned[positive] == binned[negative].T  # (positive, negative)
    exact = sklearn.metrics.roc_auc_score(truth, log_odds)
    assert abs(measured(jaxflow.metrics.AUROC(), "yes or no") - exact) <= pairs.mean() / 2 + 1e-12


@pytest.mark.parametrize("kind", ["yes or no", "classes", "labels"])
@pytest.mark.parametrize("shift", [0.0, -25.0, 25.0])
def test_models_that_are_too_sure_are_ranked_all_the_same(kind, shift):
    # Log-odds of tens: probabilities in float32 round to 1, or are below 1e-7 for a class that is never likely.
    problem = {
        "yes or no": jaxflow.BinaryClassification(),
        "classes": jaxflow.Classification(),
        "labels": jaxflow.MultiLabel(),
    }[kind]
    random = np.random.RandomState(0)
    truth = random.randint(2, size=400)
    logits = (20 * (random.randn(400) + truth) + shift).astype(np.float32)
    outputs = {
        "yes or no": logits[:, None],
        "classes": np.stack([np.zeros(400), logits], 1),
        "labels": logits[:, None],
    }[kind].astype(np.float32)
    targets = truth[:, None] if kind == "labels" else truth
    ones = np.ones(targets.shape, np.float32)
    batch = ScoredBatch(problem, *(jnp.asarray(array) for array in (outputs, targets, ones, ones)))
    for metric, reference in (
        (jaxflow.metrics.AUROC(), sklearn.metrics.roc_auc_score),
        (jaxflow.metrics.AveragePrecision(), sklearn.metrics.average_precision_score),
    ):
        expected = reference(truth, logits)
        if kind == "classes":
            expected = (expected + reference(1 - truth, -logits)) / 2
        assert float(metric(batch).compute()) == pytest.approx(expected, abs=3e-3)


def test_cells_of_more_than_two_to_the_24_go_on_counting():
    count = 2**24 + 2**20
    counts = weighted_counts(jnp.ones(count, jnp.int32), jnp.ones(count, jnp.float32), 3)
    np.testing.assert_array_equal(counts, [0, count, 0])


def test_a_class_that_nobody_has_is_in_no_average():
    truth = CLASSES % 2  # of three classes
    one = probabilities("classes")
    areas = [sklearn.metrics.roc_auc_score(truth == label, one[:, label]) for label in (0, 1)]
    assert measured(jaxflow.metrics.AUROC(), "classes", truth) == pytest.approx(np.mean(areas), abs=2e-3)
    assert np.isnan(measured(jaxflow.metrics.AUROC(), "yes or no", truth * 0))
    assert np.isnan(measured(jaxflow.metrics.AveragePrecision(), "yes or no", truth * 0))


def test_what_is_no_number_has_no_rank():
    outputs, targets = jnp.array([[0.5], [jnp.nan], [1.0]]), jnp.array([0, 1, 1])
    batch = ScoredBatch(jaxflow.BinaryClassification(), outputs, targets, jnp.ones(3), jnp.ones(3))
    assert np.isnan(jaxflow.metrics.AUROC()(batch).compute())


def test_proper_scores_are_scikit_learns():
    classes, labels = probabilities("classes").astype(float), probabilities("labels").astype(float)
    binary = probabilities("yes or no").astype(float)
    classes, binary = (part / part.sum(1, keepdims=True) for part in (classes, binary))
    expected = {
        ("LogLoss", "classes"): sklearn.metrics.log_loss(CLASSES, classes),
        ("LogLoss", "yes or no"): sklearn.metrics.log_loss(CLASSES % 2, binary),
        ("LogLoss", "labels"): np.mean([sklearn.metrics.log_loss(LABELS[:, i], labels[:, i]) for i in range(3)]),
        ("Brier", "classes"): np.square(classes - np.eye(3)[CLASSES]).sum(1).mean(),
        ("Brier", "yes or no"): sklearn.metrics.brier_score_loss(CLASSES % 2, binary[:, 1]),
        ("Brier", "labels"): np.mean([sklearn.metrics.brier_score_loss(LABELS[:, i], labels[:, i]) for i in range(3)]),
    }
    for (metric, kind), value in expected.items():
        assert measured(getattr(jaxflow.metrics, metric)(), kind) == pytest.approx(value, rel=1e-6), (metric, kind)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: jaxflow.metrics.F1("makro"), "F1.average is 'makro'; it must be one of 'macro', 'micro'"),
        (lambda: jaxflow.metrics.AUROC("binary"), "AUROC.average is 'binary'"),
        (lambda: jaxflow.metrics.CohenKappa("square"), "CohenKappa.weights is 'square'; it must be one of 'none'"),
        (lambda: jaxflow.losses.CrossEntropy(class_weights="equal"), "class_weights is 'equal'; it must be one of"),
        (lambda: jaxflow.losses.BinaryCrossEntropy(positive_weight="b"), "positive_weight is 'b'; it must be one of"),
    ],
)
def test_words_are_checked_when_they_are_written(make, message):
    with pytest.raises(jaxflow.UserError, match=message):
        make()
