"""Reads Parquet, in types that hold each cell as such."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jaxflow.data.other_formats import BEGINNING, other_format
from jaxflow.data.reading.limits import check_bytes
from jaxflow.data.tables.raw.table import BLOCK_ROWS
from jaxflow.errors import UserError

if TYPE_CHECKING:  # imported where a table is read
    import pyarrow

# Columns at most: each takes 5 KB while a file is read.
MAX_COLUMNS = 100_000
# What is kept of each row wherever the table lies, its name above all, and of a cell of the column that is looked at.
ROW_BYTES, CELL_BYTES = 100, 8


def check_names(path: Path, names: Sequence[str]) -> None:
    """Raises UserError if a table has too many columns, or two that differ by spaces around their names at most."""
    if len(names) > MAX_COLUMNS:
        raise UserError(f"{path} has {len(names):,} columns, and a table may have {MAX_COLUMNS:,}; divide it")
    duplicate, count = Counter(name.strip() for name in names).most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise UserError(f"{path} has two columns named {duplicate!r}; rename one")


def open_parquet(path: Path) -> "tuple[pyarrow.Schema, Iterator[pyarrow.RecordBatch]]":
    """Opens a file: its schema, and its rows in batches, in types that hold each cell as such."""
    import pyarrow
    from pyarrow import parquet

    with path.open("rb") as start:
        first = start.read(BEGINNING)
    if not first.startswith(b"PAR1") and (what := other_format(first, path)):
        raise UserError(f"{path} is {what}")
    with parquet.ParquetFile(path) as file:
        metadata, fields = file.metadata, file.schema_arrow
    check_names(path, fields.names)
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    cells = [group.column(number).num_values for group in groups for number in range(metadata.num_columns)]
    check_bytes(max([ROW_BYTES * metadata.num_rows, *(CELL_BYTES * count for count in cells)]))
    # A few bytes may stand for a text in a million rows: it is repeated only when it is known how long it is.
    coded = [field.name for field in fields if _is_text(field.type)]
    file = parquet.ParquetFile(path, read_dictionary=coded)
    schema = pyarrow.schema([(field.name, _plain(field.type)) for field in fields])

    def batches() -> "Iterator[pyarrow.RecordBatch]":
        for batch in file.iter_batches(BLOCK_ROWS):
            check_bytes(sum(map(_repeated_bytes, batch.columns)))
            columns = [_cast(column, type_) for column, type_ in zip(batch.columns, schema.types)]
            yield pyarrow.record_batch(columns, schema)

    return schema, batches()


def _plain(type_: "pyarrow.DataType") -> "pyarrow.DataType":
    """Returns the type that a Parquet column is read as: text also where it is coded or nested, times without zone."""
    from pyarrow import string, timestamp, types

    if types.is_dictionary(type_):
        return _plain(type_.value_type)
    if _is_binary(type_):
        return string()
    if any(of(type_) for of in (types.is_nested, types.is_large_string, types.is_string_view, types.is_null)):
        return string()
    return timestamp("us") if types.is_timestamp(type_) else type_


def _repeated_bytes(column: "pyarrow.Array") -> int:
    """Returns the bytes of a coded column's texts, each as often as it occurs; 0 of other columns."""
    import pyarrow
    from pyarrow import compute

    if not (pyarrow.types.is_dictionary(column.type) and _is_text(column.type.value_type)):
        return 0
    lengths = compute.binary_length(column.dictionary).cast(pyarrow.int64())
    return compute.sum(lengths.take(column.indices)).as_py() or 0


def _is_binary(type_: "pyarrow.DataType") -> bool:
    from pyarrow import types

    return any(of(type_) for of in (types.is_binary, types.is_large_binary, types.is_fixed_size_binary))


def _is_text(type_: "pyarrow.DataType") -> bool:
    from pyarrow import types

    return any(of(type_) for of in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary))


def _cast(column: "pyarrow.Array", type_: "pyarrow.DataType") -> "pyarrow.Array":
    import pyarrow
    from pyarrow import compute

    if pyarrow.types.is_floating(column.type):
        return compute.if_else(compute.is_nan(column), None, column)  # NaN is how others write what is missing
    if pyarrow.types.is_dictionary(column.type):
        return compute.take(_cast(column.dictionary, type_), column.indices)
    if _is_binary(column.type):  # bytes that are no UTF-8 remain readable: \xff
        cells = column.to_pylist()
        texts = [None if cell is None else cell.decode(errors="backslashreplace") for cell in cells]
        return pyarrow.array(texts, type_)
    if pyarrow.types.is_nested(column.type):
        return pyarrow.array([None if cell is None else str(cell) for cell in column.to_pylist()], type_)
    return column.cast(type_, safe=False)  # nanoseconds, which Python does not have, are truncated
