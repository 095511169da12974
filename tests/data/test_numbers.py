import numpy as np
import pytest
from scipy.special import ndtr
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from jaxflow import Number
from tests.data.tables.test_columns import through_json

VALUES = np.random.RandomState(0).lognormal(2, 2, 500)
NEW = np.array([-5.0, 0.0, VALUES.min(), 3.3, 1e6])


@pytest.mark.parametrize("winsorize", [0.0, 0.05])
def test_logarithms_are_numpys(winsorize):
    fitted = through_json(Number("x", transform="log", winsorize=winsorize).fit(VALUES))
    low, high = np.quantile(VALUES, (winsorize, 1 - winsorize)) if winsorize else (-np.inf, np.inf)

    def log(values):
        clipped = values.clip(low, high)[:, None]
        return np.sign(clipped) * np.log1p(np.abs(clipped))

    scaler = StandardScaler().fit(log(VALUES))
    for values in (VALUES, NEW):
        np.testing.assert_allclose(fitted.encode(values), scaler.transform(log(values)), rtol=1e-5, atol=1e-6)


def test_quantiles_are_scikit_learns():
    fitted = through_json(Number("x", transform="quantile", scale="none").fit(VALUES))
    reference = QuantileTransformer(n_quantiles=500, output_distribution="normal").fit(VALUES[:, None])
    for values in (VALUES, NEW):
        np.testing.assert_allclose(fitted.encode(values), reference.transform(values[:, None]), rtol=1e-3, atol=1e-3)


def test_equal_numbers_have_the_middle_of_their_ranks():
    values = np.repeat([1.0, 2.0, 5.0], [100, 200, 101])
    encoded = Number("x", transform="quantile", scale="none").fit(values).encode(np.array([2.0, 3.5]))[:, 0]
    np.testing.assert_allclose(ndtr(encoded), [(100 + 299) / 2 / 400, 299.5 / 400], atol=1e-6)


def test_a_missing_number_is_filled_in_its_own_units():
    values = np.array([1.0, 10.0, 100.0, np.nan])
    fitted = Number("x", transform="log", scale="none", indicator=False).fit(values)
    np.testing.assert_allclose(fitted.encode(values)[-1], np.log1p(10.0))
