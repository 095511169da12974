"""Which features move together: those that a column of the file is encoded into, or rows of a window."""

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.features import feature_names
from jaxflow.data.series.encode import SeriesEncoding
from jaxflow.data.tables.encode import TableEncoding

# Blocks that the rows of a window are divided into.
MAX_BLOCKS = 8


def features_by_column(dataset: Dataset) -> dict[str, list[int]]:
    """Returns by raw column the positions of its features; where the source names none, each feature is a column."""
    encoding = dataset.input_encoding
    if not isinstance(encoding, TableEncoding | SeriesEncoding):
        return {name: [place] for place, name in enumerate(feature_names(dataset))}
    columns: dict[str, list[int]] = {}
    first = 0
    for encoder in encoding.columns:
        columns[encoder.name] = list(range(first, first + len(encoder.names)))
        first += len(encoder.names)
    return columns


def window_parts(dataset: Dataset) -> dict[str, list[int]]:
    """Returns the parts of a window by name: each column over all rows, and blocks of rows over all columns.

    Returns:
      Positions in a window's (rows, features), flattened; of one column it has the blocks of rows alone.
    """
    rows, features = dataset.schema.inputs.shape
    columns = features_by_column(dataset)
    parts = {
        f"{name}, all rows": [row * features + place for row in range(rows) for place in places]
        for name, places in columns.items()
        if len(columns) > 1
    }
    blocks = min(MAX_BLOCKS, rows)
    ends = [block * rows // blocks for block in range(blocks + 1)]
    for first, end in zip(ends[-2::-1], ends[:0:-1]):  # the last rows first
        ago = f"{rows - end + 1}" if end == first + 1 else f"{rows - end + 1} to {rows - first}"
        name = "last row" if (first, end) == (rows - 1, rows) else f"rows {ago} from the end"
        parts[name] = list(range(first * features, end * features))
    return parts
