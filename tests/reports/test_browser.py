"""Pages as a browser shows them: narrow and wide, light, dark and printed, with and without scripts."""

import dataclasses

import numpy as np
import pytest

import jaxflow
from jaxflow.evaluation.comparison.compare import compare
from jaxflow.evaluation.comparison.index import write_index
from jaxflow.evaluation.comparison.page import write_comparison
from jaxflow.reports.blocks import Code, Remark, Remarks, Section, Text
from jaxflow.reports.figures.classes import confusion
from jaxflow.reports.galleries import Exhibit, Gallery, Passage, Passages
from jaxflow.reports.media import picture_url, sound_url
from jaxflow.reports.page import write_page
from jaxflow.reports.tables import Table
from jaxflow.runs.listing import list_runs
from tests.reports.browser import find_browser, open_browser

BROWSER = find_browser()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        BROWSER is None, reason="there is no Chromium on PATH: chromium, chromium-browser, google-chrome"
    ),
]
# Texts of a page whose contrast with what is behind them is less than WCAG asks for, 4.5:1.
FAINT = """(() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const colour = numbers(getComputedStyle(element).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
    if (!element.checkVisibility() || ["SCRIPT", "STYLE"].includes(element.tagName)) continue;
    const drawn = element.closest("svg"), style = getComputedStyle(element);
    const colour = numbers(drawn ? style.fill : style.color).slice(0, 3);
    if (drawn && colour.every((v) => v === 255)) continue;  // on a filled cell, which a test of its own is of
    const [low, high] = [light(colour), light(behind(element))].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) found.push([element.tagName, element.className, element.textContent.slice(0, 30), ratio]);
  }
  return found;
})()"""
# Elements that reach beyond the window, but for those inside a box that scrolls.
WIDE = """[...document.querySelectorAll("body *")].filter((element) => element.checkVisibility()
  && !element.parentElement.closest(".wide, pre, svg") && element.getBoundingClientRect().right > innerWidth + 1)
  .map((element) => element.outerHTML.slice(0, 80))"""
# Boxes that scroll and that the keyboard does not reach.
UNREACHED = """[...document.querySelectorAll("*")].filter((element) => element.scrollWidth > element.clientWidth + 1
  && ["auto", "scroll"].includes(getComputedStyle(element).overflowX) && element.tabIndex < 0)
  .map((element) => element.outerHTML.slice(0, 80))"""
# Pictures and figures without size.
EMPTY = """[...document.querySelectorAll("svg, img, canvas")].filter((element) => element.checkVisibility()
  && (element.getBoundingClientRect().width < 40 || element.getBoundingClientRect().height < 40
    || (element.tagName === "IMG" && !element.naturalWidth))).map((element) => element.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with open_browser(str(BROWSER), tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(experiment, toy, tmp_path_factory):
    """A report and a description of its data; and a page of everything else, with long names."""
    run, name = tmp_path_factory.mktemp("pages") / "run", "a_long_name_without_any_space_in_it_" * 4
    jaxflow.explore(experiment, run, dataset=toy)
    jaxflow.train(dataclasses.replace(experiment, epochs=3), run, dataset=toy)
    jaxflow.evaluate(run, dataset=toy)
    names = [f"class {number} {name[:40]}" for number in range(12)]
    counts = np.random.RandomState(0).randint(0, 30, (12, 12)) + 100 * np.eye(12, dtype=int)
    exhibits = [Exhibit(name, (name,), picture_url(np.zeros((30, 40, 3))), sound_url(np.zeros(800), 8000))] * 9
    passages = [Passage(name, (name,), [(f"{name} {mark} ", mark) for mark in range(-3, 4)])] * 2
    blocks = [
        Text(name),
        Remarks([Remark(severity, name, (name,)) for severity in ("leak", "problem", "note", "good")]),
        Table(name, names, [[name, *["0.1234"] * 11]] * 3),
        Table(name, ("a", "b"), [[name, name]] * 3, prose=True),
        confusion(counts, names, "examples", run / "report" / "confusion_of_12.svg"),
        Gallery(name, name, exhibits),
        Gallery(name, name, exhibits, pairs=True),
        Passages(name, name, passages, Table(name, ("a", "b"), [[name, name]], prose=True)),
        Code(name, f"{name} {name}"),
    ]
    write_page(run / "other.html", name, name, [Section(name, blocks)])
    other = run.parent / "run_of_a_larger_batch"
    jaxflow.train(dataclasses.replace(experiment, batch_size=32), other, dataset=toy)
    jaxflow.evaluate(other, dataset=toy)
    compared = run.parent / "compare.html"
    write_comparison(compare([run, other]), compared)
    listed = write_index(run.parent, list_runs(run.parent))
    return [run / "report" / "index.html", run / "report" / "data.html", run / "other.html", compared, listed]


def problems(page) -> list[str]:
    """Lists what the browser complained of, and what it asked for that is not inside the page."""
    found = []
    for event in page.events:
        method, told = event["method"], event["params"]
        if method == "Runtime.exceptionThrown" or (method == "Log.entryAdded" and told["entry"]["level"] == "error"):
            found.append(str(told))
        if method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning"):
            found.append(str(told))
        if method == "Network.requestWillBeSent" and not told["request"]["url"].startswith(("file:", "data:")):
            found.append(told["request"]["url"])
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_pages_fit_and_can_be_read(width, scheme, page, pages):
    for path in pages:
        page.open(path, width, scheme)
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert problems(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(WIDE) == []
        assert page.evaluate(EMPTY) == []
        assert page.evaluate(UNREACHED) == []
        assert page.evaluate(FAINT) == []


def test_paper_is_white_and_shows_figures_instead_of_charts(page, pages):
    page.open(pages[0], 800, "dark", "print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('.still')).display") == "block"
    assert page.evaluate("getComputedStyle(document.querySelector('.chart .uplot')).display") == "none"
    assert page.evaluate(FAINT) == []


def test_curves_are_read_off_and_hidden_by_mouse_and_keyboard(page, pages):
    page.open(pages[0], 1280)
    charts, hidden = "document.querySelectorAll('.chart .uplot')", "document.querySelectorAll('.u-series.u-off').length"
    assert page.evaluate(f"{charts}.length") == 2  # loss and accuracy
    assert page.evaluate("getComputedStyle(document.querySelector('.still')).display") == "none"
    assert page.evaluate("[...document.querySelectorAll('.chart canvas')].every((each) => each.width > 200)")
    train = "document.querySelectorAll('.chart .u-series')[1]"
    assert page.evaluate(f"{train}.textContent").startswith("train")
    page.evaluate(f"{train}.querySelector('th').click()")
    assert page.evaluate(hidden) == 1
    page.evaluate(f"{train}.querySelector('th').dispatchEvent(new KeyboardEvent('keydown', {{key: 'Enter'}}))")
    assert page.evaluate(hidden) == 0
    page.evaluate(f"{charts}[0].scrollIntoView()")
    box = page.evaluate(
        f"(({{left, top, width, height}}) => [left + width / 2, top + height / 2])"
        f"({charts}[0].querySelector('.u-over').getBoundingClientRect())"
    )
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=box[0], y=box[1])
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert any(sign.isdigit() for sign in page.evaluate("document.querySelector('.u-series .u-value').textContent"))


def test_without_scripts_the_still_figures_are_seen(page, pages):
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.open(pages[0], 1280)
        assert page.evaluate("document.querySelectorAll('.uplot').length") == 0
        assert page.evaluate("[...document.querySelectorAll('.still svg')].every((each) => each.checkVisibility())")
        assert page.evaluate(EMPTY) == []
    finally:
        page.call("Emulation.setScriptExecutionDisabled", value=False)


def test_runs_are_shown_and_hidden_and_their_list_leads_to_reports(page, pages):
    page.open(pages[3], 1280)
    assert (
        page.evaluate("document.querySelectorAll('.chart .uplot').length") == 4
    )  # loss, accuracy; validation, training
    colours = "[...document.querySelectorAll('.chart')[0].querySelectorAll('.u-marker')].map((e) => e.style.border)"
    assert len(set(page.evaluate(colours)) - {""}) == 2
    page.evaluate("document.querySelectorAll('.chart .u-series')[2].querySelector('th').click()")
    assert page.evaluate("document.querySelectorAll('.u-series.u-off').length") == 1
    page.open(pages[4], 1280)
    assert pages[0].as_uri() in page.evaluate("[...document.querySelectorAll('th a')].map((each) => each.href)")


def test_results_and_data_lead_to_each_other(page, pages):
    for here, there in (pages[:2], pages[1::-1]):
        page.open(here, 1280)
        assert page.evaluate("document.querySelector('nav a').href") == there.as_uri()
