"""Folders of one meaning: splits and classes are told apart by what they hold, and nothing is left out unsaid."""

import numpy as np
import pytest
from PIL import Image

from jaxflow import HoldOut, ImageFolder, UserError
from jaxflow.data.folders.split_folders import inverted_splits, split_of


@pytest.fixture
def load(tmp_path):
    """Loads a folder of files of these names, each a tiny image of its own."""

    def load(*names, **settings):
        for number, name in enumerate(names):
            path = tmp_path / "d" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.full((2, 2, 3), number % 256, np.uint8)
            Image.fromarray(pixels).save(path, "PPM" if path.suffix == ".ppm" else "PNG")
        return ImageFolder(
            str(tmp_path / "d"), **{"size": (2, 2), "split": HoldOut(0.0, 0.3, seed=1)} | settings
        ).load()

    return load


def sides(dataset):
    names = dataset.schema.target.names
    return {
        name: {split.id(i): names[t] for i, t in enumerate(split.targets)} for name, split in dataset.splits.items()
    }


def files(*folders, count=4):
    return [f"{folder}/{i}.png" for folder in folders for i in range(count)]


def test_words_of_splits():
    found = {
        "Training": "train",
        "val": "validation",
        "dev": "validation",
        "Testing": "test",
        "EVAL": "test",
        "training_set": None,
        "trains": None,
        "cat": None,
    }
    assert {name: split_of(name) for name in found} == found
    prefixed = {"imagenet_train": "train", "val2017": "validation", "TestImages": "test", "seg-test": "test"}
    prefixed |= {"train_test": None, "contest": None, "trainable": None, "crash_dummy": None}
    assert {name: split_of(name, prefixed=True) for name in prefixed} == prefixed


@pytest.mark.parametrize("folders", ["{split}/{cls}/{i}.png", "{cls}/{split}/{i}.png", "my_{split}/{cls}/{i}.png"])
@pytest.mark.parametrize("evaluation", ["evaluation", "Eval"])
def test_evaluation_beside_test_is_validation(folders, evaluation, load):
    names = [
        folders.format(split=split, cls=cls, i=f"{split}{i}")
        for split in ("train", evaluation, "testing")
        for cls in ("cat", "dog")
        for i in range(2)
    ]
    found = sides(load(*names))
    assert {name: {evaluation in id_ for id_ in split} for name, split in found.items()} == {
        "train": {False},
        "validation": {True},
        "test": {False},
    }
    assert all("testing" in id_ for id_ in found["test"])


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Training", "Testing"),
        ("train", "eval"),
        ("TRAIN", "dev"),
        ("seg_train", "seg_test"),
        ("train2017", "val2017"),
        ("imagenet_train", "imagenet_val"),
        ("seg_train/seg_train", "seg_test/seg_test"),
    ],
)
def test_folders_that_hold_the_same_folders_are_splits(train, test, load):
    names = [*files(f"{train}/cat", f"{train}/dog"), *files(f"{test}/cat", f"{test}/dog", count=2)]
    dataset = load(*names, split=HoldOut(0.0, 0.0) if split_of(test, True) == "test" else HoldOut(0.0, 0.3, seed=1))
    assert dataset.schema.target.names == ("cat", "dog")
    held = sides(dataset)[split_of(test.split("/")[0], True)]
    assert held == {name: name.split("/")[-2] for name in names[8:]}
    assert "the folders of" in str(dataset.written_in)


@pytest.mark.parametrize("name", ["{}", "train_{}", "photo-{}a"])
def test_a_class_may_be_called_train_by_saying_so(name, load):
    names = [f"{label}/{name.format(i)}.png" for label in ("bus", "car", "train") for i in range(6)]
    with pytest.raises(UserError, match=r"folder train beside bus, car.*--data\.folders=classes.*=splits\)$"):
        load(*names)
    assert load(*names, folders="classes").schema.target.names == ("bus", "car", "train")
    with pytest.raises(UserError):
        load(*names, folders="splits")


def test_a_class_may_be_called_test_where_there_is_no_train(load, said):
    dataset = load(*files("bus", "car", "test"))
    assert dataset.schema.target.names == ("bus", "car", "test")
    assert "test is taken as a class, like the folders beside it" in said()


def test_classes_whose_names_have_a_word_of_a_split_are_classes(load):
    names = files("crash_test", "dog_train", "cat")
    assert load(*names).schema.target.names == ("cat", "crash_test", "dog_train")


def test_classes_that_all_have_sessions_are_classes(load):
    names = files("crash_test/1", "crash_test/2", "dog_train/1", "dog_train/2", "cat/1", "cat/2")
    assert load(*names).schema.target.names == ("cat", "crash_test", "dog_train")
    with pytest.raises(UserError, match="folder train beside cat, which hold the same kind of files"):
        load(*files("train/1", "train/2"))


def test_classes_that_hold_the_same_folders_are_said(load, said):
    assert load(*files("one/a", "one/b", "two/a", "two/b")).schema.target.names == ("one", "two")
    assert "its folders are the classes, and each of them holds a, b" in said()


def test_two_folders_for_one_split_are_asked_about(load):
    with pytest.raises(UserError, match="two folders for one split: train2014 and train2017"):
        load(*files(*(f"{split}/{label}" for split in ("train2014", "train2017", "val2014") for label in "ab")))


def test_a_test_folder_with_the_classes_beside_it_is_asked_about(load):
    with pytest.raises(UserError, match=r"may be classes .* or splits; name splits train"):
        load(*files("bus", "car", "test/bus", "test/car"))


def test_splits_may_lie_in_the_classes(load):
    names = files("cat/train", "dog/train", "cat/test", "dog/test")
    dataset = load(*names, split=HoldOut(0.0, 0.0))
    assert sides(dataset)["test"] == {name: name.split("/")[0] for name in names[8:]}
    assert not inverted_splits({"cat": ["cat/train/1.png"], "dog": ["dog/1.png"]})
    assert load(*names, folders="classes", split=HoldOut(0.0, 0.3)).written_in is None


def test_what_is_not_used_is_counted(load, tmp_path, said):
    root = tmp_path / "d"
    for name in (*(f"cat/{i}.xyz" for i in range(5)), "cat/README", "@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg", ".git/a.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    (root / "bird").mkdir()
    (root / "bird" / "1.heic").write_bytes(b"x")
    (root / "cat" / "Thumbs.db").write_bytes(b"x")
    dataset = load(*files("cat", "dog"), "dog/9.ppm", "dog/8.jfif")
    assert dataset.schema.target.names == ("cat", "dog")
    assert sum(map(len, dataset.splits.values())) == 10
    out = said()
    assert "not used: 5 .xyz, 1 .heic, 1 without a suffix, 2 hidden or system folders (.git, @eaDir) in" in out
    assert f"no images in 1 of the class folders of {root}: bird" in out


def test_files_that_a_table_does_not_list_are_counted(load, tmp_path, said):
    (tmp_path / "d").mkdir()
    rows = [f"{name},{name[0]}" for name in files("a", "b")]
    (tmp_path / "d" / "labels.csv").write_text("\n".join(["path,label", *rows, ""]))
    load(*files("a", "b"), "a/more.png", "c/1.png", labels="labels.csv")
    assert "not used: 2 images of" in said()


def test_links_are_followed_by_wish(load, tmp_path, said):
    names = files("cat", "dog")
    load(*names)
    root = tmp_path / "links"
    root.mkdir()
    for label in ("cat", "dog"):
        (root / label).mkdir()
        for i in range(4):
            (root / label / f"{i}.png").symlink_to(tmp_path / "d" / label / f"{i}.png")
    (root / "cat" / "loop").symlink_to(root)
    (root / "cat" / "nowhere.png").symlink_to(tmp_path / "nothing.png")
    source = ImageFolder(str(root), size=(2, 2), split=HoldOut(0.0, 0.3))
    with pytest.raises(UserError, match=r"holds no images.*10 of them \(--data\.follow_links=True follows them\)"):
        source.load()
    found = sides(ImageFolder(str(root), size=(2, 2), split=HoldOut(0.0, 0.3), follow_links=True).load())
    assert set(found["train"]) | set(found["test"]) == set(names)
    assert "1 symbolic links that lead nowhere are not used" in said()
    (root / "cat" / "more").symlink_to(tmp_path / "d" / "cat")  # a way to the same files
    load_all = ImageFolder(str(root), size=(2, 2), split=HoldOut(0.0, 0.3), follow_links=True)
    found = sides(load_all.load())
    assert set(found["train"]) | set(found["test"]) == {*names, *(f"cat/more/{i}.png" for i in range(4))}
    assert "4 files are there under two names, by symbolic links" in said()


def test_what_a_size_does_is_said(load, said):
    load(*files("cat", "dog"), size=(8, 9))
    out = said()
    assert "the median image has 2x2 pixels, and data.size enlarges it to 8x9" in out
    assert "--data.size 2 2" in out
    load(*files("cat", "dog"), size=(2, 2))
    assert "enlarges" not in said()[len(out) :]


def test_images_of_several_pages_are_counted(load, said, tmp_path):
    load(*files("cat", "dog"))
    assert "several pages" not in said()
    page = Image.new("RGB", (2, 2))
    page.save(tmp_path / "d" / "cat" / "9.tif", save_all=True, append_images=[page, page])
    source = ImageFolder(str(tmp_path / "d"), size=(2, 2), split=HoldOut(0.0, 0.3))
    for _ in range(2):  # the second time from the cache
        source.load()
    assert said().count("1 of 9 images hold several pages or frames, cat/9.tif 3 of them, and the first") == 2


@pytest.mark.parametrize("name", ["{split}/{cls}/{i}.png", "{split}/{cls}.{i}.png"])
@pytest.mark.parametrize(
    ("validation", "test"), [("my_eval", "my_test"), ("val", "test2017"), ("val2017", "test"), ("eval", "my_test")]
)
def test_names_with_a_word_of_a_split_are_splits_beside_a_plain_train(name, validation, test, load, said):
    names = {
        split: [name.format(split=split, cls=cls, i=i) for cls in ("cat", "dog") for i in range(2)]
        for split in ("train", validation, test)
    }
    found = sides(load(*(each for of in names.values() for each in of), split=HoldOut(0.0, 0.0)))
    held = {"train": names["train"], "validation": names[validation], "test": names[test]}
    assert {split: set(of) for split, of in found.items()} == {split: set(of) for split, of in held.items()}
    assert set(found["test"].values()) == {"cat", "dog"}
    assert "not used" not in said()


def test_a_second_folder_of_a_split_is_left_out_beside_the_plain_one(load, said):
    load(*files(*(f"{split}/{label}" for split in ("train", "test", "train_extra") for label in "ab")))
    assert "not used: 8 images in" in said()


def test_evaluation_beside_validation_and_test_is_asked_about_within_the_classes(load):
    names = [f"{cls}/{split}/{i}.png" for split in ("train", "dev", "eval", "test") for cls in ("a", "b") for i in "12"]
    with pytest.raises(UserError, match=r"the class folders of .* say dev, eval and test: eval may be"):
        load(*names)
