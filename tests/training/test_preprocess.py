import jax
import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

import jaxflow
from jaxflow.training import preprocess

IMAGES = np.random.RandomState(0).randint(0, 256, (70, 4, 4, 3)).astype(np.uint8)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0)])
def test_scale_maps_the_ends_of_the_dtype(low, high):
    scale = jaxflow.Scale(low, high)
    ends = scale(scale.fit(IMAGES), np.array([0, 255], np.uint8))
    np.testing.assert_allclose(ends, [low, high], atol=1e-6)


def test_standardize_is_scikit_learns():
    standardize = jaxflow.Standardize()
    ours = standardize(standardize.fit(IMAGES), IMAGES)
    theirs = StandardScaler().fit_transform(IMAGES.reshape(-1, 3).astype(float)).reshape(IMAGES.shape)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_constant_column_stays_zero():
    standardize = jaxflow.Standardize()
    constant = np.full((5, 2), 7.0, np.float32)
    np.testing.assert_array_equal(standardize(standardize.fit(constant), constant), 0)


def test_transforms_are_fitted_one_after_the_other():
    transforms = (jaxflow.Scale(0.0, 1.0), jaxflow.Standardize())
    fitted = preprocess.fit(transforms, IMAGES)
    np.testing.assert_allclose(fitted[1]["mean"], (IMAGES / 255).mean((0, 1, 2)), rtol=1e-5)
    outputs = jax.jit(lambda x: preprocess.apply(transforms, fitted, x))(IMAGES)
    np.testing.assert_allclose(np.asarray(outputs).std((0, 1, 2)), 1, rtol=1e-4)


def test_integers_that_nothing_scales_are_refused():
    with pytest.raises(jaxflow.UserError, match="nothing scales them"):
        preprocess.fit((), IMAGES)
