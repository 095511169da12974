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
        (
            {"train": (np.zeros((3, 2)), np.zeros(3, int)), "test": (np.zeros((2, 2)), np.array([0.9, 1.7]))},
            "labels of the test split are float64; class labels are integers",
        ),
        ({"train": (np.zeros((3, 2)), np.zeros((3, 1), int))}, r"have shape \(3, 1\); class labels are \(examples,\)"),
        (
            {"train": (np.zeros((3, 2)), np.zeros((3, 2))), "test": (np.zeros((3, 2)), np.zeros(3))},
            r"targets of the test split have shape \(3,\); there are 2 of them, so \(examples, 2\) is needed",
        ),
        ({"train": (np.zeros((3, 2)), np.array([0.0, np.nan, 1.0]))}, r"train_1 has the target \[nan\] \(1 such\)"),
        ({"train": (np.zeros((60, 2)), np.arange(60) * 20_000_000)}, r"labels go up to 1,180,000,000, .*numbers=\["),
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


@pytest.mark.parametrize("targets", [np.array([1.5, 2.5, 0.0]), np.array([[1.5], [2.5], [0.0]], np.float32)])
def test_floats_are_numbers(targets):
    dataset = jaxflow.from_arrays({"train": (np.zeros((3, 2)), targets)})
    target, made = dataset.schema.target, dataset.splits["train"].targets
    assert (target.kind, target.names) == ("number", ("0",))
    assert (made.shape[1:], target.dtype) == (target.shape, "float32")
    assert made.dtype == targets.dtype  # what float32 lacks is kept until targets are scaled
    np.testing.assert_array_equal(made[:, 0], [1.5, 2.5, 0.0])


def test_integers_are_classes_unless_they_are_named_as_numbers():
    arrays = {"train": (np.zeros((3, 2)), np.array([0, 1, 7]))}
    classes, numbers = jaxflow.from_arrays(arrays), jaxflow.from_arrays(arrays, numbers=("legs",))
    assert (classes.schema.target.kind, classes.splits["train"].targets.shape) == ("class", (3,))
    assert (numbers.schema.target.names, numbers.splits["train"].targets.tolist()) == (("legs",), [[0], [1], [7]])
    with pytest.raises(jaxflow.UserError, match="one or the other"):
        jaxflow.from_arrays(arrays, classes="abc", numbers=("legs",))


def test_a_dataset_is_described_and_not_printed_out():
    images = np.zeros((5000, 8, 8, 1), np.uint8)
    dataset = jaxflow.from_arrays({"train": (images, np.arange(5000) % 3), "test": (images[:3], np.arange(3))})
    assert "ArraySplit(5,000 examples, inputs: uint8(8, 8, 1), targets: int32())" in repr(dataset)
    assert len(repr(dataset)) < 1000


def test_splits_that_are_no_pairs_and_classes_that_training_lacks_are_said(caplog):
    inputs = np.zeros((4, 2), np.float32)
    with pytest.raises(jaxflow.UserError, match="the train split is no pair; give inputs and targets"):
        jaxflow.from_arrays({"train": inputs, "test": inputs}, {"train": np.zeros(4, int), "test": np.zeros(4, int)})
    jaxflow.from_arrays({"train": (inputs, [0, 1, 0, 1]), "test": (inputs, [0, 1, 2, 1])}, ("a", "b", "c"))
    assert [record.message for record in caplog.records] == [
        "test: train has no 'c', which no model learns then; they count as wrong"
    ]
