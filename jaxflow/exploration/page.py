"""The page that describes a dataset."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxflow.data.profiling.issue import Issue
from jaxflow.reports.blocks import Block, Code, Drawing, Remark, Remarks, Section, Text
from jaxflow.reports.page import write_page
from jaxflow.reports.tables import MAX_OPEN_ROWS, Table


def write_data_page(
    path: Path, title: str, numbers: Mapping[str, Any], findings: Sequence[Issue], figures: Sequence[Drawing]
) -> None:
    """Writes the page, with its figures inside.

    Args:
      path: HTML file to write.
      title: heading.
      numbers: from `describe`.
      findings: from `find_issues`.
      figures: what is drawn.
    """
    sections = [
        Section("Findings", [_findings(findings)]),
        Section("The data", [*_about(numbers), *figures]),
        Section("Columns", _columns(numbers)),
        Section("Rows", _rows(numbers["series"]) if "series" in numbers else []),
        Section("Texts of the training split", _texts(numbers.get("texts", ()))),
    ]
    write_page(path, title, _lead(numbers, findings), sections)


def _lead(numbers: Mapping[str, Any], findings: Sequence[Issue]) -> str:
    """Returns what the data is and how many leaks and problems it has."""
    inputs, splits = numbers["inputs"], numbers["splits"]
    sizes = ", ".join(f"{name} {split['examples']:,}" for name, split in splits.items())
    total = sum(split["examples"] for split in splits.values())
    found = [finding.severity for finding in findings]
    parts = [
        f"{found.count(severity)} {severity}{'' if found.count(severity) == 1 else 's'}"
        for severity in ("leak", "problem", "note")
        if severity in found
    ]
    return f"{total:,} examples of {inputs['kind']} data ({sizes}): {', '.join(parts) or 'nothing odd'} found."


def _about(numbers: Mapping[str, Any]) -> list[Block]:
    inputs = numbers["inputs"]
    units = {"tokens": " tokens", "audio": f" samples, {inputs.get('rate')} a second"}
    unit = units.get(inputs["kind"], " features")
    shape = " x ".join(map(str, inputs["shape"])) + (unit if len(inputs["shape"]) == 1 else "")
    low, high = inputs["range"]
    shown: list[Block] = [Text(f"{inputs['kind']} inputs, {shape}, {inputs['dtype']}, from {low:g} to {high:g}.")]
    if numbers["sampled"]:
        parts = ", ".join(f"{count:,} of {name}" for name, count in numbers["sampled"].items())
        shown.append(Text(f"Statistics are of a sample: {parts}. Duplicates were looked for among all."))
    return shown + [Text(f"{count:,} left out: {reason}.") for reason, count in numbers["excluded"].items()]


def _findings(findings: Sequence[Issue]) -> Block:
    if not findings:
        return Text("Nothing odd was found.")
    return Remarks([Remark(f.severity, f"{f.message}: {f.advice}.", f.ids) for f in findings])


def _columns(numbers: Mapping[str, Any]) -> list[Block]:
    shown = _raw_columns(numbers["raw_columns"]) if "raw_columns" in numbers else []
    if "columns" in numbers:
        shown.append(_table("Columns, and the fraction of training rows where each is missing", numbers["columns"]))
    if "features" in numbers:
        shown.append(_table("Features of the training split", numbers["features"]))
    return shown


def _raw_columns(columns: Sequence[Mapping[str, Any]]) -> list[Block]:
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
    shown: list[Block] = [_table("Numbers of the training split, in their own units", rows)] if rows else []
    return shown + ([_table("Other columns of the training split", texts, prose=True)] if texts else [])


def _rows(series: Mapping[str, Any]) -> list[Block]:
    several = f" of {len(series['names']):,} series" if series["names"] else ""
    told = f"{series['rows']:,} rows{several}, most {series['step']} apart, from {series['first']} to {series['last']}"
    told += f"; {series['gaps']:,} gaps"
    if series["season"] is not None:
        told += f"; a season of {series['season']} rows, correlation {series['season_correlation']:.2f}"
    return [Text(f"{told}."), _table("Features of the training windows", series["features"])]


def _texts(texts: Sequence[Mapping[str, str]]) -> list[Block]:
    return [Code(": ".join(text[key] for key in ("id", "class") if key in text), text["text"]) for text in texts]


def _table(caption: str, rows: Sequence[Mapping[str, Any]], prose: bool = False) -> Table:
    cells = [[value if isinstance(value, str) else format(value, ".4g") for value in row.values()] for row in rows]
    return Table(caption, list(rows[0]), cells, folded=len(rows) > MAX_OPEN_ROWS, prose=prose)
