import numpy as np
import pytest

import jaxflow


def test_rows_are_gathered_in_the_order_asked_for(toy):
    split = toy.splits["train"]
    rows = split.rows(np.array([4, 0, 4]))
    np.testing.assert_array_equal(rows["inputs"], split.inputs[[4, 0, 4]])
    assert split.id(4) == "train_4"


def test_digits_are_split_without_overlap_or_loss():
    splits = jaxflow.Digits().load().splits
    assert {name: len(split) for name, split in splits.items()} == {"train": 1258, "validation": 180, "test": 359}
    assert len({name for split in splits.values() for name in split.ids}) == 1797
    assert splits["train"].inputs.dtype == np.uint8
    assert splits["train"].inputs.max() == 255


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    digits, split = load_digits(), jaxflow.Digits().load().splits["test"]
    for row in range(5):
        source = int(split.id(row).removeprefix("digit_"))
        np.testing.assert_allclose(split.inputs[row, :, :, 0] / 255 * 16, digits.images[source], atol=0.04)
        assert split.targets[row] == digits.target[source]


@pytest.mark.parametrize("labels", [[0, 1, 3], [0, -1, 2]])
def test_labels_out_of_range_are_named(labels):
    with pytest.raises(jaxflow.UserError, match=r"train example train_\d has label -?\d, outside 0\.\.2"):
        jaxflow.from_arrays({"train": (np.zeros((3, 2)), np.array(labels))}, classes="abc")


def test_an_empty_split_is_named():
    with pytest.raises(jaxflow.UserError, match="test split is empty"):
        jaxflow.from_arrays(
            {"train": (np.zeros((3, 2)), np.zeros(3, int)), "test": (np.zeros((0, 2)), np.zeros(0, int))}
        )


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"test": (np.zeros((3, 2)), np.zeros(3, int))}, "there is no train split; there are test"),
        ({"train": (np.zeros((3, 2)), np.array([0.9, 1.7, 0]))}, "class labels are integers"),
        (
            {"train": (np.zeros((3, 2)), np.zeros(3, int)), "test": (np.zeros((3, 4)), np.zeros(3, int))},
            r"test split have shape \(4,\), those of train \(2,\)",
        ),
    ],
)
def test_arrays_that_do_not_fit_together(splits, message):
    with pytest.raises(jaxflow.UserError, match=message):
        jaxflow.from_arrays(splits)


def test_inputs_without_labels_are_refused():
    with pytest.raises(jaxflow.UserError, match="3 inputs but 2 labels"):
        jaxflow.from_arrays({"train": (np.zeros((3, 2)), np.zeros(2))})
