import dataclasses
import importlib.util
import io
import json
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

import jaxflow
from jaxflow.data.inference_inputs import read_inputs
from jaxflow.data.sources.tfds import TFDS
from jaxflow.errors import UserError
from tests.conftest import PREPARED, ROOT, assert_same_splits, joined


@pytest.mark.slow
@pytest.mark.skipif(not PREPARED.exists(), reason="no prepared CIFAR-10 beside the checkout")
def test_cifar10_as_prepared_by_tfds():
    dataset = TFDS("cifar10", directory=str(PREPARED)).load()
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
        TFDS("cifar10", directory=str(tmp_path / "tfds")).load()


def test_other_names_need_tensorflow_to_prepare(tmp_path, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *a: None if name == "tensorflow" else real(name, *a))
    with pytest.raises(UserError, match=r"needs TensorFlow: pip install -e '\.\[tensorflow\]'"):
        TFDS("mnist", directory=str(tmp_path)).load()


COUNT = 40


def photograph(index):
    """A JPEG of a size of its own; cats are bright on the left, dogs on the right."""
    generator = np.random.RandomState(index)
    height, width = generator.randint(40, 90, 2)
    pixels = generator.randint(0, 90, (height, width, 3))
    half = slice(None, width // 2) if index % 2 == 0 else slice(width // 2, None)
    pixels[:, half] += 150
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "JPEG", quality=90)
    return file.getvalue()


class CatsVsDogs(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Laid out as the catalogue's: images of any size, a train split alone."""

    VERSION = tfds.core.Version("4.0.1")
    broken = ()

    def _info(self):
        features = {
            "image": tfds.features.Image(),
            "image/filename": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=["cat", "dog"]),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features), supervised_keys=("image", "label")
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for index in range(COUNT):
            content = b"no image" if index in self.broken else photograph(index)
            name = f"{index}.jpg"
            yield index, {"image": io.BytesIO(content), "image/filename": name, "label": index % 2}


@pytest.fixture
def prepare(tmp_path):
    def prepare(file_format="array_record", root=None, **settings):
        root = root or tmp_path / "tfds"
        builder = CatsVsDogs(data_dir=str(root), file_format=file_format, **settings)
        builder.download_and_prepare(download_dir=str(tmp_path / "downloads"))
        return root

    return prepare


def in_experiment():
    """The data that the docstring of the experiment on Kaggle's photographs names for those of TFDS."""
    text = (ROOT / "experiments" / "dogs_vs_cats.py").read_text()
    line = next(line for line in text.splitlines() if "data=TFDS(" in line)
    return eval(line.strip().removeprefix("data=").removesuffix(","), {"TFDS": TFDS, "HoldOut": jaxflow.HoldOut})


def test_photographs_of_any_size_are_those_of_an_image_folder(prepare, tmp_path):
    data = dataclasses.replace(in_experiment(), directory=str(prepare()))
    dataset = data.load()
    assert dataset.schema.target.names == ("cat", "dog")
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 28, "validation": 4, "test": 8}
    assert len({split.id(i) for split in dataset.splits.values() for i in range(len(split))}) == COUNT
    assert_same_splits(dataclasses.replace(data, in_memory=False).load(), dataset)
    (tmp_path / "photos").mkdir()
    for index in range(COUNT):
        (tmp_path / "photos" / f"{index}.jpg").write_bytes(photograph(index))
    read, names = joined(read_inputs(tmp_path / "photos", dataset.schema.inputs))  # as `predict` does
    ours = np.concatenate([split.inputs for split in dataset.splits.values()])
    assert {row.tobytes() for row in ours} == {row.tobytes() for row in read}
    labels = {row.tobytes(): int(name.split(".")[0]) % 2 for row, name in zip(read, names)}
    targets = np.concatenate([split.targets for split in dataset.splits.values()])
    assert [labels[row.tobytes()] for row in ours] == targets.tolist()


@pytest.mark.slow
def test_a_run_on_photographs_from_tfds(prepare, tmp_path):
    data = TFDS("cats_vs_dogs", str(prepare()), size=(8, 8), resize="stretch", test=0.2, in_memory=False)
    experiment = jaxflow.Experiment(
        data=data, preprocess=(jaxflow.Scale(-1.0, 1.0),), model=jaxflow.MLP(hidden=(8,)),
        problem=jaxflow.Classification(), optimizer=jaxflow.Adam(1e-2), batch_size=8, epochs=20,
    )  # fmt: skip
    jaxflow.train(experiment, tmp_path / "run")
    assert jaxflow.evaluate(tmp_path / "run")["test"]["accuracy"] == 1.0
    (tmp_path / "new").mkdir()
    for index in (100, 101):
        (tmp_path / "new" / f"{index}.jpg").write_bytes(photograph(index))
    predicted = jaxflow.predict(tmp_path / "run", tmp_path / "new").read_text().splitlines()[1:]
    assert [line.split(",")[1] for line in predicted] == ["cat", "dog"]


def test_shares_of_a_train_split_that_is_all_there_is(prepare):
    root = str(prepare())

    def ids(**settings):
        splits = TFDS("cats_vs_dogs", root, size=(4, 4), **settings).load().splits
        return {name: {split.id(i) for i in range(len(split))} for name, split in splits.items()}

    both, other = ids(test=0.2, validation=0.1), ids(test=0.2, validation=0.1, split_seed=1)
    assert {name: len(names) for name, names in both.items()} == {"train": 28, "validation": 4, "test": 8}
    assert both["test"] != other["test"]
    assert ids(test=0.2, validation=0)["test"] == both["test"]
    assert ids(test=0, validation=0).keys() == {"train"}
    with pytest.raises(UserError, match=r"TFDS\.test is 1"):
        ids(test=1.0)


def test_photographs_need_a_size(prepare):
    root = str(prepare())
    with pytest.raises(UserError, match=r"images of any size; say which they become: TFDS\('cats_vs_dogs', size="):
        TFDS("cats_vs_dogs", root).load()
    for settings, message in (({"size": (0, 5)}, "TFDS.size is"), ({"resize": "pad"}, "data.resize is 'pad'")):
        with pytest.raises(UserError, match=message):
            TFDS("cats_vs_dogs", **settings)


def test_photographs_that_cannot_be_decoded_are_named(prepare, monkeypatch):
    monkeypatch.setattr(CatsVsDogs, "broken", (3, 11))
    root = str(prepare())
    with pytest.raises(UserError, match=r"cats_vs_dogs-train.array_record.*, record \d+: example .* cannot identify"):
        TFDS("cats_vs_dogs", root, size=(4, 4)).load()
    for in_memory in (True, False):
        dataset = TFDS("cats_vs_dogs", root, size=(4, 4), in_memory=in_memory, max_corrupt=2).load()
        assert dataset.excluded == {"train": 2}
        assert sum(map(len, dataset.splits.values())) == COUNT - 2


def test_another_size_is_decoded_anew(prepare):
    root = str(prepare())
    shapes = [TFDS("cats_vs_dogs", root, size=size).load().splits["test"].inputs.shape for size in ((4, 4), (6, 5))]
    assert shapes == [(4, 4, 4, 3), (4, 6, 5, 3)]


def test_a_configuration_is_found_where_there_is_one(prepare, tmp_path):
    prepared = prepare() / "cats_vs_dogs"
    for config in ("small", "large"):
        shutil.copytree(prepared / "4.0.1", tmp_path / "other" / "cats_vs_dogs" / config / "4.0.1")
        if config == "small":
            dataset = TFDS("cats_vs_dogs", str(tmp_path / "other"), size=(4, 4)).load()
            assert sum(map(len, dataset.splits.values())) == COUNT
    with pytest.raises(UserError, match="holds 2 configurations; name one of them, for example cats_vs_dogs/large"):
        TFDS("cats_vs_dogs", str(tmp_path / "other"), size=(4, 4)).load()
    named = TFDS("cats_vs_dogs/small", str(tmp_path / "other"), size=(4, 4)).load()
    assert sum(map(len, named.splits.values())) == COUNT


def stored_as(root, file_format):
    """Says that a dataset is stored in another format than it is."""
    info = root / "cats_vs_dogs" / "4.0.1" / "dataset_info.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | {"fileFormat": file_format}))


def test_other_formats_need_tensorflow_and_memory(prepare, monkeypatch):
    root = prepare()
    stored_as(root, "tfrecord")
    with pytest.raises(UserError, match=r"is stored as tfrecord, which has no random access; .* data.in_memory=True"):
        TFDS("cats_vs_dogs", str(root), size=(4, 4), in_memory=False).load()
    real = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *a: None if name == "tensorflow" else real(name, *a))
    with pytest.raises(UserError, match=r"is stored as tfrecord, which takes TensorFlow to read: pip install -e '\.\["):
        TFDS("cats_vs_dogs", str(root), size=(4, 4)).load()


@pytest.mark.filterwarnings("default")  # TensorFlow's own
@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="needs TensorFlow")
def test_records_without_random_access_are_those_with_it(prepare, tmp_path, monkeypatch):
    monkeypatch.setattr(CatsVsDogs, "broken", (5,))
    roots = [prepare(), prepare("tfrecord", tmp_path / "sequential")]
    ours, other = (TFDS("cats_vs_dogs", str(root), size=(8, 6), max_corrupt=1).load() for root in reversed(roots))
    assert_same_splits(ours, other)
    assert ours.excluded == other.excluded == {"train": 1}
    file = next((tmp_path / "sequential").rglob("*.tfrecord*"))
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(UserError, match=r"cannot be read past example \d+ of train: .*; restore its files"):
        TFDS("cats_vs_dogs", str(tmp_path / "sequential"), size=(8, 6), max_corrupt=1).load()
