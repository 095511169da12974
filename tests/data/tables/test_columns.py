import json

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler, TargetEncoder

from jaxflow.data.tables.columns import Category, Date, Number, fit_target_encoder
from jaxflow.errors import UserError
from jaxflow.serialization import from_json, to_json

NUMBERS = np.random.RandomState(0).lognormal(size=200).round(1)
NUMBERS[np.random.RandomState(1).rand(200) < 0.2] = np.nan
NEW = np.array([0.0, np.nan, 1e6, -3.0])


def through_json(fitted):
    again = from_json(json.loads(json.dumps(to_json(fitted))))
    assert again == fitted
    return again


@pytest.mark.parametrize("impute", ["median", "mean", "mode", "constant"])
@pytest.mark.parametrize("scale", ["standard", "minmax", "robust", "none"])
def test_numbers_are_scikit_learns(impute, scale):
    fitted = through_json(Number("x", impute=impute, constant=7.0, scale=scale).fit(NUMBERS))
    strategy = {"mode": "most_frequent"}.get(impute, impute)
    imputer = SimpleImputer(strategy=strategy, fill_value=7.0, add_indicator=False).fit(NUMBERS[:, None])
    scaler = {"standard": StandardScaler(), "minmax": MinMaxScaler(), "robust": RobustScaler(), "none": None}[scale]
    for values in (NUMBERS, NEW):
        expected = imputer.transform(values[:, None])
        if scaler is not None:
            scaler.fit(imputer.transform(NUMBERS[:, None]))
            expected = scaler.transform(expected)
        ours = fitted.encode(values)
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours[:, 0], expected[:, 0], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(ours[:, 1], np.isnan(values))
    assert fitted.names == ("x", "x: missing")


def test_clipping_goes_by_the_training_quantiles():
    fitted = Number("x", winsorize=0.1, scale="none", indicator=False).fit(np.arange(101.0))
    np.testing.assert_allclose(fitted.encode(np.array([-5.0, 50.0, 1e9]))[:, 0], [10, 50, 90])


def test_a_constant_column_becomes_zero():
    for scale in ("standard", "minmax", "robust"):
        np.testing.assert_array_equal(Number("x", scale=scale).fit(np.full(5, 3.0)).encode(np.full(2, 3.0)), 0)


WORDS = np.array(["b", "a", "b", None, "c", "b", "a", "10", "9"], object)


def test_one_hot_is_scikit_learns():
    fitted = through_json(Category("x").fit(WORDS))
    texts = np.array([value or "" for value in WORDS], object)[:, None]
    reference = OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(texts)
    for values in (WORDS, np.array(["never seen", "a"], object)):
        expected = reference.transform(np.array([value or "" for value in values], object)[:, None])
        np.testing.assert_array_equal(fitted.encode(values), expected)
    assert fitted.names == ("x = missing", "x = 10", "x = 9", "x = a", "x = b", "x = c")


@pytest.mark.parametrize("encode_as", ["onehot", "ordinal", "target"])
@pytest.mark.parametrize("impute", ["mode", "constant"])
def test_missing_categories_are_filled_in_as_scikit_learn_does(impute, encode_as):
    spec = Category("x", impute=impute, constant="c", encode=encode_as)
    fill = {"mode": {"strategy": "most_frequent"}, "constant": {"strategy": "constant", "fill_value": "c"}}[impute]
    imputer = SimpleImputer(missing_values=None, **fill).fit(WORDS[:, None])
    filled = imputer.transform(WORDS[:, None])[:, 0]
    assert "" not in filled

    def fit(spec, values):
        if encode_as == "target":
            return fit_target_encoder(spec, values, np.arange(len(values)) % 3 == 0, True, 0)[0]
        return spec.fit(values)

    ours, reference = through_json(fit(spec, WORDS)), fit(Category("x", encode=encode_as), filled)
    np.testing.assert_array_equal(ours.encode(WORDS), reference.encode(filled))
    assert ours.names == reference.names
    assert ours.missing_fraction == pytest.approx(1 / 9)


@pytest.mark.parametrize("spec", [Category("x", min_count=2), Category("x", max_categories=2)])
def test_rare_and_unseen_categories_share_a_column(spec):
    fitted = spec.fit(WORDS)
    assert fitted.names == ("x = a", "x = b", "x = other")
    rows = fitted.encode(np.array(["a", "c", "never seen", None], object))
    np.testing.assert_array_equal(rows, [[1, 0, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1]])


def test_ordinals_keep_their_order():
    natural = Category("x", encode="ordinal").fit(np.array(["10", "9", "100"], object))
    np.testing.assert_allclose(natural.encode(np.array(["9", "10", "100"], object))[:, 0], [0, 0.5, 1])
    said = Category("x", encode="ordinal", order=("low", "mid", "high")).fit(np.array(["high", "low"], object))
    np.testing.assert_allclose(said.encode(np.array(["low", "mid", "high"], object))[:, 0], [0, 0.5, 1])
    with pytest.raises(UserError, match="column x holds 'huge', which its order does not name"):
        Category("x", encode="ordinal", order=("low",)).fit(np.array(["huge", "low"], object))


def test_embedded_categories_are_numbers_and_0_is_what_is_not_known():
    fitted = through_json(Category("x", encode="index", min_count=2).fit(WORDS))
    new = np.array(["a", "b", "c", "never seen", None], object)
    assert fitted.encode(new).tolist() == [[1], [2], [0], [0], [0]]
    assert (fitted.cardinality, fitted.names) == (3, ("x",))
    everything = Category("x", encode="index").fit(WORDS)
    assert everything.encode(WORDS)[:, 0].tolist() == [5, 4, 5, 1, 6, 5, 4, 2, 3]
    assert everything.cardinality == 7


@pytest.mark.parametrize("encode_as", ["onehot", "ordinal", "index"])
def test_fifty_columns_are_enough_unless_more_are_asked_for(encode_as):
    words = np.array([f"w{i}" for i in range(300)], object)
    kept = {most: len(Category("x", encode_as, max_categories=most).fit(words).categories) for most in (None, 7, 200)}
    assert kept == {None: 50 if encode_as == "onehot" else 300, 7: 7, 200: 200}


@pytest.mark.parametrize("kind", ["binary", "multiclass", "continuous"])
def test_target_encoding_is_scikit_learns(kind):
    random = np.random.RandomState(1)
    values = np.array([f"c{i}" for i in random.randint(0, 30, 400)], object)
    targets = {"binary": random.randint(0, 2, 400), "multiclass": random.randint(0, 3, 400)}.get(kind, random.rand(400))
    fitted, encoded = fit_target_encoder(Category("x"), values, targets, kind != "continuous", seed=3)
    standardised = (targets - targets.mean()) / targets.std()
    reference = TargetEncoder(target_type=kind).fit(values[:, None], standardised if kind == "continuous" else targets)
    new = np.array(["c3", "never seen"], object)
    np.testing.assert_allclose(
        through_json(fitted).encode(new), reference.transform(new[:, None]), rtol=1e-5, atol=1e-7
    )
    assert len(fitted.names) == encoded.shape[1]


def test_target_encoding_does_not_depend_on_the_targets_units():
    random = np.random.RandomState(1)
    values, targets = np.array([f"c{i}" for i in random.randint(0, 9, 200)], object), random.randn(200)
    there, here = (fit_target_encoder(Category("x"), values, y, False, seed=3) for y in (targets * 5e4 + 2e5, targets))
    np.testing.assert_allclose(there[1], here[1], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(there[0].means, here[0].means, atol=1e-9)


@pytest.mark.parametrize("classes", [True, False])
def test_a_rows_own_target_does_not_reach_its_encoding(classes):
    values = np.array([f"c{i % 7}" for i in range(60)], object)
    targets = np.random.RandomState(0).randint(0, 2, 60)
    _, before = fit_target_encoder(Category("x"), values, targets, classes, seed=0)
    for row in range(10):
        changed = np.where(np.arange(60) == row, 1 - targets, targets)
        _, after = fit_target_encoder(Category("x"), values, changed, classes, seed=0)
        assert after[row] == before[row]
        assert not np.array_equal(after, before)


def test_dates_lie_on_circles():
    days = np.arange("2019-01-01", "2021-01-01", dtype="datetime64[D]").astype("datetime64[s]")
    fitted = through_json(Date("x").fit(days))
    assert fitted.names == ("x", "x: sine of year", "x: cosine of year", "x: sine of week", "x: cosine of week")
    rows = fitted.encode(days)
    np.testing.assert_allclose(rows[:, 0], (np.arange(731) - 365) / np.arange(731).std(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(rows[:, 1] ** 2 + rows[:, 2] ** 2, 1, rtol=1e-5)
    np.testing.assert_allclose(rows[7:, 3:], rows[:-7, 3:], atol=1e-4)  # a week later
    new_year = np.linalg.norm(rows[364, 1:3] - rows[365, 1:3])
    assert new_year == pytest.approx(2 * np.sin(np.pi / 365.2425), rel=0.01)
    missing = fitted.encode(np.array(["NaT"], "datetime64[s]"))
    np.testing.assert_allclose(missing, [[0.0, 0, 0, 0, 0]], atol=1e-6)


@pytest.mark.parametrize(
    "make", [lambda: Number(winsorize=0.5), lambda: Category(min_count=0), lambda: Category(max_categories=0)]
)
def test_settings_out_of_range_are_refused(make):
    with pytest.raises(UserError, match="must be"):
        make()
