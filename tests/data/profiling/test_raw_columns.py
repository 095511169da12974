"""Columns of tables in their own units, and what they show."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from jaxflow import HoldOut, Table
from jaxflow.data.profiling.raw_columns import _distance, profile_raw_columns
from jaxflow.data.tables.raw.columns import RawColumn
from tests.data.sources.test_table import write

LETTERS = np.array(list("ab") * 250, object)


def column(kind="number", name="x", target=False, **parts):
    return RawColumn(name, kind, target, {split: np.asarray(values) for split, values in parts.items()})


def messages(*columns):
    return [issue.message for issue in profile_raw_columns(columns)[1]]


def test_numbers_are_numpys(tmp_path):
    random = np.random.RandomState(0)
    prices = random.lognormal(10, 1, 300).round()
    words = random.choice(["red", "green"], 300)
    lines = [
        [f'"{price:,.0f}"', "" if i % 10 == 0 else word, i % 2] for i, (price, word) in enumerate(zip(prices, words))
    ]
    data = Table(write(tmp_path / "a.csv", lines, ["price", "colour", "y"]), "y", split=HoldOut(0, 0.3))
    dataset = data.load()
    described, _ = profile_raw_columns(data.raw_columns(dataset))
    by_name = {about["name"]: about for about in described}
    assert [about["name"] for about in described] == ["y", "price", "colour"]
    rows = {name: split.lines - 2 for name, split in dataset.splits.items()}
    train = prices[rows["train"]]
    assert by_name["price"]["mean"] == pytest.approx(train.mean())
    assert by_name["price"]["q95"] == pytest.approx(np.quantile(train, 0.95))
    assert (by_name["price"]["min"], by_name["price"]["max"]) == (train.min(), train.max())
    assert {name: sum(counts) for name, counts in by_name["price"]["histogram"].items()} == {
        name: len(numbers) for name, numbers in rows.items()
    }
    known = words[[row for row in rows["train"] if row % 10]]
    assert by_name["colour"]["counts"]["train"] == {str(word): int((known == word).sum()) for word in set(known)}
    for name, numbers in rows.items():
        assert by_name["colour"]["missing"][name] == pytest.approx(np.mean(numbers % 10 == 0))
    assert by_name["y"]["target"]
    in_file = Table(data.path, "y", split=data.split, in_memory=False)
    assert profile_raw_columns(in_file.raw_columns(in_file.load()))[0] == described


def test_distances_are_scipys():
    random = np.random.RandomState(0)
    one, other = random.normal(size=200).round(1), random.normal(0.5, size=80).round(1)
    assert _distance("number", one, other) == pytest.approx(ks_2samp(one, other).statistic)


def test_caps_and_numbers_that_stand_for_others_are_found():
    random = np.random.RandomState(0)
    plain = random.lognormal(3, 1, 2000).round(2)
    assert messages(column(train=plain)) == []
    capped = np.minimum(plain, np.quantile(plain, 0.95))
    assert "training rows hold the largest x" in messages(column(train=capped))[0]
    assert profile_raw_columns([column(train=capped, target=True)])[1][0].severity == "problem"
    stand_in = np.where(np.arange(2000) < 20, 99999, plain)
    assert messages(column(train=stand_in)) == ["20 training rows hold 99999 in x, as what has no value often does"]
    assert messages(column(train=-stand_in)) == ["20 training rows hold -99999 in x, as what has no value often does"]
    assert "data.missing_also=('99999',)" in profile_raw_columns([column(train=stand_in)])[1][0].advice
    assert messages(column(train=np.where(random.rand(2000) < 0.9, 0, plain))) == []  # most are nothing: no cap
    assert messages(column(train=np.arange(2000) % 5.0)) == []


@pytest.mark.parametrize(
    ("kind", "train", "test", "message"),
    [
        ("number", np.arange(500.0), np.arange(100) * 1.0, "x is distributed otherwise in test than in train"),
        ("number", np.arange(500.0) % 100, np.full(100, 7.0), "x is 7.0 in all of test"),
        ("number", np.arange(500.0), np.where(np.arange(100) < 60, np.nan, np.arange(100) * 5), "x is missing in 0%"),
        ("category", LETTERS, np.array(["c"] * 10 + list("ab") * 45, object), "10% of test have a x"),
        ("category", LETTERS, np.array(["a"] * 90 + ["b"] * 10, object), "x is distributed otherwise"),
    ],
)  # fmt: skip
def test_splits_that_differ_are_found(kind, train, test, message):
    assert any(found.startswith(message) for found in messages(column(kind, train=train, test=test)))
    random = np.random.RandomState(0).permutation(len(train))
    assert messages(column(kind, train=train[random[:400]], test=train[random[400:]])) == []


def test_columns_that_say_the_same_are_found():
    names = np.array(list("cab") * 100, object)
    numbers = np.array([3.0, 1.0, 2.0] * 100)
    other = np.array(list("ab") * 150, object)
    columns = [column("category", "name", train=names), column("number", "number", train=numbers)]
    found = messages(*columns, column("category", "other", train=other))
    assert found == ["name and number say the same: each value of one goes with one of the other"]


def test_a_target_that_is_classes_is_described_as_such(tmp_path):
    names = [*map(str, range(1, 23)), "X", "Y"]  # mostly numbers, which is refused where nothing says what they are
    lines = [[i / 7, name] for i, name in enumerate(names * 5)]
    data = Table(write(tmp_path / "a.csv", lines, ["x", "y"]), "y", task="class", split=HoldOut(0, 0.2))
    described, _ = profile_raw_columns(data.raw_columns(data.load()))
    assert set(described[0]["counts"]["train"]) <= {*names, "other"}
