"""Curves, calibration, thresholds and tables of classes, against scikit-learn and results.json."""

import numpy as np
import pytest
import sklearn.metrics
from sklearn.calibration import calibration_curve

from jaxflow.evaluation.metrics.classes import CALIBRATION_BINS, ClassRecords, class_scores
from jaxflow.evaluation.metrics.scores import each_example
from jaxflow.evaluation.report.errors.thresholds import cost_table, threshold_table
from jaxflow.evaluation.thresholds import COSTS, best_f1, cheapest, choose_thresholds
from jaxflow.reports.figures.calibration import coverage, reliability
from jaxflow.reports.figures.classes import never_true, off_by, worst_classes
from jaxflow.reports.figures.ranking import GRID, MEAN, rank, ranking_curves
from jaxflow.reports.figures.values import error_distribution
from jaxflow.schema import Target
from tests.reports.pages import is_drawn


def drawn_scores(classes, examples=400, seed=0):
    """Returns true classes and probabilities, with ties."""
    random = np.random.default_rng(seed)
    targets = random.integers(classes, size=examples)
    logits = random.normal(size=(examples, classes)).round(1) + 1.5 * np.eye(classes)[targets]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return targets, probabilities


def scores_of(targets, probabilities):
    names = [f"class {i}" for i in range(probabilities.shape[1])]
    records = ClassRecords(targets, probabilities, probabilities.argmax(1), names)
    families = class_scores(records, each_example(len(targets)))
    ones = np.ones((1, len(targets)))
    return {name: value for family in families for name, value in zip(family.names, family.of(ones)[0])}


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_curves_have_the_areas_of_scikit_learn_and_of_the_results(classes, tmp_path):
    targets, probabilities = drawn_scores(classes, 3000)
    among = [1] if classes == 2 else range(classes)
    rankings = {f"class {i}": rank(probabilities[:, i], targets == i) for i in among}
    for i, each in zip(among, rankings.values()):
        assert each.auroc == pytest.approx(sklearn.metrics.roc_auc_score(targets == i, probabilities[:, i]))
        known = sklearn.metrics.average_precision_score(targets == i, probabilities[:, i])
        assert each.average_precision == pytest.approx(known)
    found = scores_of(targets, probabilities)
    assert np.mean([each.auroc for each in rankings.values()]) == pytest.approx(found["auroc"])
    assert np.mean([each.average_precision for each in rankings.values()]) == pytest.approx(found["average_precision"])
    block = ranking_curves(rankings, tmp_path)
    assert all(is_drawn(drawing.file) for drawing in block.drawings)
    assert len(block.table.rows) == len(rankings)
    assert f"{found['auroc']:.3f}" in block.drawings[0].alt
    assert f"{found['average_precision']:.3f}" in block.drawings[1].alt
    assert (MEAN in block.drawings[0].alt) == (classes > 2)
    assert all(drawing.file.stat().st_size < 250_000 for drawing in block.drawings)


def test_the_mean_precision_has_the_area_of_the_mean():
    targets, probabilities = drawn_scores(10)
    rankings = [rank(probabilities[:, i], targets == i) for i in range(10)]
    grid = np.linspace(0, 1, GRID)
    steps = [each.precision[::-1][np.searchsorted(each.recall[::-1], grid)] for each in rankings]
    assert np.mean(steps) == pytest.approx(np.mean([each.average_precision for each in rankings]), abs=2e-3)


@pytest.mark.parametrize("classes", [2, 5])
def test_the_calibration_error_is_that_of_the_results_and_bins_are_scikit_learns(classes, tmp_path):
    targets, probabilities = drawn_scores(classes)
    confidence, right = probabilities.max(1), probabilities.argmax(1) == targets
    drawing = reliability(confidence, right, CALIBRATION_BINS, "the answer", tmp_path / "a.svg")
    assert f"is {scores_of(targets, probabilities)['calibration_error']:.3f};" in drawing.alt
    share, mean = calibration_curve(right, confidence, n_bins=CALIBRATION_BINS)
    rows = np.array([[float(cell) for cell in row[2:]] for row in drawing.table.rows])
    np.testing.assert_allclose(rows, np.stack([mean, share], 1), atol=1e-4)
    assert sum(int(row[1]) for row in drawing.table.rows) == len(targets)


def test_thresholds_count_what_scikit_learn_counts():
    targets, probabilities = drawn_scores(2)
    scores, positive = probabilities[:, 1], targets == 1
    table = threshold_table(scores, positive, 0.35, "b")
    assert [row[0] for row in table.rows if "in use" in row[0]] == ["0.35 (in use)"]
    for row in table.rows:
        answered = scores >= float(row[0].split()[0])
        (_, false), (missed, _) = sklearn.metrics.confusion_matrix(positive, answered)
        assert row[4:] == [str(false), str(missed)]
        assert float(row[2]) == pytest.approx(sklearn.metrics.recall_score(positive, answered), abs=1e-4)
        assert float(row[3]) == pytest.approx(sklearn.metrics.f1_score(positive, answered), abs=1e-4)


def test_the_cheapest_threshold_is_the_cheapest_of_all():
    targets, probabilities = drawn_scores(2)
    scores, positive = probabilities[:, 1], targets == 1
    every = [0.0, *np.unique(scores), 1.1]

    def cost_of(threshold, cost):
        answered = scores >= threshold
        return (answered & ~positive).sum() + cost * (~answered & positive).sum()

    for cost in COSTS:
        least = min(cost_of(threshold, cost) for threshold in every)
        assert cost_of(cheapest(scores, positive, cost), cost) == pytest.approx(least)
    f1 = max(sklearn.metrics.f1_score(positive, scores >= threshold, zero_division=0) for threshold in every)
    assert sklearn.metrics.f1_score(positive, scores >= best_f1(scores, positive)) == pytest.approx(f1)
    table = cost_table(scores, positive, 0.5, [cheapest(scores, positive, cost) for cost in COSTS], 400)
    assert float(table.rows[3][4]) == pytest.approx(cost_of(cheapest(scores, positive, 1), 1) / 4, rel=1e-2)


def test_thresholds_of_nothing_positive_are_none_and_unknown_labels_count_nowhere():
    target = Target("labels", ("a", "b"))
    targets = np.array([[1, 0], [-1, 0], [0, 0]])
    probabilities = np.array([[0.9, 0.2], [0.1, 0.3], [0.4, np.nan]])
    chosen = choose_thresholds(target, targets, probabilities)
    assert chosen["f1"][1] is None
    assert 0.4 < chosen["f1"][0] <= 0.9
    assert len(chosen["costs"]) == len(COSTS)


def test_classes_that_never_occur_are_named_and_the_worst_are_listed():
    counts = np.diag(np.arange(30))
    counts[29, :3] = 20
    assert never_true(counts.sum(1), [str(i) for i in range(30)])[0].text.startswith("1 of 30 classes never occur")
    table = worst_classes(counts, [str(i) for i in range(30)])
    assert table.rows == [["29", "89", "33%", "100%"]]
    assert worst_classes(counts[:3, :3], ["a", "b", "c"]) is None


def test_how_many_ranks_answers_are_off_by(tmp_path):
    drawing = off_by(np.array([0, 0, 0, 1, -2]), tmp_path / "a.svg")
    assert [row[:2] for row in drawing.table.rows] == [["-2", "1"], ["0", "3"], ["+1", "1"]]
    assert "80% of 5" in drawing.alt


def test_coverage_is_the_share_of_true_values_at_or_under(tmp_path):
    random = np.random.default_rng(0)
    targets = random.normal(size=(500, 2))
    quantiles = np.quantile(targets, (0.1, 0.5, 0.9), axis=0)[None] * np.ones((500, 1, 1))
    drawing = coverage(targets, quantiles, (0.1, 0.5, 0.9), tmp_path / "a.svg")
    assert [float(row[1]) for row in drawing.table.rows] == pytest.approx([0.1, 0.5, 0.9], abs=3e-3)


def test_sizes_of_errors_are_their_quantiles(tmp_path):
    targets = np.arange(1000.0)[:, None]
    drawing = error_distribution(targets, targets - targets**2, ["x"], tmp_path / "a.svg")
    sizes = np.quantile(targets**2, (0.5, 0.9, 0.99))
    cells = [float(cell.replace(",", "")) for cell in drawing.table.rows[0][2:]]
    np.testing.assert_allclose(cells, [*sizes, 999.0**2], rtol=1e-3)
