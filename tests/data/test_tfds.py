import importlib.util

import numpy as np
import pytest

from jaxflow.data.tfds import Tfds
from jaxflow.errors import UserError
from tests.conftest import PREPARED


@pytest.mark.slow
@pytest.mark.skipif(not PREPARED.exists(), reason="no prepared CIFAR-10 beside the checkout")
def test_cifar10_as_prepared_by_tfds():
    dataset = Tfds("cifar10", directory=str(PREPARED)).load()
    assert {name: len(split) for name, split in dataset.splits.items()} == {
        "train": 45_000,
        "validation": 5_000,
        "test": 10_000,
    }
    assert len({*dataset.splits["train"].ids, *dataset.splits["validation"].ids}) == 50_000
    np.testing.assert_array_equal(np.bincount(dataset.splits["test"].targets), [1000] * 10)
    both = np.concatenate([dataset.splits["train"].inputs, dataset.splits["validation"].inputs])
    np.testing.assert_allclose(both.mean((0, 1, 2)) / 255, [0.4913, 0.4821, 0.4465], atol=1e-4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "does not exist"),
        ({"tfds": None}, "is a file"),
        ({"tfds/holiday.jpg": None}, "is not a TFDS data directory"),
        ({"tfds/cifar10/3.0.2/dataset_info.json": None}, "cannot be read as a TFDS dataset"),
    ],
)
def test_a_folder_that_is_no_dataset(content, message, tmp_path):
    for name in content:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    with pytest.raises(UserError, match=message):
        Tfds("cifar10", directory=str(tmp_path / "tfds")).load()


def test_other_names_need_tensorflow_to_prepare(tmp_path, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *a: None if name == "tensorflow" else real(name, *a))
    with pytest.raises(UserError, match=r"needs TensorFlow: pip install -e '\.\[tensorflow\]'"):
        Tfds("mnist", directory=str(tmp_path)).load()
