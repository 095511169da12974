"""Markdown says what the page says, whatever names hold; markdown-it, which Rich brings, reads it back."""

import html
import re

import pytest
from markdown_it import MarkdownIt

from jaxflow.reports.blocks import Code, Fold, Remark, Remarks, Section, Text
from jaxflow.reports.markdown import escaped, to_markdown
from jaxflow.reports.tables import Table

HOSTILE = [
    "<script>alert(1)</script>",
    "a*b*c _d_ **e** ~~f~~ `g`",
    "[click](javascript:alert(1)) ![x](http://evil.example/a.png)",
    "1. no list",
    "- no list",
    "# no heading",
    "a | b",
    "&lt; &amp; \\ \\| \\\\",
    "http://evil.example/ www.evil.example",
    "line\nbreak",
    "=====",
    "$x$ @someone #5 {a}",
]


def read(markdown):
    return MarkdownIt("commonmark").enable("table").enable("strikethrough").render(markdown)


def words(rendered):
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", rendered)).split())


@pytest.mark.parametrize("text", HOSTILE)
def test_names_are_shown_as_they_are(text):
    rendered = read(escaped(text))
    assert rendered.startswith("<p>")
    assert not re.search("<(?!/?p>)", rendered)
    assert words(rendered) == " ".join(text.split())


def test_what_a_terminal_takes_for_a_command_is_not_written():
    assert escaped("\x1b[2Jred\u202etxt") == "\\\\x1b\\[2Jred\\\\u202etxt"


@pytest.mark.parametrize("text", HOSTILE)
def test_cells_stay_in_their_cells(text):
    table = Table(text, ("name", text), [[text, "1"], ["b", text]])
    rendered = read(to_markdown("t", "", [Section("s", [table])]))
    cells = [words(cell) for cell in re.findall("<t[hd]>(.*?)</t[hd]>", rendered, re.DOTALL)]
    assert cells == ["name", " ".join(text.split()), " ".join(text.split()), "1", "b", " ".join(text.split())]


def test_a_document_has_its_parts_in_order():
    remarks = Remarks([Remark("problem", "few <units>"), Remark("note", "a note")])
    code = Code("a command", "cat ```a```\nrm `b`")
    sections = [Section("one", [Text("said"), remarks]), Section("none", [Fold("f", [])]), Section("two", [code])]
    rendered = read(to_markdown("title", "lead", sections))
    assert re.findall("<h.>(.*?)</h.>", rendered) == ["title", "one", "two"]
    assert words(rendered) == (
        "title lead one said problem : few <units> note : a note two a command cat ```a``` rm `b`"
    )
    assert "<pre><code>cat ```a```\nrm `b`\n</code></pre>" in rendered
