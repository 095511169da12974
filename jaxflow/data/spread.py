"""Some of many, evenly spaced: neighbours are often alike."""

import numpy as np


def evenly_spaced(count: int, limit: int) -> np.ndarray:
    """Returns at most `limit` of the indices 0..count-1, ascending, the first and the last among them; int64."""
    return np.unique(np.linspace(0, count - 1, min(count, limit)).astype(int))
