"""A small prepared dataset in TFDS's own layout, whole and damaged: streamed, named, left out."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from jaxflow.data.sources import tfds
from jaxflow.data.sources.tfds import TFDS
from jaxflow.data.tfds import cifar10
from jaxflow.data.tfds.records import TfdsSplit
from jaxflow.errors import UserError
from tests.conftest import assert_same_splits, sent_to_a_worker

NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
TRAIN = "cifar10-train.array_record-00000-of-00001"


def png(mode, size):
    file = io.BytesIO()
    Image.new(mode, size).save(file, "PNG")
    return file.getvalue()


WRONG = {
    "no image": b"no image at all",
    "cut off": png("RGB", (32, 32))[:-30],
    "empty": b"",
    "too small": png("RGB", (16, 32)),
}


@pytest.fixture
def prepare(tmp_path, monkeypatch):
    """Prepares 30 training and 5 test images; those with the ids of `bad` hold other bytes than a PNG of 32x32."""

    def prepare(bad=None):
        generator = np.random.RandomState(0)
        sizes = {**{f"data_batch_{i}.bin": 6 for i in range(1, 6)}, "test_batch.bin": 5}
        root = tmp_path / "tfds"
        root.mkdir()
        with tarfile.open(root / "archive.tar.gz", "w:gz") as tar:
            contents = {"batches.meta.txt": "\n".join(NAMES).encode()}
            for name, size in sizes.items():
                rows = [generator.randint(0, 10, (size, 1)), generator.randint(0, 256, (size, 3072))]
                contents[name] = np.concatenate(rows, 1).astype(np.uint8).tobytes()
            for name, content in contents.items():
                entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        real = cifar10._examples

        def examples(split, records):
            for index, example in real(split, records):
                other = (bad or {}).get(example["id"])
                yield index, example if other is None else example | {"image": io.BytesIO(other)}

        monkeypatch.setattr(cifar10, "_examples", examples)
        builder = cifar10.Cifar10(data_dir=str(root), file_format="array_record", archive=root / "archive.tar.gz")
        builder.download_and_prepare(download_dir=str(root / "downloads"))
        return root

    return prepare


def load(root, **settings):
    return TFDS("cifar10", directory=str(root), validation=0.2, **settings).load()


def equal(one, other):
    assert one.splits.keys() == {"train", "validation", "test"}
    assert_same_splits(one, other)


def test_images_that_stay_on_disk_are_those_in_memory(prepare):
    root = prepare()
    streamed, in_memory = load(root, in_memory=False), load(root)
    equal(streamed, in_memory)
    assert (len(streamed.splits["train"]), len(streamed.splits["validation"])) == (24, 6)
    assert streamed.schema == in_memory.schema
    assert not any(isinstance(v, np.ndarray) and v.ndim == 4 for v in vars(streamed.splits["train"]).values())
    equal(sent_to_a_worker(streamed)[0], in_memory)


def test_the_second_start_decodes_nothing(prepare, monkeypatch):
    root = prepare()
    first = load(root, in_memory=False)
    monkeypatch.setattr(tfds, "index_records", None)
    assert list(load(root, in_memory=False).splits["train"].ids) == list(first.splits["train"].ids)


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("no image", "UnidentifiedImageError: cannot identify image file"),
        ("cut off", "OSError: "),
        ("empty", "UnidentifiedImageError"),
        ("too small", "it is 16x32 pixels; the model takes 32x32"),
    ],
)
def test_an_image_that_cannot_be_decoded_is_named(what, found, in_memory, prepare):
    root = prepare({"train_00007": WRONG[what]})
    with pytest.raises(UserError) as error:
        load(root, in_memory=in_memory)
    message = str(error.value)
    assert message.startswith(f"{root}/cifar10/3.0.2/{TRAIN}, record ")
    assert "of train (train_00007) cannot be read: " + found in message
    assert message.endswith("leave out up to N such examples: --data.max_corrupt=N")
    assert "\n" not in message
    number = int(message.partition("example ")[2].partition(" ")[0])
    assert f"record {number}:" in message  # one file: its records are the split's examples


def test_bad_examples_are_left_out_and_counted_the_same_way_every_time(prepare, said):
    root = prepare({"train_00007": WRONG["no image"], "train_00020": WRONG["cut off"], "test_00001": WRONG["empty"]})
    loads = [load(root, in_memory=m, max_corrupt=n) for m in (True, False) for n in (3, 3, 5)]
    for dataset in loads:
        assert dataset.excluded == {"train": 2, "test": 1}
        assert sum(len(split) for split in dataset.splits.values()) == 32
        equal(dataset, loads[0])
    ids = {split.id(i) for split in loads[0].splits.values() for i in range(len(split))}
    assert not ids & {"train_00007", "train_00020", "test_00001"}
    messages = said().splitlines()
    assert len(messages) == 6
    assert messages[0].startswith("left out 3 unreadable examples (data.max_corrupt 3): ")
    # The cache holds the others, but fewer are allowed now.
    with pytest.raises(UserError, match=r"cannot be read: .* \(and 2 before it; max_corrupt is 2\)"):
        load(root, max_corrupt=2)
    with pytest.raises(UserError, match="max_corrupt is -1"):
        load(root, max_corrupt=-1)


def test_one_bad_example_too_many_stops_at_once(prepare):
    root = prepare({f"train_{i:05d}": b"" for i in range(9)})
    with pytest.raises(UserError, match=r"cannot be read: .* \(and 2 before it; max_corrupt is 2\)"):
        load(root, max_corrupt=2)


def test_whole_datasets_leave_nothing_out(prepare):
    assert load(prepare()).excluded == {}


def flipped(file, position):
    content = bytearray(file.read_bytes())
    content[position] ^= 4
    file.write_bytes(content)


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_flipped_bit_is_one_bad_example(in_memory, prepare):
    root = prepare()
    file = root / "cifar10" / "3.0.2" / TRAIN
    flipped(file, file.read_bytes().index(b"IDAT") + 900)
    with pytest.raises(UserError, match=rf"{TRAIN}, record \d+: example .* hash mismatch"):
        load(root, in_memory=in_memory)
    dataset = load(root, in_memory=in_memory, max_corrupt=1)
    assert dataset.excluded == {"train": 1}
    assert len(dataset.splits["train"]) + len(dataset.splits["validation"]) == 29


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda file: file.unlink(), "cannot be read: FileNotFoundError"),
        (lambda file: (file.unlink(), file.mkdir()), "cannot be read: IsADirectoryError"),
        (lambda file: file.write_bytes(file.read_bytes()[:-1]), "cannot be read: RuntimeError: "),
        (lambda file: file.write_bytes(file.read_bytes()[:1000]), "cannot be read: RuntimeError: "),
        (lambda file: file.write_bytes(b""), "cannot be read: RuntimeError: "),
        (
            lambda file: file.write_bytes((file.parent / TRAIN.replace("train", "test")).read_bytes()),
            "holds 5 examples, not 30",
        ),
    ],
)
@pytest.mark.parametrize("in_memory", [True, False])
def test_a_file_that_cannot_be_read_is_named_whatever_may_be_left_out(damage, found, in_memory, prepare):
    root = prepare()
    damage(root / "cifar10" / "3.0.2" / TRAIN)
    with pytest.raises(UserError, match=f"{TRAIN} {found}.*prepare the dataset again"):
        load(root, in_memory=in_memory, max_corrupt=1000)


def test_what_is_damaged_later_stops_with_its_name(prepare):
    root = prepare()
    splits = load(root, in_memory=False).splits
    file = root / "cifar10" / "3.0.2" / TRAIN
    flipped(file, file.read_bytes().index(b"IDAT") + 900)
    everything = np.concatenate([splits[name].numbers for name in ("train", "validation")])
    whole = TfdsSplit(splits["train"].records, everything, np.zeros(30, np.int32), everything)
    with pytest.raises(UserError, match=rf"{TRAIN}, record (\d+): example \1 of train .* hash mismatch .* then go on"):
        whole.rows(np.arange(30))


def test_a_damaged_cache_is_made_again(prepare, tmp_path):
    root = prepare()
    before = load(root, in_memory=False)
    for file in (tmp_path / "cache").rglob("*.npy"):
        flipped(file, -1) if file.stat().st_size > 128 else file.unlink()
    equal(load(root, in_memory=False), before)
