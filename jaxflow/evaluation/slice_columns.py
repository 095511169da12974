"""What tells parts of a split: columns of a table, groups, times, lengths of texts and sounds, brightness."""

import dataclasses
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.tokens import lengths
from jaxflow.data.series.split import SeriesSplit
from jaxflow.data.texts.windows import WindowSplit
from jaxflow.errors import UserError
from jaxflow.schema import Split

logger = logging.getLogger("jaxflow")

# Numbers of the inputs that are looked through, at most, and inputs that are measured at once.
MAX_NUMBERS, _CHUNK = 1 << 27, 1024


def raw_columns(source: Any, dataset: Dataset, name: str = "test") -> dict[str, np.ndarray]:
    """Returns the columns of a split's rows as their file has them, the target's apart; {} of other data.

    A file that can no longer be read is logged: nothing is lost but what these columns tell.

    Args:
      source: the experiment's data.
      dataset: what it loaded.
      name: of the split.
    """
    read = getattr(source, "raw_columns", None)
    if read is None:
        return {}
    parts = {each: dataset.splits[each] for each in ("train", name)}  # training decides what a column holds
    try:
        columns = list(read(dataclasses.replace(dataset, splits=parts)))
    except (UserError, OSError, ValueError) as error:
        logger.warning(f"the columns of the test split's rows cannot be read again, and are not shown: {error}")
        return {}
    known = {column.name: column.parts[name] for column in columns if not column.is_target}
    return {each: values for each, values in known.items() if len(values) == len(dataset.splits[name])}


def slice_columns(dataset: Dataset, raw: Mapping[str, np.ndarray], name: str = "test") -> dict[str, np.ndarray]:
    """Returns by name what each example of a split is told by, (examples,) numbers or texts.

    Args:
      dataset: the data.
      raw: the columns of its rows, as `raw_columns` returns them.
      name: of the split.
    """
    columns: dict[str, np.ndarray] = {}
    for column, values in raw.items():
        columns |= _of_times(values, f"{column}: ") if values.dtype.kind == "M" else {column: _plain(values)}
    if name in dataset.groups:
        columns["group"] = np.asarray(dataset.groups[name]).astype(str)
    return columns | dict(_of_inputs(dataset, dataset.splits[name]))


def _plain(values: np.ndarray) -> np.ndarray:
    """Returns numbers as they are, and anything else as texts, "" where they are missing."""
    if values.dtype.kind in "iuf":
        return values
    return np.array(["" if value is None else str(value) for value in values])


def _of_times(times: np.ndarray, before: str = "") -> dict[str, np.ndarray]:
    """Returns year, month, weekday and hour of each time, "" where it is missing."""
    missing = np.isnat(times)
    days = times.astype("datetime64[D]")
    years, months = times.astype("datetime64[Y]"), times.astype("datetime64[M]").astype(int) % 12 + 1
    weekdays = np.array(["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"])
    hours = (times - days).astype("timedelta64[h]").astype(int)
    parts = {
        "year": years.astype(str),
        "month": np.char.mod("%02d", months),
        "weekday": weekdays[(days.astype(int) + 3) % 7],  # 1970-01-01 was a Thursday
        "hour": np.char.mod("%02d", hours),
    }
    return {
        before + part: np.where(missing, "", values)
        for part, values in parts.items()
        if len(np.unique(values[~missing])) > 1
    }


def _of_inputs(dataset: Dataset, split: Split) -> Iterator[tuple[str, np.ndarray]]:
    """Yields what the inputs tell: of series the time, of texts their length or document, sound and light."""
    feature = dataset.schema.inputs
    if isinstance(split, SeriesSplit):
        first = split.starts + split.length
        if len(split.series.names) > 1:
            yield "series", np.asarray(split.series.names)[split.series.series[first]]
        times = split.series.times[first]
        if times.dtype.kind == "M":
            yield from _of_times(times).items()
        return
    if isinstance(split, WindowSplit):
        document = split.documents
        if len(np.unique(document)) > 1:
            yield "document", np.asarray(split.names).astype(str)[document]
        return
    inputs = getattr(split, "inputs", None)
    if not isinstance(inputs, np.ndarray) or isinstance(inputs, np.memmap) or inputs.size > MAX_NUMBERS:
        return  # reading all files or rows again would take as long as the evaluation
    if feature.kind == "tokens":
        yield "tokens", lengths(inputs)
    if feature.kind == "audio":
        heard = np.concatenate([_last_sound(inputs[i : i + _CHUNK]) for i in range(0, len(inputs), _CHUNK)])
        yield "seconds of sound", heard / (feature.sample_rate or 1)
    if feature.kind in ("image", "volume"):
        blocks = [
            inputs[i : i + _CHUNK].reshape(len(inputs[i : i + _CHUNK]), -1) for i in range(0, len(inputs), _CHUNK)
        ]
        yield "brightness", np.concatenate([block.mean(1, dtype=np.float32) for block in blocks])
        yield "contrast", np.concatenate([block.std(1, dtype=np.float32) for block in blocks])


def _last_sound(waveforms: np.ndarray) -> np.ndarray:
    """Returns how many samples each waveform has up to the silence that pads it, (examples,)."""
    heard = waveforms != 0
    return np.where(heard.any(1), waveforms.shape[1] - heard[:, ::-1].argmax(1), 0)
