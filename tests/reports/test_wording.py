"""Numbers as people read them."""

import pytest

from jaxflow.reports.wording import between, count, exact, number, percent


@pytest.mark.parametrize(
    ("share", "examples", "expected"),
    [
        (355 / 359, 359, "98.9%"),
        (0.1, 359, "10%"),  # of ten classes
        (0.01, 20_000, "1%"),  # of a hundred
        (0.5, 40, "50%"),
        (33 / 40, 40, "82%"),
        (0.98765, 10_000, "98.77%"),
        (1.0, 50, "100%"),
        (0.0, 50, "0%"),
        (49_999 / 50_000, 50_000, "99.998%"),  # not all of them are right
        (1 / 50_000, 50_000, "0.002%"),
        (0.996, 50, "99.6%"),
        (0.004, 50, "0.4%"),
    ],
)
def test_percentages_have_the_digits_that_the_examples_tell_apart(share, examples, expected):
    assert percent(share, examples) == expected


def test_numbers_have_three_digits_or_all_before_the_point():
    values = [0.0, 0.01234, 2.2651, 99.96, 1234.5, 2.5e9, -1234.5, 1e-7, -0.0, 0.9996, -0.99999]
    assert [number(value) for value in values] == [
        "0",
        "0.0123",
        "2.27",
        "100",
        "1,234",
        "2,500,000,000",
        "-1,234",
        "1e-07",
        "0",
        "0.9996",  # not all of it
        "-0.99999",
    ]
    assert [exact(value) for value in (0.0, 0.98888, 0.012345, 123456.0, 123456.789, 0.99997, None)] == [
        "0.0000",
        "0.9889",
        "0.01235",
        "123,456",
        "123,456.79",
        "0.99997",
        "\u2013",
    ]


def test_intervals_and_counts_are_words():
    assert between([0.975, 0.997], lambda value: percent(value, 359)) == " (97.5 to 99.7%)".replace("%", "")
    assert between([1.5, 2.25], number) == " (1.5 to 2.25)"
    assert between(None, number) == ""
    assert [count(1, "image"), count(2, "image"), count(3, "class")] == ["1 image", "2 images", "3 classes"]
