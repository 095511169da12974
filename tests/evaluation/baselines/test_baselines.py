import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from jaxflow.data.dataset import ArraySplit
from jaxflow.evaluation.baselines import estimators, models
from jaxflow.evaluation.baselines.features import features_of
from jaxflow.schema import Feature, Schema, Target


def split(inputs, targets):
    return ArraySplit(inputs, targets, [str(i) for i in range(len(inputs))])


def fitted(schema, train, test, seconds=30.0):
    """The predictions of simple models by name; none is left out."""
    return {model.name: model.predictions for model in models.fit_simple_models(schema, train, test, seconds=seconds)}


def test_images_shrink_to_the_means_of_boxes():
    images = np.arange(2 * 32 * 32).reshape(2, 32, 32, 1).astype(np.uint8)
    found = features_of(split(images, np.zeros(2, int)), Feature("image", (32, 32, 1), "uint8"), np.arange(2))
    expected = images.reshape(2, 16, 2, 16, 2).mean((2, 4))  # (image, row, 2, column, 2)
    np.testing.assert_allclose(found.reshape(2, 16, 16), expected, rtol=1e-6)


def test_sides_that_do_not_divide_keep_their_mean():
    images = np.random.default_rng(0).random((1, 40, 21, 3)).astype(np.float32)
    found = features_of(split(images, np.zeros(1, int)), Feature("image", (40, 21, 3), "float32"), np.arange(1))
    assert found.shape == (1, 16 * 16 * 3)


def test_tokens_are_counted_without_padding():
    tokens = np.array([[3, 1, 3, 0], [2, 0, 0, 0]])
    feature = Feature("tokens", (4,), "int32", vocab_size=5)
    found = features_of(split(tokens, np.zeros(2, int)), feature, np.arange(2))
    assert found.toarray().tolist() == [[0, 1, 0, 2, 0], [0, 0, 1, 0, 0]]


def test_a_linear_rule_is_found_by_the_linear_model_and_a_step_by_boosting():
    random = np.random.default_rng(0)
    inputs = random.normal(size=(600, 3)).astype(np.float32)
    schema = Schema(Feature("vector", (3,), "float32"), Target("number", ("y",)))
    linear = (inputs @ [1.0, -2.0, 3.0])[:, None]
    step = (inputs[:, :1] > 0.3).astype(float)
    for targets, name in ((linear, "linear regression"), (step, "gradient boosting")):
        train, test = (split(inputs[part], targets[part]) for part in (slice(0, 500), slice(500, 600)))
        found = fitted(schema, train, test)
        assert set(found) == {"linear regression", "gradient boosting"}
        assert np.sqrt(np.square(found[name] - targets[500:]).mean()) < 0.1


def test_large_targets_are_fitted_as_those_that_are_less_large():
    random = np.random.default_rng(0)
    inputs, noise = random.normal(size=(300, 2)).astype(np.float32), random.normal(size=(300, 1))
    schema = Schema(Feature("vector", (2,), "float32"), Target("number", ("y",)))
    for shift in (0.0, 1e8):
        targets = inputs[:, :1].astype(float) + noise + shift
        train, test = (split(inputs[part], targets[part]) for part in (slice(0, 200), slice(200, 300)))
        error = fitted(schema, train, test)["linear regression"] - targets[200:]
        assert np.sqrt(np.square(error).mean()) == pytest.approx(np.sqrt(np.square(noise[200:]).mean()), rel=0.05)


def test_categories_are_no_numbers_to_the_linear_model():
    codes = np.tile(np.arange(4), 100)
    inputs = np.stack([np.zeros(400), codes], 1).astype(np.float32)
    schema = Schema(Feature("vector", (2,), "float32", cardinalities=(4,)), Target("class", ("no", "yes")))
    targets = np.isin(codes, (1, 2)).astype(np.int32)  # no threshold of the code tells them apart
    found = fitted(schema, split(inputs, targets), split(inputs, targets))
    assert (found["logistic regression"].argmax(1) == targets).all()


def test_a_class_that_training_lacks_has_no_probability():
    inputs = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    schema = Schema(Feature("vector", (2,), "float32"), Target("class", ("a", "b", "c")))
    train, test = split(inputs, (inputs[:, 0] > 0).astype(np.int32) * 2), split(inputs, np.full(60, 1, np.int32))
    for probabilities in fitted(schema, train, test).values():
        assert (probabilities[:, 1] == 0).all()
        np.testing.assert_allclose(probabilities.sum(1), 1)


BINARY = Schema(Feature("vector", (3,), "float32"), Target("class", ("no", "yes")))


def noisy(examples, classes=2, seed=0):
    """Classes that a line tells apart, but for noise."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(examples, 3)).astype(np.float32)
    scores = inputs @ [1.0, -2.0, 3.0] + random.normal(size=examples)
    return split(inputs, np.clip(scores + classes / 2, 0, classes - 1).astype(np.int32))


def test_with_time_enough_they_are_scikit_learn_s_with_its_defaults():
    train, test = noisy(300), noisy(80, seed=1)
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(train.inputs, train.targets)
    with threadpool_limits(1):
        trees = HistGradientBoostingClassifier(random_state=0).fit(train.inputs, train.targets)
    found = fitted(BINARY, train, test)
    expected = linear.predict_proba(test.inputs)
    np.testing.assert_allclose(found["logistic regression"], expected, atol=1e-3)
    np.testing.assert_allclose(found["gradient boosting"], trees.predict_proba(test.inputs), atol=1e-6)


def test_they_stop_when_the_time_is_over_and_say_so(monkeypatch):
    now = iter(range(1000))
    monkeypatch.setattr(estimators.time, "monotonic", lambda: next(now))
    train = noisy(300)
    with threadpool_limits(1):
        linear = estimators.fit_linear(train.inputs, train.targets, BINARY, end=1)
        trees = estimators.fit_boosting(train.inputs, train.targets, BINARY, end=0, seed=0)
    assert linear.stopped == "stopped after 5 steps"
    assert trees.stopped == "stopped after 1 of 100 trees"
    assert trees.predict(train.inputs).shape == (300, 2)


def test_a_large_training_split_is_sampled_and_a_slow_test_left_out(monkeypatch):
    train, test = noisy(400), noisy(80, seed=1)
    monkeypatch.setattr(models, "MAX_EXAMPLES", 300)
    notes = {model.name: model.note for model in models.fit_simple_models(BINARY, train, test, seconds=30)}
    assert set(notes.values()) == {"fitted to 300 of 400 training examples"}
    for model in models.fit_simple_models(BINARY, train, test, seconds=1e-9):
        assert model.predictions is None
        assert model.note.startswith("left out: to read 80 test examples takes about ")


def test_what_fails_is_left_out_and_said():
    train, test = noisy(60), noisy(20, seed=1)
    one = split(train.inputs, np.zeros(60, np.int32))
    found = models.fit_simple_models(BINARY, one, test, seconds=10)
    assert [model.note for model in found] == 2 * ["left out: the training examples that it would see are of one class"]
    gaps = split(np.where(train.inputs > 2, np.nan, train.inputs), train.targets)
    linear, boosting = models.fit_simple_models(BINARY, gaps, test, seconds=10)
    assert linear.predictions is None
    assert "NaN" in linear.note
    assert boosting.predictions is not None  # trees know what is missing


class Damaged(ArraySplit):
    """A split whose files cannot be read any more."""

    def rows(self, indices):
        raise OSError("no such file: 7.png")


def test_files_that_are_gone_are_a_note_and_no_error():
    train = noisy(60)
    damaged = Damaged(train.inputs, train.targets, train.ids)
    for splits in ((damaged, train), (train, damaged)):
        for model in models.fit_simple_models(BINARY, *splits, seconds=10):
            assert (model.predictions, model.note) == (None, "left out: no such file: 7.png")


@pytest.mark.parametrize("classes", [500, 100_000])
def test_many_classes_are_too_many_for_boosting_or_for_both(classes, monkeypatch):
    monkeypatch.setattr(models, "MAX_LEARNED", 2000)
    random = np.random.default_rng(0)
    train = split(random.normal(size=(60, 3)).astype(np.float32), random.integers(classes, size=60).astype(np.int32))
    schema = Schema(BINARY.inputs, Target("class", tuple(map(str, range(classes)))))
    linear, boosting = models.fit_simple_models(schema, train, train, seconds=10)
    assert boosting.note == f"left out: it would grow trees for each of {classes:,} classes or values"
    assert (linear.predictions is None) == (classes == 100_000)


def test_one_example_of_each_split_is_enough():
    pair = noisy(2)
    pair = split(pair.inputs, np.array([0, 1], np.int32))
    for model in models.fit_simple_models(BINARY, pair, split(pair.inputs[:1], pair.targets[:1]), seconds=10):
        assert model.predictions is not None
        np.testing.assert_allclose(model.predictions.sum(1), 1)
