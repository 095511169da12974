import numpy as np
import pytest
import sklearn.datasets

import jaxflow

SIZES = {
    "iris": (150, 4, 3),
    "wine": (178, 13, 3),
    "breast_cancer": (569, 30, 2),
    "diabetes": (442, 10, 1),
    "linnerud": (20, 3, 3),
}


@pytest.mark.parametrize("name", SIZES)
def test_tables_are_scikit_learns(name):
    rows, columns, names = SIZES[name]
    dataset = jaxflow.ToyTable(name).load()
    assert dataset.schema.inputs.shape == (columns,)
    assert len(dataset.schema.target.names) == names
    assert sum(map(len, dataset.splits.values())) == rows
    options = {"scaled": False} if name == "diabetes" else {}
    data, target = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True, **options)
    test = dataset.splits["test"]
    source = [int(id_.rpartition("_")[2]) for id_ in test.ids]
    np.testing.assert_allclose(test.inputs, data[source], rtol=1e-6)
    np.testing.assert_allclose(test.targets, target[source].reshape(test.targets.shape), rtol=1e-6)


def test_three_numbers_have_their_names():
    assert jaxflow.ToyTable("linnerud").load().schema.target.names == ("weight", "waist", "pulse")
    assert jaxflow.ToyTable("diabetes").load().schema.target.names == ("progression",)


def test_rare_classes_can_be_stratified():
    splits = jaxflow.ToyTable("iris", split=jaxflow.HoldOut(0.1, 0.2, stratify=True)).load().splits
    assert np.bincount(splits["test"].targets).tolist() == [10, 10, 10]


def test_numbers_are_not_stratified():
    with pytest.raises(jaxflow.UserError, match="the target is a number"):
        jaxflow.ToyTable("diabetes", split=jaxflow.HoldOut(stratify=True)).load()


def test_a_table_that_is_not_there_is_refused():
    with pytest.raises(jaxflow.UserError, match=r"data.name is 'boston'; bundled are iris"):
        jaxflow.ToyTable("boston")
