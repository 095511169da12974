"""Targets that look like numbers but for some cells are not classes without a word."""

import logging
import random

import pytest

from jaxflow import HoldOut, Table
from jaxflow.errors import UserError


def table(path, targets):
    path.write_text("x,y\n" + "".join(f"{number / 7:.3f},{each}\n" for number, each in enumerate(targets)))
    return Table(str(path), "y", split=HoldOut(0, 0.2))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            lambda i: "." if i % 5 == 0 else f"{random.Random(i).random():.4f}",
            r"numbers but for '\.'.*missing_also=\('\.',",
        ),
        (lambda i: f"{i / 3:.1f}kg", "numbers with more in them: '0.0kg'; write numbers alone"),
    ],
    ids=["mark", "unit"],
)
def test_many_are_refused_with_the_way_on(cells, message, tmp_path):
    with pytest.raises(UserError, match=message):
        table(tmp_path / "a.csv", map(cells, range(200))).load()


def test_few_are_said(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "jaxflow"):
        dataset = table(tmp_path / "a.csv", ["." if i % 6 == 0 else i % 15 for i in range(200)]).load()
    assert dataset.schema.target.kind == "class"
    assert "which are numbers but for '.'" in caplog.text


@pytest.mark.parametrize(
    "cells", [lambda i: f"{i % 6 + 1}{'AB'[i % 2]}", lambda i: "abc"[i % 3], lambda i: f"{i % 40:03d}"]
)
def test_classes_remain_classes(cells, tmp_path, caplog):
    assert table(tmp_path / "a.csv", map(cells, range(200))).load().schema.target.kind == "class"
    assert "numbers" not in caplog.text


@pytest.mark.parametrize("cell", ["{} kg", "±{}", "{}.5-", "{}°C"])
def test_few_with_a_unit_are_said(cell, tmp_path, said):
    dataset = table(tmp_path / "a.csv", [cell.format(i % 6) for i in range(200)]).load()
    assert dataset.schema.target.kind == "class"
    assert f"which are numbers with more in them: {cell.format(0)!r}; write numbers alone" in said()


def test_a_mark_in_most_cells_is_refused_too(tmp_path):
    with pytest.raises(UserError, match=r"numbers but for '\.'.*missing_also=\('\.',"):
        table(tmp_path / "a.csv", ["." if i % 3 else f"{i / 7:.3f}" for i in range(200)]).load()


MORE = {
    "currency": "{} DM",
    "ahead": "XAU {}",
    "tolerance": "{} ± 0.5",
    "fraction": "{}/7",
    "trade": "{}:-",
    "uncertainty": "{}.3(4)",
    "durations": "2h {}m",
    "Fortran": "{}.5D+02",
    "ISO duration": "PT{}M",
    "angle": "{}°30'N",
    "words": "{} sq. ft.",
    "roughly": "approx {}",
}


@pytest.mark.parametrize("cell", MORE.values(), ids=MORE)
def test_numbers_with_more_in_them_are_refused_with_the_way_on(cell, tmp_path):
    with pytest.raises(UserError, match=r"numbers with more in them: .*; write numbers alone; or data\.task='class'"):
        table(tmp_path / "a.csv", [cell.format(i) for i in range(60)]).load()


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("05:{:02d}", "times of day: '05:01'; write them as numbers, for example hours; or data.task='class'"),
        ("{:02d}/05/2024", "dates: '01/05/2024'; write what is to be predicted as numbers, for example days since"),
        ("2024-01-{:02d}", "dates: '2024-01-01'; write what is to be predicted as numbers"),
        ("202401{:02d}", "dates: '20240101'; write what is to be predicted as numbers"),
    ],
)
def test_many_dates_and_times_are_refused_too(cell, message, tmp_path):
    with pytest.raises(UserError, match=message):
        table(tmp_path / "a.csv", [cell.format(1 + i % 28) for i in range(60)]).load()
    table(tmp_path / "a.csv", [cell.format(1 + i % 3) for i in range(60)]).load()


@pytest.mark.parametrize("cell", ["R$ {}.234,50", "SEK {}", "A${}", "HK${}"])
def test_numbers_in_a_currency_are_read(cell, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x;y\n" + "".join(f"{i};{cell.format(1 + i % 60)}\n" for i in range(1, 120)))
    assert Table(str(path), "y", split=HoldOut(0, 0.2)).load().schema.target.kind == "number"


@pytest.mark.parametrize(
    "classes",
    ["<=50K >50K", ">140 <=140", "2D 3D", "0+ 0-", "1st 2nd 3rd", "1st 2nd 3rd 4th 5th", "chr1 chr2 chr3", "A1 B2 C3"],
)
def test_few_classes_of_one_or_two_numbers_are_no_numbers(classes, tmp_path, said):
    names = classes.split()
    table(tmp_path / "a.csv", [names[i % len(names)] for i in range(60)]).load()
    assert "numbers" not in said()


@pytest.mark.parametrize("names", [[f"class {i}" for i in range(30)], [f"LH{i}" for i in range(30)]])
def test_many_numbered_classes_are_no_numbers(names, tmp_path, said):
    table(tmp_path / "a.csv", names * 4).load()
    assert "numbers" not in said()


def test_a_target_of_numbers_with_few_names_says_how_it_becomes_classes(tmp_path):
    cells = [*map(str, range(1, 23)), "X", "Y"] * 5
    with pytest.raises(UserError, match=r"110 numbers and 10 other .*'X'.* take all values for classes: data\.task="):
        table(tmp_path / "a.csv", cells).load()
    source = Table(str(tmp_path / "a.csv"), "y", task="class", split=HoldOut(0, 0.2))
    assert len(source.load().schema.target.names) == 24


def test_values_in_another_way_are_no_marks(tmp_path):
    cells = [f"{i / 7:.2f}*" if i % 5 == 0 else f"{i / 7:.2f}" for i in range(80)]
    with pytest.raises(
        UserError, match=r"numbers but for .*, which stand for numbers too: write all in one way; or correct them"
    ):
        table(tmp_path / "a.csv", cells).load()
