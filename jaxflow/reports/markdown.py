"""Sections as Markdown, for places that show no page."""

import re
from collections.abc import Sequence

from jaxflow.console import printable
from jaxflow.reports.blocks import Block, Code, Remarks, Section, Text
from jaxflow.reports.tables import Table

# What Markdown, or GitHub's, takes for more than a letter: names come from files.
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>|~$#&@!]|(?<=:)//|^[-+=](?=[-=\s]|$)|^\d+(?=[.)](?:\s|$))")


def to_markdown(title: str, lead: str, sections: Sequence[Section]) -> str:
    """Returns a document of sections.

    Args:
      title: its heading.
      lead: the sentence that it begins with; "" for none.
      sections: of texts, remarks, tables and code; other blocks are left out.
    """
    parts = [f"# {escaped(title)}", escaped(lead)]
    for section in sections:
        shown = [text for block in section.blocks if (text := _block(block))]
        if shown:
            parts += [f"## {escaped(section.title)}", *shown]
    return "\n\n".join(part for part in parts if part) + "\n"


def escaped(text: str) -> str:
    """Returns a text as one line that Markdown shows as it is, without what a terminal would take for a command."""
    line = " ".join(printable(text).split())
    return _SPECIAL.sub(lambda found: _escape(found[0]), line)


def _escape(found: str) -> str:
    return f"{found}\\" if found.isdigit() else f"\\{found}"  # "1." would begin a list, "1\." does not


def _block(block: Block) -> str:
    """Returns a block as Markdown; "" for one that is no text."""
    if isinstance(block, Text):
        return escaped(block.text)
    if isinstance(block, Remarks):
        return "\n".join(f"- **{remark.severity}**: {escaped(remark.text)}" for remark in block.items)
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Code):
        return f"{escaped(block.title)}\n\n{_fenced(block.text)}".strip()
    return ""


def _table(table: Table) -> str:
    rows = [table.columns, ["---"] * len(table.columns), *table.rows]
    lines = ["| " + " | ".join(cell if cell == "---" else escaped(cell) for cell in row) + " |" for row in rows]
    return "\n".join([*([escaped(table.caption), ""] if table.caption else []), *lines])


def _fenced(text: str) -> str:
    """Returns a text between more backticks than it has in a row."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{printable(text)}\n{fence}"
