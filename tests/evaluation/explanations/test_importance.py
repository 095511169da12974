import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance as reference
from sklearn.linear_model import LinearRegression

from jaxflow.evaluation.explanations.importance import column_effects, permutation_importance, permutations_of
from jaxflow.evaluation.metrics.scores import units_of


def sklearn_permutations(rows: int, repeats: int, seed: int) -> np.ndarray:
    """What scikit-learn permutes each column by: the same for all, each shuffle on top of the one before."""
    shared = np.random.RandomState(seed).randint(np.iinfo(np.int32).max + 1)
    random, order, composed = np.random.RandomState(shared), np.arange(rows), np.arange(rows)
    found = []
    for _ in range(repeats):
        random.shuffle(order)
        composed = composed[order]
        found.append(composed.copy())
    return np.stack(found)


@pytest.fixture(scope="module")
def table():
    random = np.random.RandomState(0)
    x = random.normal(size=(400, 4))
    return x, (x[:, 1] + 0.3 * x[:, 2] + 0.3 * random.normal(size=400) > 0).astype(int)


def test_it_is_scikit_learn_s_fall_of_accuracy(table):
    x, y = table
    model = RandomForestClassifier(20, random_state=0).fit(x[:200], y[:200])
    expected = reference(model, x[200:], y[200:], n_repeats=4, random_state=7, scoring="accuracy").importances_mean
    found = permutation_importance(
        lambda rows: model.predict(rows) != y[200:],
        x[200:],
        {f"x{i}": [i] for i in range(4)},
        sklearn_permutations(200, 4, 7),
    )
    np.testing.assert_allclose([each.value for each in found.values()], expected, atol=1e-12)


def test_it_is_scikit_learn_s_rise_of_rmse(table):
    x = table[0]
    y = x @ np.array([0.0, 3.0, 1.0, 0.0]) + 0.1 * np.random.RandomState(1).normal(size=400)
    model = LinearRegression().fit(x, y)
    scoring = "neg_root_mean_squared_error"
    expected = reference(model, x, y, n_repeats=3, random_state=1, scoring=scoring).importances_mean
    found = permutation_importance(
        lambda rows: np.square(model.predict(rows) - y),
        x,
        {f"x{i}": [i] for i in range(4)},
        sklearn_permutations(400, 3, 1),
        finish=np.sqrt,
    )
    np.testing.assert_allclose([each.value for each in found.values()], expected, rtol=1e-9, atol=1e-12)
    assert found["x1"].low > found["x2"].high


def test_features_of_a_column_move_together():
    labels = np.random.RandomState(0).randint(0, 3, 300)
    inputs = np.concatenate([np.eye(3)[labels], np.zeros((300, 1))], 1)
    whole = permutation_importance(
        lambda rows: rows[:, :3].argmax(1) != labels, inputs, {"kind": [0, 1, 2], "none": [3]}, permutations_of(300, 5)
    )
    assert whole["kind"].value == pytest.approx(2 / 3, abs=0.05)  # of what is permuted a third is right by chance
    assert whole["none"].value == 0
    assert np.isnan(whole["none"].low)  # all resamples agree


def test_of_windows_a_block_of_rows_moves(table):
    windows = np.random.RandomState(0).normal(size=(200, 6, 2)).astype(np.float32)
    target = windows[:, 5, 0]
    blocks = {"first half": range(6), "second half": range(6, 12)}
    found = permutation_importance(
        lambda rows: np.square(rows[:, 5, 0] - target), windows, blocks, permutations_of(200, 3)
    )
    assert found["first half"].value == 0
    assert found["second half"].value == pytest.approx(2 * target.var(), rel=0.2)


def test_the_interval_covers_what_it_should():
    """A noise column that a model uses costs nothing on average: 0 lies in about 95 of 100 intervals."""
    covered = []
    for seed in range(100):
        random = np.random.RandomState(seed)
        x, y = random.normal(size=(150, 1)), random.normal(size=150)
        found = permutation_importance(
            lambda rows, y=y: np.square(rows[:, 0] - y), x, {"noise": [0]}, permutations_of(150, 5, seed)
        )["noise"]
        covered.append(found.low <= 0 <= found.high)
    assert 0.88 <= np.mean(covered) <= 1.0


def test_units_are_resampled_as_a_whole(table):
    x, y = table
    errors = lambda rows: (rows[:, 1] > 0) != y  # noqa: E731
    alone = permutation_importance(errors, x, {"x1": [1]}, permutations_of(400, 3))["x1"]
    twice = np.repeat(np.arange(400), 2)  # each row is there twice, which tells nothing new
    moved = np.stack([2 * np.repeat(p, 2) + np.tile([0, 1], 400) for p in permutations_of(400, 3)])
    pairs = permutation_importance(
        lambda rows: (rows[:, 1] > 0) != y[twice], x[twice], {"x1": [1]}, moved, units=units_of(twice, "group")
    )["x1"]
    assert pairs.value == pytest.approx(alone.value)
    assert pairs.high - pairs.low == pytest.approx(alone.high - alone.low, rel=1e-6)


def test_effects_of_an_additive_model_are_its_functions_less_their_means():
    random = np.random.RandomState(0)
    rows, others = random.normal(size=(7, 3)), random.normal(size=(50, 3))
    functions = (np.sin, np.square, lambda values: 0 * values)

    def outputs_of(inputs):
        return sum(function(inputs[:, i]) for i, function in enumerate(functions)) + 4.0

    found = column_effects(outputs_of, rows, others, {"a": [0], "b": [1], "c": [2]})
    expected = np.stack([f(rows[:, i]) - f(others[:, i]).mean() for i, f in enumerate(functions)], 1)
    np.testing.assert_allclose(found, expected, atol=1e-12)
