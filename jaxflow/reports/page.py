"""Pages: one file each that needs no network, from Jinja2 templates and one stylesheet."""

import base64
import dataclasses
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from jaxflow.file_io import write_atomically
from jaxflow.reports.blocks import Chart, Charts, Section
from jaxflow.reports.svg import inline_svg

FOLDER = Path(__file__).parent
# The pages of a run folder's report, in the order of the links between them.
PAGES = {"index.html": "Results", "data.html": "Data"}
# Where a page has its links: they are written anew when another page comes.
_LINKS = re.compile("<!--pages-->.*?<!--/pages-->", re.DOTALL)


def write_page(path: Path, title: str, lead: str, sections: Sequence[Section]) -> None:
    """Writes a page with all that it shows inside, and links to and from the other pages of its folder.

    Args:
      path: HTML file to write.
      title: heading.
      lead: the sentence that says what matters most; "" for none.
      sections: what follows; those without blocks are left out.
    """
    shown = [section for section in sections if section.blocks]
    charts = any(isinstance(block, Charts) for section in shown for block in section.blocks)
    scripts = [Markup(_script(name)) for name in ("uplot", "curves")] if charts else []
    page = _templates().get_template("page.html")
    text = page.render(
        title=title,
        lead=lead,
        sections=shown,
        style=Markup(_asset("style.css") + (_asset("uPlot.min.css") if charts else "")),
        scripts=scripts,
        digests=[_digest(script) for script in scripts],
        links="",
    )
    write_atomically(path, text)
    _link_pages(path.parent)


def _link_pages(folder: Path) -> None:
    """Writes into each page of a folder links to the others."""
    present = [name for name in PAGES if (folder / name).exists()]
    for name in present:
        text = (folder / name).read_text(encoding="utf-8")
        links = _templates().get_template("links.html").render(pages={n: PAGES[n] for n in present}, here=name)
        linked = _LINKS.sub(lambda _, links=links: links, text, count=1)
        if linked != text:
            write_atomically(folder / name, linked)


@cache
def _templates() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(FOLDER / "templates")
    made = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"svg": lambda drawing: Markup(inline_svg(drawing.file)), "points": _points}
    return made


@cache
def _asset(name: str) -> str:
    return (FOLDER / "assets" / name).read_text(encoding="utf-8")


def _script(name: str) -> str:
    """Returns a script; uPlot's begins with its licence, which asks for that, instead of its address."""
    if name == "curves":
        return _asset("curves.js")
    code = re.sub(r"^/\*!.*?\*/", "", _asset("uPlot.iife.min.js"))
    return f"/*! uPlot\n{_asset('uPlot.LICENSE.txt')}*/\n{code}"


def _digest(script: str) -> str:
    """Returns what the page's security policy has of a script, so that it runs no other."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _points(chart: Chart) -> dict[str, Any]:
    """Returns a chart's lines as JSON holds them, over all places of their points; null where a line has none."""
    places = sorted({across for line in chart.lines.values() for across, _ in line})
    columns = [[dict(line).get(place) for place in places] for line in chart.lines.values()]
    marks = [dataclasses.asdict(mark) for mark in chart.marks]
    described = {"across": chart.across, "up": chart.up, "marks": marks, "colours": dict(chart.colours)}
    return described | {"names": list(chart.lines), "columns": [places, *columns]}
