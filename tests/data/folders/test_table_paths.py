"""Paths of a table of labels: read where they mean one file, however they are written; else the cause is named."""

import os
import unicodedata
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from jaxflow import HoldOut, ImageFolder, UserError

NAMES = [f"{label} {number}.png" for number in range(6) for label in ("cat", "dög")]


@pytest.fixture
def load(tmp_path):
    """Loads images below `data/images`, of which a table holds the paths that `write` returns, and labels."""

    def load(write, below="", table="labels.csv", more=(), lines=()):
        root = tmp_path / "data" / "images"
        for number, name in enumerate([*(f"{below}{name}" for name in NAMES), *more]):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((2, 2, 3), number, np.uint8)).save(root / name, "PNG")
        rows = [f'"{write(f"{below}{name}")}",{name.split()[0]}' for name in NAMES]
        (root / table).parent.mkdir(exist_ok=True)
        (root / table).write_text("\n".join(["path,label", *rows, *lines]))
        dataset = ImageFolder(str(root), labels=table, size=(2, 2), split=HoldOut(0.0, 0.3, seed=1)).load()
        found = {split.id(i): t for split in dataset.splits.values() for i, t in enumerate(split.targets)}
        return {id_: dataset.schema.target.names[t] for id_, t in found.items()}

    return load


READINGS = {
    "backslashes": (lambda path: path.replace("/", "\\"), {"below": "sub/"}),
    "with percent signs": (quote, {}),
    "without suffix": (lambda path: path.removesuffix(".png"), {}),
    "all three": (lambda path: quote(path.removesuffix(".png")).replace("/", "\\"), {"below": "sub/"}),
    "in capitals": (str.upper, {"below": "sub/"}),
    "in other letters of Unicode": (lambda path: unicodedata.normalize("NFD", path), {}),
    "with the folder's name": (lambda path: f"images/{path}", {}),
    "with the folder's names": (lambda path: f"data\\images\\{path}", {}),
    "out and in": (lambda path: f"../images/{path}", {}),
    "from the table": (lambda path: f"../{path}", {"table": "tables/labels.csv"}),
    "from the folder": (lambda path: path, {"table": "tables/labels.csv"}),
    "of a table outside": (lambda path: f"images/{path}", {"table": "../labels.csv"}),
}


@pytest.mark.parametrize("name", READINGS)
def test_paths_that_mean_one_file_are_read(name, load, said):
    write, how = READINGS[name]
    below = how.get("below", "")
    assert load(write, **how) == {f"{below}{each}": each.split()[0] for each in NAMES}
    otherwise = sum(write(f"{below}{each}") != f"{below}{each}" for each in NAMES)
    assert (f"{otherwise} paths are read as the files they mean: " in said()) == (otherwise > 0)


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_absolute_paths_into_the_folder_are_read(prefix, load, tmp_path, said):
    whole = {each: each.split()[0] for each in NAMES}
    assert load(lambda path: f"{prefix}{tmp_path}/data/images/{path}") == whole
    assert f"12 paths are read as the files they mean: {prefix}{tmp_path}/data/images/cat 0.png as cat 0.png" in said()
    os.symlink(tmp_path / "data", tmp_path / "other")
    table = tmp_path / "data" / "images" / "labels.csv"
    rows = [f"{tmp_path}/data/images/{name},{name.split()[0]}" for name in NAMES]
    table.write_text("\n".join(["path,label", *rows]))
    dataset = ImageFolder(str(tmp_path / "other" / "images"), labels="labels.csv", size=(2, 2)).load()
    assert sum(map(len, dataset.splits.values())) == len(NAMES)


def test_a_path_is_what_it_is_where_there_is_such_a_file(load, said):
    found = load(
        lambda path: path, more=["images/cat 0.png", "CAT 0.PNG", "100%25.png", "100%.png"], lines=["100%25.png,cat"]
    )
    assert found.keys() == {*NAMES, "100%25.png"}
    assert "are read as" not in said()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("none.png,cat", r"line 14: there is no file .*/images/none\.png; correct the path or remove the line$"),
        ("cat 1.pgn,cat", r"there is no file .*/images/cat 1\.pgn; perhaps you meant .*/images/cat 1\.png; correct"),
        ("none.png,cat\nnil.png,cat", r"line 14: there is no file .* \(2 such paths\)$"),
        ("CAT 1.png,cat", r"line 14: cat 1\.png is on line 4 already; remove one of them"),
        (",cat", "line 14: it has no path"),
        ("sub,cat", "line 14: sub is a folder of"),
        ("cow,cat", r"line 14: cow may be cow\.bmp or cow\.png; write which"),
        (
            "hen.png,cat",
            r"no file .*/images/hen\.png, and of that name sub/hen\.png; write paths below .*/sub as data\.path$",
        ),
        ("hen,cat", r"no file .*/images/hen, and of that name sub/hen\.png;"),
        (
            "/x/images/sub/hen.png,cat",
            r"leads out of .*/images; paths are relative to it; if it means sub/hen\.png, leave",
        ),
        (r"C:\x\hen.png,cat", r"C:\\x\\hen\.png leads out of .*/images; paths are relative to it$"),
        ("../hen.png,cat", r"\.\./hen\.png leads out of"),
    ],
)
def test_paths_that_mean_no_file_or_several_are_refused(line, message, load):
    with pytest.raises(UserError, match=message) as error:
        load(lambda path: path, more=["sub/hen.png", "cow.png", "cow.bmp"], lines=[line])
    assert "\n" not in str(error.value)
