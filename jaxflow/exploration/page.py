"""The HTML page that describes a dataset."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxflow.data.profiling.issue import Issue
from jaxflow.file_io import write_atomically
from jaxflow.reports.page import embed, frame

COLOURS = {"leak": "#c0392b", "problem": "#c77700", "note": "#2c6fbb"}


def write_data_page(
    path: Path,
    title: str,
    numbers: Mapping[str, Any],
    findings: Sequence[Issue],
    figures: Sequence[tuple[str, Path]],
) -> None:
    """Writes the page, with its figures inside.

    Args:
      path: HTML file to write.
      title: heading.
      numbers: from `describe`.
      findings: from `find_issues`.
      figures: captions and PNG files.
    """
    splits = numbers["splits"]
    inputs = numbers["inputs"]
    units = {"tokens": " tokens", "audio": f" samples, {inputs.get('rate')} a second"}
    unit = units.get(inputs["kind"], " features")
    shape = " x ".join(map(str, inputs["shape"])) + (unit if len(inputs["shape"]) == 1 else "")
    low, high = inputs["range"]
    about = (
        f"<p>{html.escape(inputs['kind'])} inputs, {shape}, {html.escape(inputs['dtype'])}, from {low:g} to {high:g}. "
        + ", ".join(f"{html.escape(name)} {split['examples']:,}" for name, split in splits.items())
        + " examples.</p>"
    )
    if numbers["sampled"]:
        parts = ", ".join(f"{count:,} of {name}" for name, count in numbers["sampled"].items())
        about += f"<p>Statistics are of a sample: {html.escape(parts)}. Duplicates were looked for among all.</p>"
    for reason, count in numbers["excluded"].items():
        about += f"<p>{count:,} left out: {html.escape(reason)}.</p>"
    body = f"{about}<h2>Findings</h2>{_findings(findings)}" + "".join(embed(*figure) for figure in figures)
    if "raw_columns" in numbers:
        body += _raw_columns(numbers["raw_columns"])
    if "columns" in numbers:
        body += f"<h2>Columns, and the fraction of training rows where each is missing</h2>{_table(numbers['columns'])}"
    if "features" in numbers:
        body += f"<h2>Features of the training split</h2>{_table(numbers['features'])}"
    if "series" in numbers:
        body += _series(numbers["series"])
    if "texts" in numbers:
        body += f"<h2>Texts of the training split</h2>{_texts(numbers['texts'])}"
    write_atomically(path, frame(title, body))


def _raw_columns(columns: Sequence[Mapping[str, Any]]) -> str:
    """Returns a table of the numbers of the training split, and one of its other columns."""
    numbers = [column for column in columns if "histogram" in column]
    others = [column for column in columns if "histogram" not in column]
    left = {"kind", "target", "histogram", "edges"}
    rows = [
        {key: f"{value:.8g}" if isinstance(value, float) else value for key, value in column.items() if key not in left}
        | {"missing": column["missing"]["train"]}
        for column in numbers
    ]
    texts = [
        {
            "name": column["name"],
            "kind": column["kind"],
            "missing": column["missing"]["train"],
            "distinct": column["distinct"],
            "values": f"{column['first']} to {column['last']}"
            if "first" in column
            else ", ".join(f"{name} {count:,}" for name, count in column.get("counts", {}).get("train", {}).items()),
        }
        for column in others
    ]
    page = f"<h2>Numbers of the training split, in their own units</h2>{_table(rows)}" if rows else ""
    return page + (f"<h2>Other columns of the training split</h2>{_table(texts)}" if texts else "")


def _series(series: Mapping[str, Any]) -> str:
    several = f" of {len(series['names']):,} series" if series["names"] else ""
    told = f"{series['rows']:,} rows{several}, most {series['step']} apart, from {series['first']} to {series['last']}"
    told += f"; {series['gaps']:,} gaps"
    if series["season"] is not None:
        told += f"; a season of {series['season']} rows, correlation {series['season_correlation']:.2f}"
    return (
        f"<h2>Rows</h2><p>{html.escape(told)}.</p><h2>Features of the training windows</h2>{_table(series['features'])}"
    )


def _texts(texts: Sequence[Mapping[str, str]]) -> str:
    titles = [": ".join(text[key] for key in ("id", "class") if key in text) for text in texts]
    return "".join(
        f"<p>{html.escape(title)}</p><pre style='white-space: pre-wrap'>{html.escape(text['text'])}</pre>"
        for title, text in zip(titles, texts)
    )


def _findings(findings: Sequence[Issue]) -> str:
    if not findings:
        return "<p>Nothing odd was found.</p>"
    items = ""
    for finding in findings:
        ids = "".join(f"<li>{html.escape(name)}</li>" for name in finding.ids)
        more = f"<details><summary>examples</summary><ul>{ids}</ul></details>" if ids else ""
        items += (
            f"<li><b style='color:{COLOURS[finding.severity]}'>{finding.severity}</b> {html.escape(finding.message)}: "
            f"{html.escape(finding.advice)}.{more}</li>"
        )
    return f"<ul>{items}</ul>"


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
    cells = "".join(
        "<tr>"
        + "".join(f"<td>{html.escape(v) if isinstance(v, str) else format(v, '.4g')}</td>" for v in row.values())
        + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{cells}</table>"
