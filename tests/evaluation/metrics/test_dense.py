import numpy as np
import pytest
import sklearn.metrics as reference

from jaxflow.evaluation.metrics.dense import count_masks, count_tokens, mask_scores, token_scores
from jaxflow.evaluation.metrics.scores import each_example


def values(found, counts):
    return {name: value for family in found for name, value in zip(family.names, family.of(counts)[0])}


def test_overlaps_are_scikit_learns_over_the_known_pixels_of_a_resample():
    random, counts = np.random.default_rng(0), np.array([[2.0, 0.0, 1.0, 1.0]])
    targets, predictions = random.integers(-1, 3, (4, 6, 5)), random.integers(0, 3, (4, 6, 5))
    found = values(mask_scores(count_masks(targets, predictions, 4), ["a", "b", "c", "never"], each_example(4)), counts)
    known, weights = targets >= 0, np.broadcast_to(counts[0][:, None, None], targets.shape)
    given = targets[known], predictions[known]
    kept = {"sample_weight": weights[known], "average": None}
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(*given, sample_weight=weights[known]))
    assert [found[f"iou/{n}"] for n in "abc"] == pytest.approx(reference.jaccard_score(*given, **kept))
    assert [found[f"dice/{n}"] for n in "abc"] == pytest.approx(reference.f1_score(*given, **kept))
    assert found["iou"] == pytest.approx(reference.jaccard_score(*given, **kept).mean())
    assert np.isnan(found["iou/never"])


def test_dice_per_example_is_the_mean_of_scans_without_background():
    targets = np.array([[[0, 1], [1, 2]], [[0, 0], [0, 0]]])
    predictions = np.array([[[0, 1], [0, 2]], [[0, 0], [0, 0]]])
    found = values(
        mask_scores(count_masks(targets, predictions, 3), ["bg", "a", "b"], each_example(2)), np.ones((1, 2))
    )
    assert found["dice_per_example"] == pytest.approx((2 / 3 + 1) / 2)  # the second scan has nothing to find


def test_tokens_have_perplexity_and_bits_over_what_is_known():
    targets, predictions = np.array([[1, 2, -1], [0, 1, 1]]), np.array([[1, 0, 0], [0, 1, 0]])
    likelihoods = np.log(np.array([[0.5, 0.25, 1e-9], [0.5, 0.5, 0.125]]))
    found = values(token_scores(count_tokens(targets, predictions, likelihoods), each_example(2)), np.ones((1, 2)))
    assert found["bits_per_token"] == pytest.approx((1 + 2 + 1 + 1 + 3) / 5)
    assert found["perplexity"] == pytest.approx(2 ** (8 / 5))
    assert found["accuracy"] == pytest.approx(3 / 5)
