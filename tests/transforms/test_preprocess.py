import jax
import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

import jaxflow
from jaxflow.data.dataset import ArraySplit
from jaxflow.schema import Feature
from jaxflow.transforms import preprocess

IMAGES = np.random.RandomState(0).randint(0, 256, (70, 4, 4, 3)).astype(np.uint8)


def split_of(inputs):
    return ArraySplit(inputs, np.zeros(len(inputs), np.int32), [str(i) for i in range(len(inputs))])


def feature_of(inputs):
    return Feature("vector", inputs.shape[1:], inputs.dtype.name)


def inputs_of(inputs):
    return preprocess.inputs_of(split_of(inputs), feature_of(inputs))


def fit(transforms, inputs):
    return preprocess.fit(transforms, split_of(inputs), feature_of(inputs))


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0)])
def test_scale_maps_the_ends_of_the_dtype(low, high):
    scale = jaxflow.Scale(low, high)
    ends = scale(scale.fit(inputs_of(IMAGES)), np.array([0, 255], np.uint8))
    np.testing.assert_allclose(ends, [low, high], atol=1e-6)


def test_standardize_is_scikit_learns():
    standardize = jaxflow.Standardize()
    ours = standardize(standardize.fit(inputs_of(IMAGES)), IMAGES)
    theirs = StandardScaler().fit_transform(IMAGES.reshape(-1, 3).astype(float)).reshape(IMAGES.shape)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_constant_column_stays_zero():
    standardize = jaxflow.Standardize()
    constant = np.full((5, 2), 7.0, np.float32)
    np.testing.assert_array_equal(standardize(standardize.fit(inputs_of(constant)), constant), 0)


def test_transforms_are_fitted_one_after_the_other():
    transforms = (jaxflow.Scale(0.0, 1.0), jaxflow.Standardize())
    fitted = fit(transforms, IMAGES)
    np.testing.assert_allclose(fitted[1]["mean"], (IMAGES / 255).mean((0, 1, 2)), rtol=1e-5)
    outputs = jax.jit(lambda x: preprocess.apply(transforms, fitted, x))(IMAGES)
    np.testing.assert_allclose(np.asarray(outputs).std((0, 1, 2)), 1, rtol=1e-4)


def test_integers_that_nothing_scales_are_refused():
    with pytest.raises(jaxflow.UserError, match="nothing scales them"):
        fit((), IMAGES)


class Watched:
    """A split that lies nowhere: its rows are made from their indices, and it remembers how many at once."""

    def __init__(self, size, shape):
        self.size, self.shape, self.asked = size, shape, []

    def __len__(self):
        return self.size

    def rows(self, indices):
        self.asked.append(len(indices))
        return {"inputs": np.stack([np.random.RandomState(i).randint(0, 256, self.shape, np.uint8) for i in indices])}


def test_fitting_holds_a_piece_at_a_time(monkeypatch):
    monkeypatch.setattr(preprocess, "MAX_NUMBERS", 1000)
    split = Watched(70, (5, 5, 3))  # of 75 numbers: 13 fit into a piece
    transforms = (jaxflow.Scale(), jaxflow.Standardize())
    fitted = preprocess.fit(transforms, split, Feature("image", split.shape, "uint8"))
    assert split.asked == [13, 13, 13, 13, 13, 5]  # Scale looks at the dtype alone
    monkeypatch.undo()
    whole = split.rows(np.arange(70))["inputs"]
    np.testing.assert_allclose(fitted[1]["mean"], (whole / 255).mean((0, 1, 2)), rtol=1e-5)
    # Sums of integers are exact: however they are cut, the same bits.
    assert jaxflow.Standardize().fit([whole]) == jaxflow.Standardize().fit(np.split(whole, [1, 50]))


def old_fit(transforms, inputs):
    """As it was when whole splits were fitted at once."""
    fitted = []
    for position, transform in enumerate(transforms):
        if position:
            inputs = np.asarray(jax.jit(transforms[position - 1].__call__)(fitted[-1], inputs))
        if isinstance(transform, jaxflow.Scale):
            fitted.append(transform.fit(inputs))
            continue
        total, squares, count = 0.0, 0.0, 0
        for first in range(0, len(inputs), 4096):
            piece = inputs[first : first + 4096].reshape(-1, inputs.shape[-1]).astype(np.float64)
            total, squares, count = total + piece.sum(0), squares + (piece**2).sum(0), count + len(piece)
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
        fitted.append({"mean": mean.tolist(), "std": deviation.tolist()})
    return fitted


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("transforms", [(jaxflow.Standardize(),), (jaxflow.Scale(-1.0, 1.0), jaxflow.Standardize())])
def test_pieces_fit_to_the_bits_that_whole_splits_did(transforms, dtype):
    inputs = (np.random.RandomState(0).rand(9001, 3, 5, 2) * 255).astype(dtype)
    assert fit(transforms, inputs) == old_fit(transforms, inputs)


def test_a_waveform_is_standardised_as_one_channel():
    waves = np.random.RandomState(0).randn(3, 100) * [[1], [20], [0]] + [[5], [0], [2]]
    standardised = np.asarray(jaxflow.StandardizePerExample()([], waves))
    np.testing.assert_allclose(standardised[:2], StandardScaler().fit_transform(waves[:2].T).T, atol=1e-5)
    np.testing.assert_array_equal(standardised[2], np.zeros(100))
