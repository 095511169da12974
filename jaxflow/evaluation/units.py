"""What was split: examples, groups of them, documents, or blocks of a series or a text."""

import numpy as np

from jaxflow.data.dataset import Dataset
from jaxflow.data.series.split import SeriesSplit
from jaxflow.data.texts.windows import WindowSplit
from jaxflow.evaluation.metrics.scores import Units, each_example, units_of


def split_units(dataset: Dataset, name: str) -> Units:
    """Returns the units of a split, which a resample draws as a whole.

    Windows of a series overlap and follow each other, and so do those of one text: a block of them is a unit. A block
    of a series is as long as a window with what it predicts: windows of blocks that are no neighbours share no row.

    Args:
      dataset: the data.
      name: of the split.
    """
    split = dataset.splits[name]
    if name in dataset.groups:
        return units_of(np.asarray(dataset.groups[name]), "group")
    if isinstance(split, SeriesSplit):
        return _series_blocks(split)
    if isinstance(split, WindowSplit):
        return _text_units(split)
    return each_example(len(split))


def _series_blocks(split: SeriesSplit) -> Units:
    series = split.series.series[split.starts].astype(np.int64)
    block = split.starts // (split.length + split.horizon)
    return units_of(series * (int(block.max()) + 1) + block, "block")


def _text_units(split: WindowSplit) -> Units:
    document = split.documents
    if len(np.unique(document)) > 1:
        return units_of(document, "document")
    # As many blocks as windows in each: with more windows both more of them, and longer ones.
    return units_of(np.arange(len(split)) // max(1, int(np.sqrt(len(split)))), "block")


def count_of(units: Units) -> str:
    """Returns how many units there are, in words: "24 groups"."""
    return f"{units.count:,} {units.noun}{'' if units.count == 1 else 's'}"
