"""What needs no model, against scikit-learn's dummies and counting."""

import itertools

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import (
    brier_score_loss,
    f1_score,
    jaccard_score,
    log_loss,
    mean_absolute_error,
    r2_score,
    root_mean_squared_error,
)

import jaxflow
from jaxflow.data.dataset import ArraySplit, Dataset
from jaxflow.evaluation.baselines.dense_rules import mask_rules, text_rules
from jaxflow.evaluation.baselines.rules import class_prior, label_prior, rule_name, score_rules, value_rules
from jaxflow.problems.names import with_names
from jaxflow.schema import IGNORE, Feature, Schema, Target

RANDOM = np.random.default_rng(0)
VECTOR, TOKENS = Feature("vector", (2,), "float32"), Feature("tokens", (8,), "int32", vocab_size=5)


def split(inputs, targets):
    return ArraySplit(inputs, targets, [str(i) for i in range(len(inputs))])


def dataset(train, test, target, feature=VECTOR):
    splits = {name: split(np.zeros((len(t), *feature.shape), feature.dtype), t)
              for name, t in (("train", train), ("test", test))}  # fmt: skip
    return Dataset(splits, Schema(feature, target))


@pytest.mark.parametrize("classes", [2, 4])
def test_guessing_classes_is_what_scikit_learn_expects_of_it(classes):
    train, test = RANDOM.integers(classes, size=60), RANDOM.integers(classes, size=40)
    found = class_prior(jaxflow.Classification(), train, test, classes)
    dummy = DummyClassifier(strategy="prior").fit(train[:, None], train)
    probabilities = dummy.predict_proba(test[:, None])
    assert found["accuracy"] == pytest.approx((train[:, None] == test).mean())  # of all pairs: each draw is as likely
    assert found["log_loss"] == found["loss"] == pytest.approx(log_loss(test, probabilities, labels=range(classes)))
    assert found["brier"] == pytest.approx(brier_score_loss(test, probabilities, labels=range(classes)))
    smooth = jaxflow.Classification(loss=jaxflow.losses.CrossEntropy(label_smoothing=0.1))
    assert "loss" not in class_prior(smooth, train, test, classes)  # another loss is not the log-loss


def test_a_class_that_training_lacks_costs_a_lot_but_not_everything():
    found = class_prior(jaxflow.Classification(), np.array([0, 0]), np.array([1]), 2)
    assert found["accuracy"] == 0
    assert found["log_loss"] == pytest.approx(-np.log(np.finfo(np.float32).eps))


def test_classes_have_a_majority_too():
    train, test = np.array([0, 0, 1], np.int32), np.array([0, 1, 1, 1], np.int32)
    own, rules = score_rules(dataset(train, test, Target("class", ("a", "b"))), jaxflow.Classification())
    assert own == rules["majority"] == {"accuracy": 0.25}
    assert rules["prior"]["accuracy"] == pytest.approx(2 / 3 * 1 / 4 + 1 / 3 * 3 / 4)


def test_labels_are_guessed_one_by_one_where_they_are_known():
    train = np.array([[1, 0], [1, IGNORE], [0, 1], [1, 0]])
    test = np.array([[1, 1], [0, IGNORE]])
    first, second = 3 / 4, 1 / 3
    found = label_prior(jaxflow.MultiLabel(), train, test)
    assert found["accuracy"] == pytest.approx((first + second + 1 - first) / 3)
    assert found["loss"] == pytest.approx(-np.log([first, second, 1 - first]).mean())
    data = dataset(train, test, Target("labels", ("a", "b")))
    assert set(score_rules(data, jaxflow.MultiLabel())[1]) == {"majority of each label", "prior"}


def test_values_have_a_mean_and_a_median_for_each_column():
    train, test = RANDOM.normal(size=(30, 2)) ** 2, RANDOM.normal(size=(20, 2)) ** 2
    schema = Schema(VECTOR, Target("number", ("price", "area")))
    found = value_rules(with_names(jaxflow.Regression(), schema), train, test)
    for name in ("mean", "median"):
        for column, end in enumerate(("/price", "/area")):
            true = test[:, column]
            dummy = DummyRegressor(strategy=name).fit(train, train[:, column]).predict(test)
            assert found[name][f"rmse{end}"] == pytest.approx(root_mean_squared_error(true, dummy))
            assert found[name][f"mae{end}"] == pytest.approx(mean_absolute_error(true, dummy))
            assert found[name][f"r2{end}"] == pytest.approx(r2_score(true, dummy))


def test_the_problem_s_own_baseline_is_the_best_by_each_metric():
    train, test = np.array([[0.0], [0], [9]]), np.array([[1.0], [0]])
    own, rules = score_rules(dataset(train, test, Target("number", ("y",))), jaxflow.Regression())
    assert own["rmse"] == rules["mean"]["rmse"]
    assert own["mae"] == rules["median"]["mae"] < rules["mean"]["mae"]


def test_each_pixel_has_its_most_frequent_class():
    train, test = RANDOM.integers(-1, 3, (9, 4, 5)), RANDOM.integers(-1, 3, (6, 4, 5))
    train[:, 0, 0] = IGNORE  # nothing is known of it: the most frequent class of all
    everywhere = np.bincount(train[train >= 0]).argmax()
    counts = np.stack([(train == k).sum(0) for k in range(3)], -1)
    answer = np.where(counts.sum(-1) > 0, counts.argmax(-1), everywhere)
    known = test >= 0
    true, predicted = test[known], np.broadcast_to(answer, test.shape)[known]
    found = mask_rules(train, test, ("a", "b", "c"))["prior of each pixel"]
    assert found["accuracy"] == pytest.approx((true == predicted).mean())
    assert found["iou"] == pytest.approx(jaccard_score(true, predicted, average="macro"))
    assert found["dice"] == pytest.approx(f1_score(true, predicted, average="macro"))


def test_tokens_and_pairs_of_them_are_counted():
    text = "the cat sat on the mat the cat ate the rat on the mat"
    words = text.split()
    pairs = CountVectorizer(ngram_range=(2, 2)).fit([text])
    pair_counts = dict(zip(pairs.get_feature_names_out(), pairs.transform([text]).toarray()[0]))
    names = sorted(set(words))
    codes = np.array([names.index(word) for word in words])
    train = split(codes[None, :-1], codes[None, 1:])
    tested = ["the", "rat", "sat", "the", "cat"]  # "rat sat" and "sat the" were never seen
    asked = np.array([names.index(word) for word in tested])
    found = text_rules(train, split(asked[None, :-1], asked[None, 1:]), len(names))
    single = {word: (words[1:].count(word) + 1) / (len(words) - 1 + len(names)) for word in names}
    expected = {"unigram": [], "bigram": []}
    for before, after in itertools.pairwise(tested):
        followers = [words[i + 1] for i in range(len(words) - 1) if words[i] == before]
        kinds = len(set(followers))
        together = (pair_counts.get(f"{before} {after}", 0) + kinds * single[after]) / (len(followers) + kinds)
        expected["unigram"].append(single[after])
        expected["bigram"].append(together)
    for name, probabilities in expected.items():
        loss = -np.log(probabilities).mean()
        assert found[name]["loss"] == pytest.approx(loss)
        assert found[name]["perplexity"] == pytest.approx(np.exp(loss))
        assert found[name]["bits_per_token"] == pytest.approx(loss / np.log(2))
    # After "the" comes "cat" or "mat", each twice, and "cat" is the first of them; after "sat" only "on" was seen, but
    # there "the" may be as likely.
    assert found["unigram"]["accuracy"] == pytest.approx(tested[1:].count("the") / 4)


def test_bigrams_are_probabilities():
    tokens = RANDOM.integers(0, 5, (20, 9)).astype(np.int32)
    train = split(tokens[:, :-1], np.where(tokens[:, 1:] == 4, IGNORE, tokens[:, 1:]))
    for before in range(5):
        alone = [
            text_rules(train, split(np.array([[before]]), np.array([[after]])), 5)["bigram"]["loss"]
            for after in range(5)
        ]
        assert np.exp(-np.array(alone)).sum() == pytest.approx(1)
        best = text_rules(train, split(np.array([[before]]), np.array([[int(np.argmin(alone))]])), 5)["bigram"]
        assert best["accuracy"] == 1


def test_the_unigram_is_the_problem_s_own_baseline():
    tokens = RANDOM.integers(0, 5, (20, 9)).astype(np.int32)
    windows = {name: split(tokens[rows, :-1], tokens[rows, 1:])
               for name, rows in (("train", slice(12)), ("test", slice(12, 20)))}  # fmt: skip
    data = Dataset(windows, Schema(TOKENS, Target("class", tuple("abcde"), (8,))))
    own, rules = score_rules(data, jaxflow.LanguageModelling())
    assert list(rules) == ["unigram", "bigram"]
    alone = text_rules(windows["train"], windows["test"], 5)["unigram"]
    assert {name: alone[name] for name in own} == pytest.approx(own)


@pytest.mark.parametrize(
    ("problem", "name"),
    [
        (jaxflow.OrdinalClassification(), "median class"),
        (jaxflow.Tagging(), "most frequent tag of each token"),
        (jaxflow.Autoencoding(), "mean input"),
        (jaxflow.QuantileRegression((0.1, 0.9)), "quantiles of the training targets"),
        (jaxflow.Classification(), "majority"),
    ],
)
def test_rules_are_named(problem, name):
    assert rule_name(problem, Schema(VECTOR, Target("class", ("a", "b")))) == name
