"""Pages: what comes from data stays text, everything is inside, and pages of one run lead to each other."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from scipy import sparse

from jaxflow.reports.blocks import Chart, Charts, Code, Drawing, Mark, Remark, Remarks, Section, Text
from jaxflow.reports.figures.classes import FILL, STRONG, confused_pairs, confusion
from jaxflow.reports.figures.curves import curve_points, learning_curves
from jaxflow.reports.figures.plot import save
from jaxflow.reports.galleries import Exhibit, Gallery
from jaxflow.reports.media import picture_url, sound_url
from jaxflow.reports.page import write_page
from jaxflow.reports.tables import Table
from tests.reports.pages import addresses, count_figures, elements_of, is_drawn

HOSTILE = "</script></style><script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;\u202e\0"


def named_figure(path: Path, name: str) -> Drawing:
    figure = Figure(figsize=(3, 2))
    axes = figure.add_subplot()
    axes.plot([1, 2], label=name)
    axes.set_title(name)
    axes.set_xticks([0, 1], [name, "b"])
    axes.legend()
    save(figure, path)
    return Drawing(name, path, name, Table(name, (name,), [[name]]))


@pytest.fixture
def hostile_page(tmp_path):
    drawing = named_figure(tmp_path / "a.svg", HOSTILE)
    chart = Chart(drawing, HOSTILE, HOSTILE, {HOSTILE: [(1.0, 2.0)]}, (Mark(1.0, HOSTILE),))
    blocks = [
        Text(HOSTILE),
        Remarks([Remark("leak", HOSTILE, (HOSTILE,))]),
        Table(HOSTILE, (HOSTILE, HOSTILE), [[HOSTILE, HOSTILE]]),
        Table(HOSTILE, (HOSTILE,), [[HOSTILE]], folded=True, prose=True),
        drawing,
        Gallery(HOSTILE, HOSTILE, [Exhibit(HOSTILE, (HOSTILE,), picture_url(np.zeros((2, 2, 1), np.uint8)))]),
        Charts([chart]),
        Code(HOSTILE, HOSTILE),
        Code(HOSTILE, HOSTILE, folded=True),
    ]
    write_page(tmp_path / "index.html", HOSTILE, HOSTILE, [Section(HOSTILE, blocks), Section("empty")])
    return (tmp_path / "index.html").read_text(encoding="utf-8")


def test_names_from_anywhere_stay_text(hostile_page):
    elements = elements_of(hostile_page)
    assert [attributes.get("type") for tag, attributes in elements if tag == "script"] == [
        "application/json",
        None,
        None,
    ]
    assert not any(name.startswith("on") for _, attributes in elements for name in attributes)
    images = [attributes["src"] for tag, attributes in elements if tag == "img"]
    assert [source.partition(";")[0] for source in images] == ["data:image/png"]
    (held,) = re.findall(r'<script type="application/json">(.*?)</script>', hostile_page, re.DOTALL)
    assert json.loads(held)["names"] == [HOSTILE]
    assert hostile_page.count("alert(1)") > 10  # shown, as text


def test_a_page_runs_no_script_but_its_own(hostile_page):
    elements = elements_of(hostile_page)
    (policy,) = [a["content"] for tag, a in elements if tag == "meta" and "http-equiv" in a]
    assert policy.startswith("default-src 'none';")
    assert policy.count("'sha256-") == 2
    assert "unsafe-inline" not in policy.rpartition("script-src")[2]
    assert "The above copyright notice" in hostile_page  # of uPlot, whose licence asks for it


def test_a_page_is_one_file_of_a_plain_structure(hostile_page):
    elements = elements_of(hostile_page)
    assert addresses(hostile_page) == []
    tags = [tag for tag, _ in elements]
    assert (tags.count("main"), tags.count("h1"), tags.count("h2")) == (1, 1, 1)  # the empty section is left out
    assert all(attributes.get("scope") for tag, attributes in elements if tag == "th")
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in [a for _, a in elements]
    assert all(attributes.get("alt") for tag, attributes in elements if tag == "img")
    assert all(
        attributes.get("aria-label") for _, attributes in elements if attributes.get("role") in ("img", "region")
    )
    identities = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(identities) == len(set(identities)) or set(identities) <= set(re.findall(r"#(\w+)", hostile_page))


def test_a_page_without_curves_has_no_script(tmp_path):
    write_page(tmp_path / "index.html", "a", "", [Section("b", [Text("c")])])
    page = (tmp_path / "index.html").read_text()
    assert "<script" not in page
    assert "script-src 'none'" in page


def test_pages_of_a_folder_lead_to_each_other_whichever_comes_first(tmp_path):
    for first, second in (("index.html", "data.html"), ("data.html", "index.html")):
        folder = tmp_path / first
        folder.mkdir()
        write_page(folder / first, "a", "", [])
        assert "<nav" not in (folder / first).read_text()
        write_page(folder / second, "b", "", [])
        for here, there in ((first, second), (second, first)):
            page = (folder / here).read_text()
            assert re.findall(r'<a href="([^"]*)"', page) == [there]
            assert page.count('aria-current="page"') == 1


def test_a_figure_takes_the_colours_of_the_page_and_its_letters_stay_letters(tmp_path):
    drawing = named_figure(tmp_path / "a.svg", "a $x$ <b> \x1b")
    assert is_drawn(drawing.file)  # well-formed
    write_page(tmp_path / "index.html", "a", "", [Section("b", [drawing, drawing])])
    page = (tmp_path / "index.html").read_text()
    assert count_figures(page) == 2
    assert "stroke: currentColor" in page
    assert "var(--page)" in page
    assert "a $x$ &lt;b&gt; \\x1b" in page
    assert not re.search(r"#(000000|ffffff)", page.partition("<main>")[2])


def test_equal_figures_are_equal_files(tmp_path):
    files = [named_figure(tmp_path / str(number) / "a.svg", "a").file.read_bytes() for number in range(2)]
    assert files[0] == files[1]


def test_photographs_are_small_and_small_pictures_are_exact(tmp_path):
    random = np.random.RandomState(0)
    photograph = np.cumsum(random.randn(600, 800, 3), 0)
    assert len(picture_url(photograph / np.abs(photograph).max())) < 60_000
    digit = random.randint(0, 255, (8, 8, 1)).astype(np.uint8)
    assert picture_url(digit).startswith("data:image/png;")
    assert sound_url(np.zeros(800), 8000).startswith("data:audio/wav;base64,UklGR")


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_confusions_are_counted_for_few_classes_and_many(classes, tmp_path):
    counts = np.diag(np.full(classes, 7))
    counts[0, 1] = 3
    names = [f"class {number}" for number in range(classes)]
    drawing = confusion(counts, names, "examples", tmp_path / "a.svg")
    assert f"{7 * classes:,} of {7 * classes + 3:,} examples on the diagonal" in drawing.alt
    assert "class 0 is taken for class 1, 3 times" in drawing.alt
    assert drawing.table is not None
    assert len(drawing.table.rows) == (classes if classes < 30 else 1)
    pairs = confused_pairs(counts, names, "examples")
    assert pairs is not None
    assert pairs.rows == [["class 0", "class 1", "3", "30%"]]
    assert confused_pairs(np.eye(classes, dtype=int), names, "examples") is None


def test_curves_leave_out_what_is_not_finite_and_say_where_they_begin_and_end(tmp_path):
    lines = [
        {"step": step, "split": split, "epoch": step / 10, "loss": loss}
        for step, split, loss in (
            (10, "train", 2.0),
            (10, "validation", 1.5),
            (20, "train", float("nan")),
            (30, "train", 1.0),
        )
    ]
    assert curve_points(lines, "loss") == {"train": [(1.0, 2.0), (3.0, 1.0)], "validation": [(1.0, 1.5)]}
    (chart,) = learning_curves(lines, {"loss": "nats", "other": ""}, 1.0, tmp_path)
    assert "train from 2 at epoch 1 to 1 at epoch 3; validation from 1.5" in chart.still.alt
    assert [mark.label for mark in chart.marks] == ["best: epoch 1"]
    assert chart.still.table is not None
    assert chart.still.table.rows == [["1", "2.0000", "1.5000"], ["3", "1.0000", "\u2013"]]


@pytest.mark.parametrize("page", [(255, 255, 255), (20, 23, 27)])
def test_counts_can_be_read_on_every_cell(page):
    """WCAG 2's contrast of a count and its cell, a colour whose opacity is a share, over the page."""

    def light(colour):
        scaled = np.asarray(colour) / 255
        return np.where(scaled <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    fill, text = 255 * np.array(to_rgb(FILL)), (0, 0, 0) if page[0] > 100 else (255, 255, 255)
    for share in np.linspace(0, 1, 101):
        cell = share * fill + (1 - share) * np.array(page)
        low, high = sorted((light((255, 255, 255) if share > STRONG else text), light(cell)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, share


def test_of_very_many_classes_the_pairs_alone_are_listed():
    counts = sparse.csr_array((np.array([5, 2, 9]), ([0, 7, 7], [0, 99_999, 7])), shape=(100_000, 100_000))
    pairs = confused_pairs(counts, [str(number) for number in range(100_000)], "examples")
    assert pairs is not None
    assert pairs.rows == [["7", "99999", "2", "18%"]]
