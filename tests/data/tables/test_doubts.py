"""Inputs that are numbers but for a mark or a unit do not become categories without a word."""

import numpy as np
import pytest

from jaxflow import Category, HoldOut, Series, Table, UserError
from jaxflow.data.numbers import split_quantity


def load(path, cells, **fields):
    lines = (f"{cell};{number * 7 % 11};{'ab'[number % 2]}\n" for number, cell in enumerate(cells))
    path.write_text("x;z;y\n" + "".join(lines))
    return Table(str(path), "y", split=HoldOut(0, 0), **fields).load()


@pytest.mark.parametrize("mark", [".", "\\N", "<5", "ND", "5+"])
@pytest.mark.parametrize("number", ["{}", "${}", "{},5"], ids=["plain", "dollars", "comma"])
def test_a_mark_among_few_numbers_is_named_and_the_way_on_reads_them(mark, number, tmp_path, said):
    cells = [mark if i % 4 == 0 else number.format(i % 7) for i in range(120)]
    dataset = load(tmp_path / "a.csv", cells)
    assert f"x = {mark}" in dataset.input_encoding.features
    assert (
        f"column x is read as categories; they are numbers but for {mark!r}: where that is no value, "
        f"data.missing_also=({mark!r},) says so, and numbers are read; or data.columns=(Category('x'),) if" in said()
    )
    dataset = load(tmp_path / "a.csv", cells, missing_also=(mark,))
    assert dataset.input_encoding.features == ("x", "x: missing", "z")
    load(tmp_path / "a.csv", cells, columns=(Category("x"),))
    assert "column x is read as categories" not in said()


def test_a_mark_in_most_rows_and_several_marks_are_named(tmp_path, said):
    load(tmp_path / "a.csv", ["ND" if i % 3 else "." if i % 2 else i % 8 for i in range(120)])
    assert "they are numbers but for 'ND', '.': where that is no value, data.missing_also=('ND', '.',)" in said()


@pytest.mark.parametrize("many", [7, 40])
@pytest.mark.parametrize(
    ("number", "unit"),
    [
        ("{}.5-", "'-'"),
        ("{}°C", "'°C'"),
        ("{} kg", "'kg'"),
        ("{}e3 m", "'m'"),
        ("±{}", "'±'"),
        ("<{}", "'<'"),
        ("{} km/h", "'km/h'"),
        ("{} gallons", "'gallons'"),
        (' "{}"', "'\"...\"'"),
    ],
)
def test_a_unit_is_named(number, unit, many, tmp_path, said):
    load(tmp_path / "a.csv", [number.format(i * 3 % many) for i in range(120)])
    assert f"column x is read as categories; they look like numbers with {unit}: write numbers alone; or" in said()


@pytest.mark.parametrize(
    "cells",
    [
        lambda i: ["yes", "no", "maybe"][i % 3],
        lambda i: f"{i % 5}-{i % 5 + 9}",
        lambda i: f"{1 + i % 3}{'AB'[i % 2]}",
        lambda i: f"B{i % 9}",
        lambda i: ["S", "M", "L", "38", "40"][i % 5],
        lambda i: ["4", "none"][i % 2],
        lambda i: f"{i % 9}/10",
    ],
    ids=["answers", "ranges", "codes", "letters first", "sizes", "one number", "fractions"],
)
def test_categories_are_not_doubted(cells, tmp_path, said):
    load(tmp_path / "a.csv", map(cells, range(120)))
    assert "numbers" not in said()


def test_a_series_names_them_too(tmp_path, said):
    days = np.datetime64("2020-01-01") + np.arange(90)
    cells = ["." if i % 5 == 0 else i % 6 for i in range(90)]
    path = tmp_path / "a.csv"
    path.write_text("day,load,x\n" + "".join(f"{day},{i % 9},{x}\n" for i, (day, x) in enumerate(zip(days, cells))))
    Series(str(path), "day", ("load", "x"), length=4).load()
    assert "column x is read as categories; they are numbers but for '.'" in (heard := said())
    assert "or data.encoders=(Category('x'),) if they are categories" in heard
    Series(str(path), "day", ("load", "x"), length=4, encoders=(Category("x"),)).load()
    assert "numbers but for" not in said()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", ("", "")),
        (" -1,234.5 ", ("", "")),
        ("1e-05", ("", "")),
        ("12 m²", ("", "m²")),
        ("12 kg/m3", ("", "kg/m3")),
        ("≤ 5 %", ("≤", "%")),
        ("5'", ("", "'")),
        ("10-19", None),
        ("2x4", None),
        ("v2", None),
        ("12 kg net", None),
    ],
)
def test_quantities(text, expected):
    assert split_quantity(text) == expected


@pytest.mark.parametrize(
    ("odd", "even", "named"),
    [
        ("{}*", "{}", "'0*', '4*'"),
        ("{}-", "{}", "'0-', '4-'"),
        ("{}", "{}%", "'0', '4'"),
    ],
)
def test_values_in_another_way_are_no_marks(odd, even, named, tmp_path, said):
    load(tmp_path / "a.csv", [(odd if i % 4 == 0 else even).format(i % 28) for i in range(120)])
    assert f"they are numbers but for {named}" in (heard := said())
    assert "which stand for numbers too: write all in one way; or data.columns=(Category('x'),)" in heard
    assert "missing_also" not in heard


def test_one_bare_number_among_percents_is_no_mark(tmp_path, said):
    load(tmp_path / "a.csv", [5 if i % 4 == 0 else f"{i % 28}%" for i in range(120)])
    assert "they are numbers but for '5', which stand for numbers too: write all in one way" in said()


@pytest.mark.parametrize("cell", ["{} ± 0.5", "XAU {}", "{}.3(4)", "{}/7", "{}:-", "{} sq. ft.", "approx {}", "2h {}m"])
def test_many_numbers_with_more_in_them_are_named(cell, tmp_path, said):
    load(tmp_path / "a.csv", [cell.format(i) for i in range(60)])
    assert "they look like numbers" in said()


def test_a_series_names_its_own_setting_where_some_are_no_numbers(tmp_path):
    days = np.datetime64("2020-01-01") + np.arange(90)
    path = tmp_path / "a.csv"
    path.write_text("day,load,x\n" + "".join(f"{day},{i % 9},{i % 50 or 'X'}\n" for i, day in enumerate(days)))
    with pytest.raises(UserError, match=r"88 numbers and 2 other values.*or list the column in data\.encoders"):
        Series(str(path), "day", ("load", "x"), length=4).load()


def test_values_are_told_from_marks(tmp_path, said):
    load(tmp_path / "a.csv", ["ND" if i % 4 == 0 else f"{i % 28}*" if i % 4 == 1 else i % 28 for i in range(120)])
    assert "they are numbers but for 'ND', '1*'" in (heard := said())
    assert ", of which '1*', '5*', '9*', '13*', '17*', ... stand for numbers too: write all in one way" in heard
