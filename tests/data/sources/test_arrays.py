"""Arrays as everyone hands them over first: x and y."""

import numpy as np
import pytest

import jaxflow


def of(y, **options):
    x = np.arange(len(y) * 2, dtype=np.float32).reshape(-1, 2)
    return jaxflow.from_arrays(x, y, **options)


def all_targets(dataset):
    """The targets in the order of the rows, by the first input, which counts them."""
    splits = [split.rows(np.arange(len(split))) for split in dataset.splits.values()]
    rows = np.concatenate([split["inputs"][:, 0] for split in splits])
    return np.concatenate([split["targets"] for split in splits])[np.argsort(rows)]


NUMBERS = np.arange(60) % 3


@pytest.mark.parametrize(
    ("y", "names"),
    [
        (NUMBERS, ("0", "1", "2")),
        (NUMBERS.tolist(), ("0", "1", "2")),
        (NUMBERS[:, None], ("0", "1", "2")),
        (np.array(["cat", "dog", "eel"])[NUMBERS], ("cat", "dog", "eel")),
        (np.array(["cat", "dog", "eel"], object)[NUMBERS], ("cat", "dog", "eel")),
        (np.eye(3)[NUMBERS], ("0", "1", "2")),
        (np.eye(3, dtype=int)[NUMBERS], ("0", "1", "2")),
    ],
)
def test_labels_of_every_kind_are_classes(y, names, said):
    dataset = of(y)
    assert (dataset.schema.target.kind, dataset.schema.target.names) == ("class", names)
    np.testing.assert_array_equal(all_targets(dataset), NUMBERS)
    assert sum(len(split) for split in dataset.splits.values()) == 60
    assert "60 examples, split by a hash of their row: " in said()


def test_booleans_and_values():
    dataset = of(NUMBERS == 2)
    assert dataset.schema.target.names == ("False", "True")
    np.testing.assert_array_equal(all_targets(dataset), NUMBERS == 2)
    values = of(NUMBERS / 2)
    assert values.schema.target.kind == "number"
    np.testing.assert_array_equal(all_targets(values)[:, 0], np.float32(NUMBERS / 2))
    assert of(NUMBERS, numbers=("legs",)).schema.target == jaxflow.Target("number", ("legs",))


def test_classes_that_are_named_keep_their_order():
    dataset = of(np.array(["cat", "dog", "eel"])[NUMBERS], classes=("eel", "dog", "cat"))
    assert dataset.schema.target.names == ("eel", "dog", "cat")
    np.testing.assert_array_equal(all_targets(dataset), 2 - NUMBERS)


def test_another_rule_splits_and_more_rows_move_nobody():
    dataset = of(NUMBERS, split=jaxflow.HoldOut(validation=0, test=0.5))
    assert set(dataset.splits) == {"train", "test"}
    larger = of(np.arange(90) % 3, split=jaxflow.HoldOut(validation=0, test=0.5))
    rows = [set(part.splits["test"].inputs[:, 0]) for part in (dataset, larger)]
    assert rows[0] == {row for row in rows[1] if row < 120}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((4, 2)), np.zeros(3)), "there are 4 inputs but 3 targets"),
        ((np.zeros((4, 2)),), r"from_arrays\(x, y\)"),
        (((np.zeros((4, 2)), np.zeros(4)), (np.zeros((4, 2)), np.zeros(4))), r"from_arrays\(\{'train': \(x, y\)"),
    ],
)
def test_what_does_not_fit_is_one_line(arguments, message):
    with pytest.raises(jaxflow.UserError, match=message):
        jaxflow.from_arrays(*arguments)


def test_a_label_without_a_class_is_named():
    with pytest.raises(jaxflow.UserError, match="hold the label 'eel', and classes are cat, dog"):
        of(np.array(["cat", "dog", "eel"])[NUMBERS], classes=("cat", "dog"))


@pytest.mark.parametrize(
    ("x", "y", "names", "message"),
    [
        (np.zeros((20, 2)), np.arange(20) % 2 * 2**32, {}, "labels go up to 4,294,967,296, and integers are classes"),
        (np.zeros((20, 2)), np.arange(20) % 2 - 2**32, {}, "labels go down to -4,294,967,296; classes are numbered"),
        (np.arange(40).reshape(20, 2) + 2**40, np.arange(20) % 2, {}, "train split are integers from 1,099,511,627,77"),
        (np.zeros((20, 2), complex), np.arange(20) % 2, {}, "train split are complex128; they are integers, floats"),
        (np.zeros((20, 2), object), np.arange(20) % 2, {}, "train split are object; they are integers, floats"),
        (np.zeros((20, 2)), np.arange(20) % 3, {"classes": ("a", "b", "a")}, "two targets or classes .* named 'a'"),
    ],
)
def test_what_a_device_would_change_is_refused(x, y, names, message):
    with pytest.raises(jaxflow.UserError, match=message):
        jaxflow.from_arrays({"train": (x, y)}, **names)
