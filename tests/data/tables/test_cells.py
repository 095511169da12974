"""Numbers and dates as people write them, against what they are."""

import numpy as np
import pyarrow
import pytest

from jaxflow import NumberFormat, UserError
from jaxflow.data.numbers import find_formats
from jaxflow.data.reading.text.dialect import Dialect
from jaxflow.data.tables.cells import infer_column_type, parse_column
from jaxflow.data.tables.forms import find_form
from jaxflow.data.tables.raw.table import RawTable

NUMBERS = [0, 7, 12.5, -0.25, 1234.5, -98765.25, 1234567.125]


def german(number):
    return f"{number:,}".translate(str.maketrans(",.", ".,"))


WAYS = {
    "plain": str,
    "thousands": lambda number: f"{number:,}",
    "German": german,
    "French": lambda number: german(number).replace(".", "\u202f"),
    "Swiss": lambda number: f"{number:,}".replace(",", "\u2019"),
    "decimal comma": lambda number: str(number).replace(".", ","),
    "percent": lambda number: f"{number}%",
    "percent, German": lambda number: f"{german(number)} %",
    "dollars": lambda number: f"${number:,}".replace("$-", "-$"),
    "euros": lambda number: f"{german(number)} €",
    "accounts": lambda number: f"{number:,}" if number >= 0 else f"({-number:,})",
    "code": lambda number: f"USD {number:,}",
}


def table(cells, dialect=Dialect(), **others):
    columns = {"x": cells, **others}
    return RawTable(pyarrow.table({name: pyarrow.array(list(values)) for name, values in columns.items()}), 0, dialect)


def read(raw, name="x"):
    rows = np.arange(raw.rows)
    kind = infer_column_type(raw, name, rows)
    return kind, parse_column(raw, name, kind, find_form(raw, name, kind, rows))


@pytest.mark.parametrize("way", WAYS)
def test_numbers_are_read_as_they_are_written(way):
    kind, values = read(table([WAYS[way](number) for number in NUMBERS]))
    assert kind == "number"
    np.testing.assert_array_equal(values, NUMBERS)


@pytest.mark.parametrize(
    ("cells", "dialect", "expected"),
    [
        (["1,234", "5,678"], Dialect(), [1234, 5678]),  # either: thousands, as in English
        (["1,234", "5,678"], Dialect(delimiter=";"), [1.234, 5.678]),  # who separates by ; has decimal commas
        (["1,234", "5,678"], Dialect(decimal=","), [1.234, 5.678]),
        (["1,234", "5,678"], Dialect(thousands=",", delimiter=";"), [1234, 5678]),
        (["1,234", "0,612"], Dialect(), [1.234, 0.612]),  # no thousands begin with 0
        (["1.234", "5.678"], Dialect(), [1.234, 5.678]),
        (["1.234", "5.678"], Dialect(decimal=","), [1234, 5678]),
        (["1.234", "5.678"], Dialect(delimiter=";"), [1.234, 5.678]),
        (["12,34,567", "1,000"], Dialect(), [1234567, 1000]),  # as in India
        (["1e3", "2"], Dialect(decimal=","), [1000, 2]),
    ],
)
def test_what_may_be_either_goes_by_the_file(cells, dialect, expected):
    np.testing.assert_array_equal(read(table(cells, dialect))[1], expected)


def test_other_columns_say_what_a_point_is():
    raw = table(["1.234", "5.678"], Dialect(), other=["0,5", "1,25"])
    formats = find_formats({"1.234", "5.678"}, None, None)
    assert len(formats) == 2
    assert find_form(raw, "other", "number", np.arange(2)) == NumberFormat(",")
    np.testing.assert_array_equal(read(table(["900", "1.099"], other=["0,5", "0,7"]))[1], [900, 1099])
    np.testing.assert_array_equal(read(table(["900", "1.099"], other=["0.5", "a,b"]))[1], [900, 1.099])
    np.testing.assert_array_equal(read(table(["0.900", "1.099"], other=["0,5", "0,7"]))[1], [0.9, 1.099])
    np.testing.assert_array_equal(read(table(["900", "1.099"], Dialect(thousands=".")))[1], [900, 1099])
    np.testing.assert_array_equal(
        parse_column(table(["900", "1.099"], other=["0,5", "1,7"]), "x", "number"), [900, 1099]
    )


@pytest.mark.parametrize(
    "cells",
    [
        ["12%", "0.5"],
        ["$5", "5 €"],
        ["1,23", "4.56"],
        ["1,2,3"],
        ["5 kg", "7 kg"],
        ["1_000"],
        ["12:30"],
        ["3-4"],
        ["A1"],
    ],
)
def test_what_is_no_number_in_one_format_is_none(cells):
    assert read(table(cells * 3))[0] == "category"


def test_codes_keep_their_zeros_and_numbers_lose_none():
    assert read(table(["00501", "10001", "02134"]))[0] == "category"
    assert read(table(["0", "10001", "0.5", "-07"]))[0] == "number"
    assert read(table([1, 10001]))[0] == "number"
    np.testing.assert_array_equal(parse_column(table(["00501", "7"]), "x", "number", NumberFormat()), [501, 7])


DAYS = np.array(["2024-01-31", "2023-12-05", "2024-02-29", "1999-07-04"], "datetime64[s]")
FORMATS = [
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d-%b-%Y", "%d %B %Y", "%B %d, %Y", "%Y%m%d", "%d/%m/%Y %H:%M",
    "%m/%d/%Y %I:%M %p", "%d.%m.%y", "%Y-%m-%dT%H:%M:%S", "%d/%b/%Y:%H:%M:%S +0000",
]  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_dates_are_read_as_they_are_written(form):
    kind, values = read(table([day.item().strftime(form) for day in DAYS]))
    assert kind == "date"
    np.testing.assert_array_equal(values, DAYS)


def test_compact_dates_are_dates_and_other_numbers_are_not():
    numbers = [int(str(day)[:10].replace("-", "")) for day in DAYS]
    for cells in (numbers, list(map(str, numbers)), list(map(float, numbers))):
        kind, values = read(table(cells))
        assert kind == "date"
        np.testing.assert_array_equal(values, DAYS)
    assert read(table([20241301, 20240101]))[0] == "number"  # no month
    assert read(table([2024, 2023]))[0] == "number"


def test_days_and_months_that_may_be_either_are_asked_for():
    raw = table(["03/04/2024", "05/06/2024"])
    assert infer_column_type(raw, "x", np.arange(2)) == "date"
    with pytest.raises(
        UserError, match=r"'03/04/2024', which may be %d/%m/%Y or %m/%d/%Y; .*Date\('x', format='%d/%m/%Y'\)"
    ):
        find_form(raw, "x", "date", np.arange(2))
    same = table(["03/03/2024", "05/05/2024"])  # either way the same days
    np.testing.assert_array_equal(read(same)[1], np.array(["2024-03-03", "2024-05-05"], "datetime64[s]"))


@pytest.mark.parametrize(
    ("good", "bad", "kind"),
    [
        ("1,250.5", "about 3", "number"),
        ("12%", "none", "number"),
        ("31.12.2024", "tomorrow", "date"),
        ("7", "x", "number"),
    ],
)
def test_mistakes_among_formatted_cells_are_named(good, bad, kind):
    with pytest.raises(
        UserError, match=rf"holds 19 {kind}s and 1 other values, first '{bad}' in row 8; .*missing_also"
    ):
        infer_column_type(table([good] * 7 + [bad] + [good] * 12), "x", np.arange(20))


@pytest.mark.parametrize("cells", [[20200105], [1577836800000], [18262], [20200105, 1577836800]])
def test_whole_numbers_that_may_not_be_seconds_are_no_dates(cells):
    with pytest.raises(UserError, match=rf"column x holds dates, but {cells[0]} in row 1"):
        parse_column(table(cells), "x", "date", "")


def test_seconds_since_1970_are_dates():
    seconds = [1577836800, 1577836801]
    np.testing.assert_array_equal(parse_column(table(seconds), "x", "date", ""), np.array(seconds, "M8[s]"))


@pytest.mark.parametrize("offset", ["Z", "+02:00", "-0530"])
def test_dates_with_an_offset_and_without_are_refused(offset):
    cells = ["2020-01-05T10:00:00", "2020-01-05", f"2020-01-05 10:00:00{offset}"]
    with pytest.raises(UserError, match=r"'2020-01-05T10:00:00' in row 1 and '2020-01-05 .* in row 3; write all"):
        read(table(cells))
    assert read(table(cells[:2]))[0] == read(table(cells[2:]))[0] == "date"
    assert parse_column(table(cells), "x", "date", "", np.arange(2)).shape == (2,)


@pytest.mark.parametrize("many", [1, 40])
@pytest.mark.parametrize("odd", ["yes", "TRUE", " No"])
def test_words_among_numbers_are_none(odd, many, tmp_path):
    cells = [odd] + [str(1 + i % 9) for i in range(40)] * many
    with pytest.raises(UserError, match=rf"40 numbers and 1 other values, first '{odd}'|1600 numbers and 1 other"):
        infer_column_type(table(cells), "x", np.arange(len(cells)))
    with pytest.raises(UserError, match=f"column x holds numbers, but '{odd}' in row 1; correct it"):
        parse_column(table(cells), "x", "number")
    assert infer_column_type(table(["yes", "1", "2", "no"]), "x", np.arange(4)) == "category"


def test_words_are_1_and_0(tmp_path):
    cells = ["yes", "1", "0", "FALSE", None]
    assert infer_column_type(table(cells), "x", np.arange(5)) == "number"
    np.testing.assert_array_equal(parse_column(table(cells), "x", "number"), [1, 1, 0, 0, np.nan])
    with pytest.raises(UserError, match="19 numbers and 1 other values, first 'maybe'"):
        infer_column_type(table(["yes", "no"] * 9 + ["1", "maybe"]), "x", np.arange(20))
