"""Metrics of stored predictions, with intervals that know the unit of the split: NumPy and SciPy alone."""
