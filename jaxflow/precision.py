"""Where float32, which devices compute in, loses digits of numbers that lie close together."""

import numpy as np

# Distance between neighbouring float32 numbers, in standard deviations, from which on digits are lost.
MAX_BLUR = 1e-5


def blurred(values: np.ndarray) -> np.ndarray:
    """Returns which columns of (rows, columns) float64 values float32 cannot tell apart well, (columns,) booleans.

    Seconds since 1970 within an hour, say: neighbouring float32 numbers are 128 seconds apart there. A column that does
    not vary is none of them.
    """
    mean, std = values.mean(0), values.std(0)
    with np.errstate(over="ignore"):
        blur = np.spacing(np.abs(values).max(0).astype(np.float32)).astype(np.float64)
    return (blur > MAX_BLUR * std) & (std > 1e-12 * np.abs(mean))
