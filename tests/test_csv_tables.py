"""CSV that people open: text that a spreadsheet would compute is quoted, and comes back with an apostrophe."""

import csv

import numpy as np
import pytest

from jaxflow.csv_tables import write_table


@pytest.mark.parametrize("formula", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-a.jpg"])
def test_formulas_are_quoted(formula, tmp_path):
    write_table(tmp_path / "a.csv", [{"id": [formula], formula: ["x"]}])
    with (tmp_path / "a.csv").open(newline="") as file:
        header, row = csv.reader(file)
    assert (header, row) == (["id", f"'{formula}"], [f"'{formula}", "x"])


def test_numbers_and_other_text_are_written_as_they_are(tmp_path):
    cells = ["-1", "+2.5", "-1e-05", "a=b", "", "é-", "two\nlines", "cr\rhere", 'say "so"', "a,b"]
    write_table(tmp_path / "a.csv", [{"text": cells, "number": np.linspace(-1, 1, len(cells))}])
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == cells
    assert [float(row["number"]) for row in rows] == np.linspace(-1, 1, len(cells)).tolist()
    assert b"\r\n" not in (tmp_path / "a.csv").read_bytes()


def test_a_table_for_machines_is_not_quoted(tmp_path):
    write_table(tmp_path / "a.csv", [{"id": ["-a"], "label": ["=1"]}], quoted=False)
    assert (tmp_path / "a.csv").read_text() == "id,label\n-a,=1\n"
