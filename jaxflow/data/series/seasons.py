"""Seasons of series: how long one is, and the forecast that repeats the last."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

# How strongly a series must correlate with itself a season ago, and how much less somewhere before that.
SEASONAL, TROUGH = 0.3, 0.3
# Rows that are looked at, and seasons among them.
MAX_ROWS, MIN_SEASONS = 1 << 17, 3


class Rows(Protocol):
    """What `SeriesRows` has."""

    values: np.ndarray
    stretches: np.ndarray
    season: int | None


def autocorrelation(values: np.ndarray, lags: int) -> np.ndarray:
    """Computes how a series, less its straight line, correlates with itself at each lag.

    Args:
      values: (rows,) float64.
      lags: the largest lag.

    Returns:
      (lags + 1,) float64, 1 at lag 0; zeros after it where the series is a straight line.
    """
    rows = np.arange(len(values))
    rest = values - np.polyval(np.polyfit(rows, values, 1), rows)
    size = 1 << (2 * len(values) - 1).bit_length()
    spectrum = np.fft.rfft(rest, size)
    products = np.fft.irfft(spectrum * spectrum.conj(), size)[: lags + 1]
    if not products[0] > 1e-20 * np.square(values).sum():
        return np.eye(1, lags + 1)[0]
    return products / products[0] * len(values) / (len(values) - np.arange(lags + 1))  # of as many products each


def find_season(values: np.ndarray, likely: Sequence[int] = ()) -> int | None:
    """Finds the length of a season, in rows.

    Args:
      values: (rows,) float64, a stretch of a series without gaps.
      likely: lengths that are taken in place of one close by that is hardly stronger, such as a year of days.

    Returns:
      The shortest of the lags at which the series, or where its level wanders the changes from row to row, correlates
      with itself most, two seasons being no longer season; None where it does so nowhere.
    """
    values = values[-MAX_ROWS:]
    return _strongest_lag(values, likely) or _strongest_lag(np.diff(values), likely)


def _strongest_lag(values: np.ndarray, likely: Sequence[int]) -> int | None:
    lags = len(values) // MIN_SEASONS
    if lags < 2:
        return None
    strengths = autocorrelation(values, lags)
    after_trough = strengths - np.minimum.accumulate(strengths) > TROUGH
    found = [lag for lag in np.flatnonzero(after_trough & (strengths > SEASONAL)) if _is_peak(strengths, lag)]
    if not found:
        return None
    best = max(strengths[lag] for lag in found)
    season = next(lag for lag in found if strengths[lag] > 0.9 * best)
    near = [lag for lag in likely if abs(lag - season) < 0.1 * season and strengths[lag] > 0.9 * strengths[season]]
    return int(near[0] if near else season)


def _is_peak(strengths: np.ndarray, lag: int) -> bool:
    reach = max(1, lag // 4)
    around = strengths[lag - reach : lag + reach + 1]
    return lag + 1 < len(strengths) and strengths[lag] == around.max()


def seasonal_values(rows: Rows, firsts: np.ndarray, horizon: int) -> np.ndarray:
    """Repeats the last season that is known where each forecast begins.

    Args:
      rows: the series, with their season.
      firsts: (examples,) the first row that each forecast is of.
      horizon: rows of a forecast.

    Returns:
      (examples, targets * horizon) float64, all steps of the first target first; NaN where the row a season before lies
      beyond a gap.
    """
    assert rows.season is not None
    ahead = np.arange(horizon)
    before = firsts[:, None] + ahead - rows.season * (ahead // rows.season + 1)  # (example, step)
    reached = (before >= 0) & (rows.stretches[before] == rows.stretches[firsts - 1][:, None])
    values = np.where(reached[..., None], rows.values[before], np.nan)  # (example, step, target)
    return values.transpose(0, 2, 1).reshape(len(firsts), horizon * values.shape[2])
