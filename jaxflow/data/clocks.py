"""Clocks that are set forward in spring and back in autumn: local times that are missing, or come twice."""

import numpy as np

# Months in which clocks are set, on either half of the globe, and hours of the night (a Sunday's) at which they are.
MONTHS, HOURS = (3, 4, 9, 10, 11), (0, 4)
HOUR = np.timedelta64(3600, "s")
# Days of the week are counted from a Thursday, the first of 1970.
SUNDAY = 3
ADVICE = "write times in UTC, or with their offset from it"


def may_be_set(times: np.ndarray) -> np.ndarray:
    """Returns whether clocks may be set at (rows,) datetime64: in the night of a Sunday in spring or autumn."""
    days = times.astype("datetime64[D]").astype(np.int64)
    months = times.astype("datetime64[M]").astype(np.int64) % 12 + 1
    hours = (times - times.astype("datetime64[D]")) / HOUR
    return (days % 7 == SUNDAY) & np.isin(months, MONTHS) & (HOURS[0] <= hours) & (hours <= HOURS[1])


def find_set_back(times: np.ndarray, series: np.ndarray) -> tuple[int, int] | None:
    """Finds where rows that come in the order of time go back by less than an hour, as local times of autumn do.

    Args:
      times: (rows,) datetime64 in the order of the file, the newest first or last; numbers have no clock.
      series: (rows,) the series of each row; series may take turns.

    Returns:
      The first row, in the order of time, that is followed by one that lies before it, and that one. None where no row
      is, or where rows go back elsewhere too, and so come in another order.
    """
    if times.dtype.kind != "M" or np.isnat(times).any():
        return None
    order = np.argsort(series, kind="stable")
    for way in (order, order[::-1]):
        before, after = times[way[:-1]], times[way[1:]]
        places = np.flatnonzero((series[way[1:]] == series[way[:-1]]) & (before > after))
        if len(places) == 0:
            return None
        if may_be_set(after[places]).all() and (before[places] < after[places] + HOUR).all():
            return int(way[places[0]]), int(way[places[0] + 1])
    return None


def find_twice(times: np.ndarray) -> tuple[int, int] | None:
    """Finds two rows of one time, where clocks may have been set back and only there, among steps of an hour or less.

    Args:
      times: (rows,) datetime64 in any order; numbers have no clock.
    """
    if times.dtype.kind != "M" or np.isnat(times).any():
        return None
    different, counts = np.unique(times, return_counts=True)
    twice = different[counts > 1]
    steps = np.diff(different.astype("datetime64[s]"))  # months and years have no length
    if len(twice) == 0 or len(steps) == 0 or not may_be_set(twice).all() or np.median(steps) > HOUR:
        return None
    first, second = np.flatnonzero(times == twice[0])[:2]
    return int(first), int(second)


def find_set_forward(times: np.ndarray, series: np.ndarray, step: np.timedelta64) -> np.ndarray:
    """Finds the steps that are an hour longer than the usual one, as local times of spring are.

    Args:
      times: (rows,) datetime64, ascending within each series.
      series: (rows,) the series of each row.
      step: the usual step.

    Returns:
      The rows before such steps.
    """
    longer = (times[1:] - times[:-1] == step + HOUR) & (series[1:] == series[:-1])
    return np.flatnonzero(longer & (may_be_set(times[:-1]) | may_be_set(times[1:])))
