"""Folders of images in every layout, whole and damaged."""

import os
import shutil
import zlib

import numpy as np
import pytest
from PIL import Image

import jaxflow
from jaxflow import HoldOut, ImageFolder, ImageMasks, KFold, UserError
from jaxflow.data.folders import file_split, labelled
from jaxflow.data.inference_inputs import read_inputs
from jaxflow.data.profiling.findings import find_issues
from jaxflow.data.profiling.sample import take_sample
from jaxflow.data.reading.images import read_image
from jaxflow.schema import Feature
from jaxflow.serialization import from_json, to_json
from tests.conftest import ROOT, assert_same_splits, joined, sent_to_a_worker

HALVES = HoldOut(validation=0.2, test=0.2, stratify=True)
PHOTOS = ROOT.parent / "shared" / "data" / "cats_dogs"


@pytest.fixture
def make(tmp_path):
    """Makes image files of several sizes, no two of them alike."""

    def make(*names):
        root = tmp_path / "images"
        root.mkdir(exist_ok=True)
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            generator = np.random.RandomState(zlib.crc32(name.encode()))
            pixels = generator.randint(0, 256, (*generator.randint(5, 30, 2), 3)).astype(np.uint8)
            Image.fromarray(pixels).save(path)
        return root

    return make


def load(root, **settings):
    return ImageFolder(str(root), **{"size": (8, 8), "split": HALVES} | settings).load()


def labels(dataset):
    """Lists (id, class name) of every example, by split."""
    names = dataset.schema.target.names
    return {
        split_name: {split.id(i): names[target] for i, target in enumerate(split.targets)}
        for split_name, split in dataset.splits.items()
    }


def everything(dataset):
    return {id_: label for part in labels(dataset).values() for id_, label in part.items()}


def test_a_folder_for_each_class(make, said):
    names = [f"{label}/{i}.png" for label in ("cat", "dög house") for i in range(10)]
    root = make(*names, "stray.png", "dög house/more/11.JPG")
    for other in ("cat/Thumbs.db", ".hidden/1.png", "cat/.2.png", "readme.txt"):
        (root / other).parent.mkdir(exist_ok=True)
        (root / other).write_bytes(b"x")
    (root / "empty").mkdir()
    dataset = load(root)
    found = everything(dataset)
    assert found == {name: name.partition("/")[0] for name in [*names, "dög house/more/11.JPG"]}
    assert dataset.schema.target.names == ("cat", "dög house")
    assert dataset.schema.inputs == Feature("image", (8, 8, 3), "uint8", "crop")
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 13, "validation": 4, "test": 4}
    split = dataset.splits["test"]
    for i, pixels in enumerate(split.rows(np.arange(len(split)))["inputs"]):
        np.testing.assert_array_equal(pixels, read_image(root / split.id(i), dataset.schema.inputs))
    out = said()
    assert f"not used: 1 images of {root} beside the class folders" in out
    assert "21 images of 2 classes (cat 10, dög house 11)" in out


def test_official_splits_are_kept(make):
    names = [f"{split}/{label}/{i}.png" for split in ("train", "val", "test") for label in "ab" for i in range(3)]
    found = labels(load(make(*names), split=HoldOut(0.5, 0.4)))
    for split, folder in {"train": "train", "validation": "val", "test": "test"}.items():
        assert found[split] == {n: n.split("/")[1] for n in names if n.startswith(f"{folder}/")}


@pytest.mark.parametrize(("there", "held_out"), [("valid", "test"), ("test", "validation")])
def test_a_missing_split_is_held_out_of_train(there, held_out, make):
    names = [f"{split}/{label}/{i}.png" for split in ("train", there) for label in "ab" for i in range(10)]
    found = labels(load(make(*names)))
    own = "validation" if there == "valid" else there
    assert set(found[own]) == {name for name in names if name.startswith(f"{there}/")}
    assert (len(found["train"]), len(found[held_out])) == (16, 4)
    assert all(name.startswith("train/") for part in ("train", held_out) for name in found[part])
    whole = labels(load(make(*names), split=HoldOut(0.0, 0.0)))
    assert set(whole) == {"train", own}


def test_kaggle_dogs_vs_cats(make, said):
    names = [f"train/{label}.{i}.jpg" for label in ("cat", "dog") for i in range(10)]
    for unlabelled in ("test1", "test"):
        root = make(*names, *(f"{unlabelled}/{i}.jpg" for i in range(1, 6)))
        assert everything(load(root)) == {name: name[6:9] for name in names}
        assert f"not used: 5 images in {root / unlabelled}, which is no split with labels" in said()
    assert everything(load(root / "train")) == {name[6:]: name[6:9] for name in names}


def test_a_flat_test_folder_may_have_labels_in_its_names(make):
    names = [f"{split}/{label}_{i}.png" for split in ("train", "test") for label in "ab" for i in range(5)]
    assert set(labels(load(make(*names)))["test"]) == set(names[10:])


def table(root, text, name="labels.csv"):
    (root / name).write_text(text, encoding="utf-8")
    return name


def test_a_table_of_labels(make):
    names = [f"ordner/é {i}.png" for i in range(10)] + [f"{i}, b.png" for i in range(10)]
    root = make(*names, "unlisted.png")
    expected = {name: "odd" if i % 2 else "even, really" for i, name in enumerate(names)}
    rows = [f'7,"{label}"," {name}"'.replace('" ', '"') for name, label in expected.items()]
    dataset = load(root, labels=table(root, "\ufeffage,label,path\n" + "\n".join(rows) + "\n\n"))
    assert everything(dataset) == expected


BAD_TABLES = {
    "no label column": (
        "path,class\na.png,x\n",
        r"there is no column 'label' \(data\.target\); it has class, path; .*--data\.target=NAME",
    ),
    "two path columns": ("path,label,path\na.png,x,a.png\n", "there are 2 columns named 'path'"),
    "nothing in it": ("", "there is no column 'path' and no 'label'.*; it has none"),
    "no rows": ("path,label\n", "lists no images"),
    "missing file": ("path,label\na.png,x\nnone.png,y\n", r"labels.csv, line 3: there is no file .*none.png"),
    "endless name": (f"path,label\n{'a' * 300}.png,x\n", "line 2: there is no file"),
    "no label": ("path,label\na.png,\n", "has no label for any of its images"),
    "short row": ("path,label\na.png\n", "line 2: a.png has no label"),
    "out of the folder": ("path,label\n../secret.png,x\n", "line 2: ../secret.png leads out of"),
    "absolute": ("path,label\n/etc/passwd,x\n", "line 2: /etc/passwd leads out of"),
    "link out": ("path,label\nlink.png,x\n", "line 2: link.png is a link that leads out"),
    "twice": ("path,label\na.png,x\nb.png,y\n./a.png,y\n", "line 4: a.png is on line 2 already"),
    "one class": ("path,label\na.png,x\nb.png,x\n", "are of one class, 'x'"),
    "open quote": ('path,label\n"a.png,x\n', "line 2: unexpected end of data; correct the line"),
}


def test_labels_that_say_nothing_are_no_classes(make, caplog):
    root = make(*(f"{i}.png" for i in range(20)))
    rows = [f"{i}.png,{['NA', 'None', 'a', 'b'][i % 4]}" for i in range(20)]
    with caplog.at_level("INFO", "jaxflow"):
        dataset = load(root, labels=table(root, "path,label\n" + "\n".join(rows) + "\n"))
    assert dataset.schema.target.names == ("a", "b")
    assert "not used: 10 images" in caplog.text
    assert "labels.csv has no label ('NA', 'None')" in caplog.text
    assert "does not list" not in caplog.text


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_table_that_says_nothing(name, make, tmp_path):
    text, message = BAD_TABLES[name]
    root = make("a.png", "b.png", "../secret.png")
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(UserError, match=message):
        load(root, labels=table(root, text))


def test_a_table_that_cannot_be_read(make):
    root = make("a.png")
    with pytest.raises(UserError, match=r"data.labels .*nothing.csv is not there"):
        load(root, labels="nothing.csv")
    (root / "latin.csv").write_bytes("path,label\na.png,Käfer\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"latin\.csv is no CSV in UTF-8"):
        load(root, labels="latin.csv")


BAD_FOLDERS = {
    "empty": ([], "holds no images"),
    "one class": (["a/1.png", "a/2.png"], "all 2 images of .* are of one class, 'a'"),
    "one folder too high": (["data/cat/1.png", "data/dog/2.png"], "are of one class, 'data'; name a folder"),
    "numbered": (["1.png", "2.png"], r"1.png has no label; a class is a folder"),
    "every one its own": (["a_1.png", "b_1.png", "c_1.png"], "each of the 3 images .* is a class of its own"),
    "label missing": (["cat.1.png", "cat.2.png", "dog.1.png", "17.png"], "17.png has no label"),
    "no train": (["test/a/1.png", "test/b/1.png", "val/a/1.png"], "has test and val but no train folder"),
    "twice a split": (["train/a/1.png", "val/a/1.png", "valid/a/1.png"], "two folders for one split: val and valid;"),
    "class of the test alone": (
        [*(f"train/{c}/{i}.png" for c in "ab" for i in range(20)), "test/a/1.png", "test/c/1.png"],
        "class 'c' .* has 1 readable images and none in the train split",
    ),
    "one of its kind": (
        [*(f"{c}/{i}.png" for c in "ab" for i in range(20)), "c/9.png"],
        "class 'c' .*none in the train",
    ),
}


@pytest.mark.parametrize("name", BAD_FOLDERS)
def test_a_folder_that_is_no_dataset(name, make):
    names, message = BAD_FOLDERS[name]
    split = HoldOut(0.0, 0.5, seed=3) if name == "one of its kind" else HALVES
    with pytest.raises(UserError, match=message) as error:
        load(make(*names), split=split)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("d.zip", "unpack it, and name a folder of images$"),
        ("cat.jpg", "name a folder of images, such as .*$"),
        ("labels.csv", r"name a folder of images, and of those with a label each the table by data\.labels$"),
    ],
)
def test_a_file_in_place_of_a_folder(name, advice, tmp_path):
    (tmp_path / name).write_text("")
    for source in (ImageFolder, ImageMasks):
        with pytest.raises(UserError, match=f"{name} is a file; {advice}"):
            source(str(tmp_path / name)).load()


def test_a_table_of_a_misspelt_name(make, tmp_path):
    root = make("a.png")
    (root / "labels.csv").write_text("path,label")
    with pytest.raises(UserError, match=r"name a CSV of path,label; perhaps you meant .*labels\.csv"):
        load(root, labels="label.csv")


def test_a_missing_folder_says_where_to_get_it(tmp_path):
    with pytest.raises(UserError, match="nothing is not there; name a folder of images"):
        load(tmp_path / "nothing")
    with pytest.raises(
        UserError, match=r"is not there; unpack it from example\.org, or name another folder: --data.path"
    ):
        load(tmp_path / "nothing", download_hint="unpack it from example.org")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        load(tmp_path / "file")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": (0, 8)}, r"ImageFolder.size is \(0, 8\)"),
        ({"size": (8, 8, 3)}, "it is a height and a width"),
        ({"size": 8}, r"ImageFolder.size is 8; it must be a tuple of numbers, for example \(8, 8\)$"),
        ({"channels": 2}, "data.channels is 2"),
        ({"resize": "pad"}, "data.resize is 'pad'"),
        ({"max_corrupt": -1}, "ImageFolder.max_corrupt is -1"),
    ],
)
def test_settings_that_mean_nothing(settings, message):
    with pytest.raises(UserError, match=message):
        ImageFolder("images", **settings)


def test_folds_do_not_go_with_official_splits(make):
    names = [f"{split}/{label}/{i}.png" for split in ("train", "test") for label in "ab" for i in range(9)]
    root = make(*names)
    with pytest.raises(UserError, match=r"data.split is KFold, but .* is split by its folders \(train, test\)"):
        load(root, split=KFold())
    tests = [set(labels(load(root / "train", split=KFold(fold, 3, seed=1)))["test"]) for fold in range(3)]
    assert set.union(*tests) == {name.removeprefix("train/") for name in names[:18]}
    assert sum(map(len, tests)) == 18


def test_links_out_of_the_folder_and_loops_are_left_alone(make, tmp_path, said):
    names = [f"{label}/{i}.png" for label in "ab" for i in range(10)]
    root = make(*names, "../elsewhere/1.png")
    (root / "c").symlink_to(tmp_path / "elsewhere")
    (root / "a" / "loop").symlink_to(root)
    assert set(everything(load(root))) == set(names)
    assert "not followed: symbolic links" in said()


@pytest.mark.parametrize("settings", [{}, {"channels": 1, "resize": "stretch", "size": (5, 9)}, {"max_corrupt": 1}])
def test_images_that_stay_on_disk_are_those_in_memory(settings, make):
    root = make(*(f"{label}/{i}.jpg" for label in "ab" for i in range(10)))
    if settings.get("max_corrupt"):
        (root / "a" / "3.jpg").write_bytes(b"no image")
    lazy, in_memory = load(root, in_memory=False, **settings), load(root, **settings)
    assert_same_splits(lazy, in_memory)
    assert (lazy.schema, lazy.excluded) == (in_memory.schema, in_memory.excluded)
    assert not any(isinstance(v, np.ndarray) and v.ndim == 4 for v in vars(lazy.splits["train"]).values())
    assert_same_splits(sent_to_a_worker(lazy)[0], in_memory)


def test_the_second_start_decodes_nothing_unless_something_changed(make, monkeypatch):
    root = make(*(f"{label}/{i}.png" for label in "ab" for i in range(10)))
    scans = []
    real = file_split.read_all
    monkeypatch.setattr(labelled, "read_all", lambda *a, **k: scans.append(1) or real(*a, **k))
    load(root)
    load(root)
    load(root, split=HoldOut(0.3, 0.3, stratify=True), max_corrupt=3)
    assert len(scans) == 1
    for changed in ({"size": (8, 9)}, {"channels": 1}, {"resize": "stretch"}, {"in_memory": False}):
        load(root, **changed)
    assert len(scans) == 5
    shutil.copy(root / "a" / "1.png", root / "a" / "2.png")
    os.utime(root / "a" / "2.png", ns=(1, 1))
    load(root)
    assert len(scans) == 6
    (root / "b" / "0.png").rename(root / "b" / "new.png")
    assert "b/new.png" in everything(load(root))


@pytest.mark.parametrize("in_memory", [True, False])
def test_unreadable_images_are_named_counted_and_left_out(in_memory, make, said):
    root = make(*(f"{label}/{i}.jpg" for label in "ab" for i in range(10)))
    with pytest.raises(UserError, match="max_corrupt is -1"):
        load(root, max_corrupt=-1)
    before = everything(load(root))
    (root / "a" / "1.jpg").write_bytes(b"")
    content = (root / "b" / "2.jpg").read_bytes()
    (root / "b" / "2.jpg").write_bytes(content[: len(content) // 2])
    (root / "b" / "7.jpg").write_text("not a picture")
    with pytest.raises(UserError, match=r"a/1.jpg cannot be read as an image: it is empty; .*--data.max_corrupt=N$"):
        load(root, in_memory=in_memory)
    with pytest.raises(UserError, match=r"b/7.jpg cannot be .* \(and 2 before it; max_corrupt is 2\)"):
        load(root, in_memory=in_memory, max_corrupt=2)
    dataset = load(root, in_memory=in_memory, max_corrupt=3)
    assert dataset.excluded == {"all": 3}
    left = {"a/1.jpg", "b/2.jpg", "b/7.jpg"}
    assert everything(dataset) == {id_: label for id_, label in before.items() if id_ not in left}
    assert f"left out 3 unreadable images (data.max_corrupt 3): {root}/a/1.jpg" in said()
    with pytest.raises(UserError, match="max_corrupt is 2"):  # of the cache now
        load(root, in_memory=in_memory, max_corrupt=2)


def test_what_is_left_out_is_counted_by_official_split(make):
    root = make(*(f"{split}/{label}/{i}.png" for split in ("train", "test") for label in "ab" for i in range(10)))
    for name in ("train/a/0.png", "train/b/1.png", "test/a/5.png"):
        (root / name).write_bytes(b"")
    assert load(root, max_corrupt=3).excluded == {"train": 2, "test": 1}


def test_a_file_that_breaks_later_is_named(make):
    root = make(*(f"{label}/{i}.png" for label in "ab" for i in range(10)))
    train = load(root, in_memory=False).splits["train"]
    (root / train.id(2)).unlink()
    with pytest.raises(UserError, match=f"{train.id(2)} cannot be read.*restore the file, then go on"):
        train.rows(np.arange(4))


def test_images_that_do_not_fit_into_memory(make):
    root = make(*(f"{label}/{i}.png" for label in "ab" for i in range(10)))
    with pytest.raises(UserError, match=r"20 files take 60,000,000,000,800 bytes.*--data\.in_memory=False"):
        load(root, size=(10**6, 10**6))


def test_json_and_flags(make):
    from jaxflow.flags.override import override

    data = ImageFolder("a folder", size=(3, 4), split=KFold(1, 4), labels="x.csv")
    assert from_json(to_json(data)) == data
    schema = load(make(*(f"{label}/{i}.png" for label in "ab" for i in range(10)))).schema
    assert from_json(to_json(schema)) == schema
    experiment = jaxflow.Experiment(
        data=ImageFolder("here"), model=jaxflow.MLP(), problem=jaxflow.Classification(), optimizer=jaxflow.Adam(1e-3)
    )
    flags = ["--data.path=there", "--data.size", "5", "6", "--data.split.test=0.3", "--data.channels=1"]
    changed = override(experiment, flags).data
    assert changed == ImageFolder("there", size=(5, 6), split=HoldOut(test=0.3), channels=1)


@pytest.mark.skipif(not PHOTOS.exists(), reason="no photographs beside the checkout")
def test_real_photographs():
    dataset = load(PHOTOS, size=(32, 32))
    assert dataset.schema.target.names == ("cat", "dog")
    assert sum(len(split) for split in dataset.splits.values()) == 240
    assert_same_splits(load(PHOTOS, size=(32, 32), in_memory=False), dataset)
    means = dataset.splits["train"].inputs.mean((0, 1, 2))
    assert ((means > 80) & (means < 160)).all()  # of photographs


def test_images_of_one_group_stay_on_one_side(make):
    root = make(*[f"{label}/scene{scene}_{i}.png" for label in ("cat", "dog") for scene in range(8) for i in range(3)])
    found = labels(load(root, group="(scene[0-9]+)", split=HoldOut(0.3, 0.3)))
    sides = [{name.split("/")[1].split("_")[0] for name in part} for part in found.values()]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 8
    with pytest.raises(UserError, match=r"data.group '\(scene8\)' finds no group in 'cat/scene0_0.png' \(48 of 48"):
        load(root, group="(scene8)")
    with pytest.raises(UserError, match="has no"):
        load(root, group="scene")


def test_groups_that_the_folders_own_splits_tear_apart_are_found(make, said):
    scenes = {"train": range(6), "test": range(5, 8)}
    places = [(split, label, scene) for split in scenes for label in ("cat", "dog") for scene in scenes[split]]
    root = make(*[f"{split}/{label}/scene{scene}_{i}{split}.png" for split, label, scene in places for i in range(4)])
    dataset = load(root, group="(scene[0-9])", split=HoldOut(0.3, 0.3))
    assert "1 groups lie in more than one of the splits" in said()
    samples = {name: take_sample(split) for name, split in dataset.splits.items()}
    leaks = [finding for finding in find_issues(dataset, samples) if "groups" in finding.message]
    assert [(finding.severity, finding.ids) for finding in leaks] == [("leak", ("scene5",))]
    # Validation is taken out of train, where groups are held together.
    assert not set(dataset.groups["train"]) & set(dataset.groups["validation"])
    assert load(root, split=HoldOut(0.3, 0.3)).groups == {}


def test_equal_files_are_one_example(make):
    """Of equal files that of the test stays, so that nothing is tested that was trained on."""
    names = [f"{split}/{label}/{i}.png" for split in ("train", "val", "test") for label in "ab" for i in range(8)]
    root = make(*names)
    shutil.copy(root / "test/a/3.png", root / "train/a/copy.png")
    shutil.copy(root / "train/b/5.png", root / "train/b/copy.png")
    before = load(root)
    assert len(before.splits["train"]) == 18
    for in_memory in (True, False):
        dataset = load(root, drop_duplicates=True, in_memory=in_memory)
        assert dataset.excluded == {"duplicates": 2}
        ids = {split.id(i) for split in dataset.splits.values() for i in range(len(split))}
        assert ids == set(names)
    shutil.copy(root / "test/a/3.png", root / "train/b/other.png")
    with pytest.raises(
        UserError, match=r"train/b/other\.png and test/a/3\.png hold the same bytes, and are of 'b' and 'a'"
    ):
        load(root, drop_duplicates=True)


@pytest.mark.parametrize("in_memory", [True, False])
def test_levels_of_the_training_images_become_black_and_white(in_memory, tmp_path, said):
    """What lies outside the range of the training images is black or white; sixteen whole bits are scaled as ever."""
    generator = np.random.RandomState(0)
    for split, low, high in (("train", 100, 4000), ("test", 0, 5000)):
        for number in range(10):
            levels = generator.randint(low, high + 1, (8, 8)).astype(np.uint16)
            levels[0, :2] = low, high
            path = tmp_path / "i" / split / f"{'ab'[number % 2]}_{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(levels).save(path)
    dataset = load(tmp_path / "i", channels=1, split=HoldOut(0.0, 0.0), in_memory=in_memory)
    assert dataset.schema.inputs.levels == (100.0, 4000.0)
    assert "levels from 100 to 4000; what lies from 100 to 4000 becomes 0 to 255" in said()
    for split in dataset.splits.values():
        for index, pixels in enumerate(split.rows(np.arange(len(split)))["inputs"]):
            levels = np.asarray(Image.open(tmp_path / "i" / split.id(index)))
            expected = np.clip(np.rint((levels - 100.0) * 255 / 3900), 0, 255)
            np.testing.assert_array_equal(pixels[..., 0], expected)
    assert from_json(to_json(dataset.schema)) == dataset.schema
    given = load(tmp_path / "i", channels=1, levels=(0, 65535), in_memory=in_memory)
    pixels = given.splits["test"].rows(np.arange(1))["inputs"]
    levels = np.asarray(Image.open(tmp_path / "i" / given.splits["test"].id(0)))
    np.testing.assert_array_equal(pixels[0, ..., 0], np.rint(levels / 257.0))
    inputs, _ = joined(read_inputs(tmp_path / "i" / "test", dataset.schema.inputs))
    np.testing.assert_array_equal(inputs, dataset.splits["test"].rows(np.arange(10))["inputs"])
    for path in (tmp_path / "i" / "train").iterdir():
        levels = np.asarray(Image.open(path)).copy()
        levels[0, 0] = 60_000
        Image.fromarray(levels).save(path)
    assert load(tmp_path / "i", channels=1).schema.inputs.levels is None
    with pytest.raises(UserError, match=r"data\.levels is \(9, 9\)"):
        load(tmp_path / "i", levels=(9, 9))


def test_the_home_of_nobody_is_a_folder_that_is_not_there():
    for source in (jaxflow.ImageFolder("~nouser/x", size=(4, 4)), jaxflow.Text("~nouser/x", length=4)):
        with pytest.raises(jaxflow.UserError, match="~nouser/x"):
            source.load()
    with pytest.raises(jaxflow.UserError, match="~nouser/x does not exist"):
        jaxflow.TFDS("cifar10", directory="~nouser/x").load()


def test_a_table_of_labels_beside_the_folder_is_named_as_it_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flat").mkdir()
    (tmp_path / "labels.csv").write_text("path,label\n")
    with pytest.raises(jaxflow.UserError, match=r"relative to the folder flat; the one here is labels='../labels.csv'"):
        jaxflow.ImageFolder("flat", labels="labels.csv").load()
