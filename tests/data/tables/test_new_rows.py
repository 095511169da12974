"""New rows that hold what cannot be read, or nothing at all."""

import csv
from pathlib import Path

import numpy as np
import pytest

import jaxflow
from jaxflow.data.tables.encode import encode_table
from tests.conftest import joined

HEADER = ("who", "size", "colour", "day", "big")


def line(row, comma=False):
    size = f"{row * 1.5:.1f}"
    day = f"2023-{1 + row % 12:02d}-{1 + row % 28:02d}"
    return [f"r{row}", size.replace(".", ",") if comma else size, ("red", "blue")[row % 2], day, "ab"[row % 2]]


def write(path, lines, header=HEADER):
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows([header, *lines])
    return path


@pytest.fixture(params=[False, True])
def encoding(tmp_path, request):
    path = write(tmp_path / "a.csv", [line(row, request.param) for row in range(90)])
    return jaxflow.Table(str(path), "big", id="who").load().input_encoding, request.param


def test_rows_that_cannot_be_read_are_left_out_one_by_one(encoding, tmp_path):
    fitted, comma = encoding
    lines = [line(row, comma) for row in range(20)]
    good, _ = joined(encode_table(fitted, write(tmp_path / "good.csv", lines)))
    lines[3][1], lines[7][3], lines[12][1], lines[12][3] = "old", "soon", "x", "y"
    path, bad = write(tmp_path / "b.csv", lines), []
    inputs, ids = joined(encode_table(fitted, path, bad))
    kept = [row for row in range(20) if row not in (3, 7, 12)]
    assert ids == [f"r{row}" for row in kept]
    np.testing.assert_array_equal(inputs, good[kept])
    told = {"line 5: 'old' is no number (size)", "line 9: 'soon' is no date (day)", "line 14: 'x' is no number (size)"}
    assert {each.removeprefix(f"{path}, ") for each in bad} == told
    with pytest.raises(jaxflow.UserError, match="'old' in line 5"):
        list(encode_table(fitted, path))


def test_dates_that_do_not_go_together_are_no_matter_of_a_row(tmp_path):
    lines = [[*line(row)[:3], f"{line(row)[3]}T10:00", line(row)[4]] for row in range(90)]
    encoding = jaxflow.Table(str(write(tmp_path / "a.csv", lines)), "big", id="who").load().input_encoding
    lines[4][3] += "+02:00"
    lines[6][1] = "old"
    with pytest.raises(jaxflow.UserError, match="with an offset from UTC and without"):
        list(encode_table(encoding, write(tmp_path / "b.csv", lines), []))


def test_rows_of_nothing_are_said(encoding, tmp_path, said):
    fitted, comma = encoding
    lines = [line(row, comma) for row in range(9)]
    said()
    list(encode_table(fitted, write(tmp_path / "b.csv", lines)))
    assert "none of the columns" not in said()
    lines[2], lines[5] = ["r2", "", "", "", "a"], ["r5", "NA", "", "", ""]
    inputs, _ = joined(encode_table(fitted, Path(write(tmp_path / "b.csv", lines))))
    assert len(inputs) == 9
    assert "2 of 9 rows of" in (told := said())
    assert "hold none of the columns that the model takes, the first r2" in told


@pytest.mark.parametrize(("column", "cell"), [(1, "7;50"), (3, "31/12/2023")])
def test_another_notation_is_told_that_of_training(encoding, tmp_path, column, cell):
    fitted, comma = encoding
    lines = [line(row, comma) for row in range(9)]
    lines[4][column] = cell
    trained = (
        f"numbers such as 1234{',' if comma else '.'}5 in size" if column == 1 else "dates such as 2023-12-31 in day"
    )
    with pytest.raises(jaxflow.UserError, match=f"{cell!r} in line 6.*; the model was trained on {trained}"):
        list(encode_table(fitted, write(tmp_path / "b.csv", lines)))


def test_a_date_of_its_own_format_is_told_by_an_example(tmp_path):
    lines = [[*line(row)[:3], f"{1 + row % 28:02d}.{1 + row % 12:02d}.2023", line(row)[4]] for row in range(90)]
    encoding = jaxflow.Table(str(write(tmp_path / "a.csv", lines)), "big", id="who").load().input_encoding
    with pytest.raises(jaxflow.UserError, match=r"trained on dates such as 31\.12\.2023 \(%d\.%m\.%Y\) in day"):
        list(encode_table(encoding, write(tmp_path / "b.csv", [line(row) for row in range(9)])))


def test_a_column_of_ids_is_left_out_and_said_to_name_the_rows(tmp_path, said):
    for column, cells, hinted in (
        ("customer_id", [f"C{row}" for row in range(90)], True),
        ("customer_id", [f"C{max(row, 1)}" for row in range(90)], False),  # one comes twice
        ("remark", [f"remark {row}" for row in range(90)], False),
    ):
        header = (column, *HEADER[1:])
        path = write(tmp_path / "a.csv", [[cell, *line(row)[1:]] for row, cell in enumerate(cells)], header)
        jaxflow.Table(str(path), "big").load()
        told = said()
        assert f"column {column} is left out" in told
        assert ("id='customer_id' (--data.id=customer_id) names the rows" in told) == hinted


def test_a_folder_in_place_of_a_table_is_said_to_be_one(tmp_path, encoding):
    (tmp_path / "new").mkdir()
    for inside in ("", ", .*new/b.csv"):
        for read in (
            lambda: list(encode_table(encoding[0], tmp_path / "new")),
            jaxflow.Table(str(tmp_path / "new"), "big").load,
            jaxflow.Series(str(tmp_path / "new"), time="t", columns=("x",)).load,
        ):
            with pytest.raises(jaxflow.UserError, match=f"new is a folder, and a table is a file: name it{inside}$"):
                read()
        (tmp_path / "new" / "b.csv").touch()
