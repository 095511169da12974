import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics

import jaxflow
from jaxflow.problems.metrics.base import ScoredBatch

GENERATOR = np.random.RandomState(0)
LOGITS, LABELS = GENERATOR.randn(60, 5).astype(np.float32), GENERATOR.randint(0, 4, 60)  # nobody has the last class
WEIGHTS = np.where(np.arange(60) % 7 == 0, 0.0, 1.0).astype(np.float32)


def measured(metric, logits=LOGITS, labels=LABELS, weights=WEIGHTS):
    """Scores in two parts that are merged."""
    parts = [
        metric(ScoredBatch(jaxflow.Classification(), jnp.asarray(logits[p]), jnp.asarray(labels[p]), None, weights[p]))
        for p in (slice(0, 20), slice(20, None))
    ]
    return float(parts[0].merge(parts[1]).compute())


KEPT = WEIGHTS > 0
TRUE, PREDICTED = LABELS[KEPT], LOGITS.argmax(-1)[KEPT]


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
@pytest.mark.parametrize(
    ("metric", "reference"),
    [("Precision", "precision_score"), ("Recall", "recall_score"), ("F1", "f1_score")],
)
def test_averages_over_classes_are_scikit_learns(metric, reference, average):
    expected = getattr(sklearn.metrics, reference)(TRUE, PREDICTED, average=average, zero_division=0)
    assert measured(getattr(jaxflow.metrics, metric)(average)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("metric", "reference"),
    [("Precision", "precision_score"), ("Recall", "recall_score"), ("F1", "f1_score")],
)
def test_of_two_classes_the_second_counts(metric, reference):
    logits, labels = LOGITS[:, :2], LABELS % 2
    expected = getattr(sklearn.metrics, reference)(labels[KEPT], logits.argmax(-1)[KEPT])
    assert measured(getattr(jaxflow.metrics, metric)("binary"), logits, labels) == pytest.approx(expected, rel=1e-5)


def test_correlation_is_scikit_learns():
    expected = sklearn.metrics.matthews_corrcoef(TRUE, PREDICTED)
    assert measured(jaxflow.metrics.MatthewsCorrelation()) == pytest.approx(expected, abs=1e-6)
    assert measured(jaxflow.metrics.MatthewsCorrelation(), LOGITS, LABELS * 0) == 0


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_kappa_is_scikit_learns(weights):
    expected = sklearn.metrics.cohen_kappa_score(TRUE, PREDICTED, weights=None if weights == "none" else weights)
    assert measured(jaxflow.metrics.CohenKappa(weights)) == pytest.approx(expected, abs=1e-6)


def test_balanced_accuracy_is_the_mean_recall_of_the_classes_with_targets():
    expected = np.mean([np.mean(PREDICTED[label == TRUE] == label) for label in range(4)])
    assert measured(jaxflow.metrics.BalancedAccuracy()) == pytest.approx(expected, rel=1e-5)


def test_nothing_known_is_no_number():
    assert np.isnan(measured(jaxflow.metrics.F1(), labels=LABELS * 0 + jaxflow.IGNORE))
