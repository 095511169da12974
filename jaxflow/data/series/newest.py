"""The newest window of each series of a table, as a model takes it, and the times that it predicts."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxflow.data.series.encode import Columns, SeriesEncoding, encode_rows, require_columns
from jaxflow.data.series.layout import Gaps, RowLayout, lay_out_rows, series_of
from jaxflow.data.series.report import told_lacking
from jaxflow.data.series.split import window_inputs
from jaxflow.data.series.steps import parse_step
from jaxflow.data.series.times import read_times
from jaxflow.data.tables.encoders import DateEncoder, NumberEncoder
from jaxflow.data.tables.missing import null_values
from jaxflow.data.tables.raw.read import BLOCK_BYTES, read_table
from jaxflow.errors import UserError, listed

logger = logging.getLogger("jaxflow")


@dataclass(frozen=True, eq=False)
class NewestWindows:
    """The newest window of each series.

    Attributes:
      inputs: (series, length, features) float32.
      origins: (series, targets * horizon) float64 that predictions are measured from; None where from 0.
      names: of the series; ("",) where there is one.
      times: (series,) the time of each one's last row.
    """

    inputs: np.ndarray
    origins: np.ndarray | None
    names: tuple[str, ...]
    times: np.ndarray

    def columns(
        self, encoding: SeriesEncoding, predictions: np.ndarray, table: Callable[[np.ndarray], Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        """Returns predictions as the columns of a table with a row for each series and step.

        Args:
          encoding: as the windows were read.
          predictions: (series, targets * horizon) values in the data's units, or (series, levels, targets * horizon).
          table: (rows, targets) of such, or (rows, levels, targets), as columns of a table.

        Returns:
          By name: the series where there are several, "time", or where the times of further rows cannot be known the
          last one before them, "after", with the number of the "step"; and what `table` returns.
        """
        count, ahead = len(self.names), np.arange(1, encoding.horizon + 1)
        named = {} if encoding.series_id is None else {encoding.series_id: np.repeat(self.names, encoding.horizon)}
        if encoding.gaps == "ignore" or encoding.max_step is not None:  # after Friday comes which day?
            when = {"after": np.repeat(self.times, encoding.horizon).astype(str), "step": np.tile(ahead, count)}
        else:
            step = parse_step(encoding.step)
            when = {"time": np.concatenate([step.after(time, ahead) for time in self.times]).astype(str)}
        levels = predictions.shape[1:-1]
        by_step = np.moveaxis(predictions.reshape(count, *levels, len(encoding.targets), encoding.horizon), -1, 1)
        rows = by_step.reshape(count * encoding.horizon, *levels, len(encoding.targets))  # (series * step, ..., target)
        return {**named, **when, **table(rows)}


def newest_windows(encoding: SeriesEncoding, path: Path) -> NewestWindows:
    """Reads the newest rows of a table as the windows that a model was trained on.

    Args:
      encoding: as fitted to the series that the model was trained on.
      path: a table with the columns of times and inputs, and where targets are measured from the last one, of targets.

    Returns:
      The windows; series that are too short are left out, and named in the log.

    Raises:
      UserError: a column is missing, no series has enough rows, or the newest rows span a gap.
    """
    in_memory = path.is_file() and path.stat().st_size <= BLOCK_BYTES
    raw = read_table(path, encoding.missing_values, in_memory, encoding.dialect, encoding.missing_also)
    measured = encoding.targets if encoding.relative != "none" else ()
    names = tuple(dict.fromkeys((*(encoder.name for encoder in encoding.columns), *measured)))
    identifiers = () if encoding.series_id is None else (encoding.series_id,)
    require_columns(raw, path, (*encoding.time, *names, *identifiers))
    times, _ = read_times(raw, encoding.time, encoding.time_format, path)
    kinds = dict.fromkeys(measured, "number") | {encoder.name: encoder.cells for encoder in encoding.columns}
    forms = {
        encoder.name: encoder.format for encoder in encoding.columns if isinstance(encoder, NumberEncoder | DateEncoder)
    }
    raw = null_values(raw, forms=dict.fromkeys(measured) | forms)
    columns = Columns(raw, times, encoding.time, kinds, forms)
    series, every = series_of(raw, encoding.series_id)
    known = columns.known(names)
    layout = lay_out_rows(
        times, series, every, known, names, encoding.gaps, encoding.max_step,
        parse_step(encoding.step), raw, path,
    )  # fmt: skip
    last = _last_rows(layout, encoding, path)
    _report_lacking(times, series, known, layout, last, encoding.gaps, path)
    features = encode_rows(columns, encoding, layout.sources, in_memory=True)
    inputs = window_inputs(features, last - encoding.length + 1, encoding.length, encoding.relative_features)
    origins = None
    if measured:
        sources = [columns.read(name)[layout.sources[name][last]] for name in encoding.targets]
        origins = np.repeat(np.stack(sources, -1), encoding.horizon, axis=1)  # (series, target * step)
    return NewestWindows(inputs, origins, tuple(every[layout.series[row]] for row in last), layout.times[last])


def _report_lacking(
    times: np.ndarray,
    series: np.ndarray,
    known: Mapping[str, np.ndarray],
    layout: RowLayout,
    last: np.ndarray,
    gaps: Gaps,
    path: Path,
) -> None:
    """Logs which rows lack a value, and where windows therefore end before the newest row of their series.

    Args:
      times: (file rows,).
      series: (file rows,) the series of each.
      known: by column, (file rows,) whether its cell holds a value.
      layout: of these rows.
      last: (windows,) the last row of each window.
      gaps: as `Series.gaps`.
      path: of the file.
    """
    lacking = {name: int((~cells).sum()) for name, cells in known.items() if not cells.all()}
    if not lacking:
        return
    rows = int((~np.logical_and.reduce(list(known.values()))).sum())
    told = f"{rows:,} {'row' if rows == 1 else 'rows'} of {path} {'lacks' if rows == 1 else 'lack'} a value"
    if gaps == "fill":
        logger.info(f"{told} ({told_lacking(lacking)}): filled with the last one before it")
        return
    told += f" ({told_lacking(lacking)}): left out"
    order = np.lexsort((times, series))
    newest = times[order][np.searchsorted(series[order], layout.series[last], "right") - 1]
    early = last[newest > layout.times[last]]
    if not len(early):
        logger.info(told)
    elif len(layout.names) == 1:
        logger.warning(f"{told}; the newest that is used is {layout.times[early[0]]}, and the forecast begins after it")
    else:
        first = early[0]
        logger.warning(
            f"{told}; they are the newest of {len(early):,} series, whose forecast begins after the last row before "
            f"them: {layout.names[layout.series[first]]} after {layout.times[first]}{', ...' if len(early) > 1 else ''}"
        )


def _last_rows(layout: RowLayout, encoding: SeriesEncoding, path: Path) -> np.ndarray:
    """Returns the last row of each series that has enough of them, (series,)."""
    needed = encoding.length + encoding.lead
    ends = np.flatnonzero(np.append(np.diff(layout.series) != 0, True)[: len(layout.series)])
    counts = np.bincount(layout.series, minlength=len(layout.names))
    short = [name for name, count in zip(layout.names, counts) if count < needed]
    enough = ends[counts[layout.series[ends]] >= needed]
    if len(enough) == 0:
        raise UserError(
            f"{path} has {counts.max(initial=0)} rows with all values; the model looks back at {needed}: give it more"
        )
    if short:
        logger.info(
            f"{len(short)} series of {path} have less than the {needed} rows that the model takes: {listed(short)}"
        )
    spans = layout.stretches[enough] != layout.stretches[enough - needed + 1]
    if not spans.any():
        return enough
    broken = enough[spans]
    within = slice(broken[0] - needed + 1, broken[0] + 1)
    gap = layout.times[within][np.flatnonzero(np.diff(layout.stretches[within]))[-1]]
    of = f" of series {layout.names[layout.series[broken[0]]]}" if encoding.series_id else ""
    told = (
        f"the newest {needed} rows{of} of {path} span a gap after {gap}, and the model was trained on windows without "
        "one; fill it in, or train with gaps='fill'"
    )
    if spans.all():
        raise UserError(told)
    names = [layout.names[series] for series in layout.series[broken]]
    logger.warning(f"{len(names)} series are left out, {listed(names)}: {told}")
    return enough[~spans]
