"""The report of a run as one HTML page that needs no network."""

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxflow.console import format_number
from jaxflow.file_io import write_atomically

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #ddd; }
td:first-child, th:first-child { text-align: left; } img { max-width: 100%; }
pre { background: #f6f6f6; padding: 1rem; overflow-x: auto; }
"""


def write_page(
    path: Path, title: str, table: Mapping[str, Mapping[str, float]], figures: Sequence[tuple[str, Path]], details: Any
) -> None:
    """Writes the page, with its figures inside.

    Args:
      path: HTML file to write.
      title: heading.
      table: rows of named metrics.
      figures: captions and PNG files.
      details: text at the end, such as the experiment as JSON.
    """
    columns = list(dict.fromkeys(name for row in table.values() for name in row))
    cells = ""
    for name, row in table.items():
        numbers = [format_number(row[column]) if column in row else "&ndash;" for column in columns]
        cells += f"<tr><td>{html.escape(name)}</td>" + "".join(f"<td>{number}</td>" for number in numbers) + "</tr>"
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    images = "".join(embed(caption, file) for caption, file in figures)
    experiment = f"<h2>Experiment</h2><pre>{html.escape(str(details))}</pre>"
    write_atomically(path, frame(title, f"<table><tr><th></th>{head}</tr>{cells}</table>{images}{experiment}"))


def frame(title: str, body: str) -> str:
    """Returns a whole page with a body of HTML."""
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{html.escape(title)}</title>"
        f"<style>{STYLE}</style><h1>{html.escape(title)}</h1>{body}</html>\n"
    )


def embed(caption: str, file: Path) -> str:
    """Returns HTML that holds a PNG file under its caption."""
    image = base64.b64encode(file.read_bytes()).decode()
    caption = html.escape(caption)
    return f"<h2>{caption}</h2><img alt='{caption}' src='data:image/png;base64,{image}'>"
