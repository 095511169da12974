"""What a wrong path may have meant."""

from pathlib import Path

import pytest

from jaxflow.data.folders.layout import find_labelled
from jaxflow.data.inference_inputs import read_inputs
from jaxflow.data.reading.formats import KINDS
from jaxflow.data.tables.raw.read import check_table
from jaxflow.errors import UserError, perhaps
from jaxflow.experiment import load
from jaxflow.runs.folder import read_experiment
from jaxflow.schema import Feature


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("people.csv", "people.py", "photo.JPG"):
        Path(name).touch()
    Path("photos").mkdir()
    Path("runs/people").mkdir(parents=True)
    Path("runs/people/experiment.json").touch()
    return tmp_path


def test_the_name_beside_it_that_fits(folder):
    assert perhaps(Path("peple.csv"), Path.exists) == "; perhaps you meant people.csv"
    assert perhaps(folder / "photo.jpg", Path.is_file) == f"; perhaps you meant {folder / 'photo.JPG'}"
    assert perhaps(Path("photo"), Path.is_dir) == "; perhaps you meant photos"
    for other in ("weather.csv", "nowhere/people.csv", "people.csv/x", "", "a\0b"):
        assert perhaps(Path(other), Path.exists) == ""


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        (lambda: load("people"), "people.py"),
        (lambda: load("peopel.py"), "people.py"),
        (lambda: read_experiment(Path("runs/peopl")), "runs/people"),
        (lambda: read_experiment(Path("people")), "runs/people"),
        (lambda: check_table(Path("people.cvs")), "people.csv"),
        (lambda: find_labelled(Path("photo"), KINDS["image"], None), "photos"),
        (lambda: list(read_inputs(Path("photo.jpg"), Feature("image", (2, 2, 3), "uint8"))), "photo.JPG"),
    ],
)
def test_messages_of_missing_files_say_it(read, meant, folder):
    with pytest.raises(UserError, match=rf"; perhaps you meant {meant}$"):
        read()
