"""Forecasts of series, from the newest rows of a table."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxflow.data.dataset import restored_values
from jaxflow.data.series.encode import SeriesEncoding
from jaxflow.data.series.newest import newest_windows
from jaxflow.data.series.split import window_name
from jaxflow.deployment.predictor import Predictor


def forecast(predictor: Predictor, encoding: SeriesEncoding, source: Path) -> Mapping[str, np.ndarray]:
    """Predicts what comes after the newest rows of each series of a table.

    Args:
      predictor: the model.
      encoding: its encoding.
      source: the table.

    Returns:
      Columns by name, as `NewestWindows.columns`: a row for each series and step.

    Raises:
      UserError: the table does not hold what the model takes, or an output is not finite.
    """
    windows = newest_windows(encoding, source)
    names = [window_name(name, time) for name, time in zip(windows.names, windows.times)]
    predictions = predictor.predict(windows.inputs, names)
    return windows.columns(encoding, restored_values(predictions, None, windows.origins))
