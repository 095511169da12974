"""Forecasts of series, from the newest rows of a table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxflow.data.dataset import restored_values
from jaxflow.data.series.encode import SeriesEncoding
from jaxflow.data.series.newest import newest_windows
from jaxflow.data.series.split import window_name
from jaxflow.deployment.predictor import Predictor
from jaxflow.schema import Schema, Target


def forecast(predictor: Predictor, encoding: SeriesEncoding, source: Path) -> Mapping[str, Any]:
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
    at_one_step = Schema(predictor.schema.inputs, Target("number", encoding.targets))
    values = restored_values(predictions, None, windows.origins)
    return windows.columns(encoding, values, lambda rows: predictor.table(at_one_step, rows))
