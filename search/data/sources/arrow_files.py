"""Tables in the formats of Apache Arrow, Parquet and Feather, whose columns have types."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studyhall.search.data import memory_share
from studyhall.search.data.columns import kinds
from studyhall.search.data.errors import DataError, refusal
from studyhall.search.data.sources import arrow_sizes

if TYPE_CHECKING:
    import pandas as pd

BATCH_ROWS = 2**16
OLD_FEATHER = b"FEA1"  # at the beginning of a file of the first version, which is not compressed
OFFSET_BYTES = 4  # where the next text begins
TABLE = "a table"


def read(kind: str, path: Path) -> pd.DataFrame:
    """Read a table with the types that its file gives to columns.

    Lists, structures and bytes keep their types of Arrow, as text would say less of them.

    Args:
        kind: "Parquet" or "Feather".
        path: the file.

    Raises:
        DataError: it is broken, or takes more memory than data may.
    """
    try:
        table = _READERS[kind](path)
        table.validate(full=True)  # converting what is broken could end the process
        frame: pd.DataFrame = table.to_pandas(types_mapper=_kept)
        return frame.reset_index(drop=True)
    except DataError:
        raise
    except Exception as error:  # for broken files Arrow and pandas raise many kinds
        received = f"{path.name}, which is not a {kind} file"
        raise refusal("source", received, f"a table written by to_{kind.lower()}") from error


def _kept(kind: Any) -> Any:
    """Return the pandas type of what would become Python's objects; None for any other."""
    import pandas as pd

    return pd.ArrowDtype(kind) if kinds.is_foreign(kind) else None


def _parquet(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        about = file.metadata
        groups = (about.row_group(number) for number in range(about.num_row_groups))
        encoded = sum(group.total_byte_size for group in groups)
        size = max(encoded, about.num_rows * sum(map(_width, file.schema_arrow.types)))
        memory_share.check(size, path.name, TABLE)
        batches = file.iter_batches(BATCH_ROWS)
        return pa.Table.from_batches(_counted(batches, path), file.schema_arrow)


def _width(kind: Any) -> int:
    """Return the bytes that each value of a type takes at least."""
    try:
        return max(1, int(kind.bit_width) // 8)
    except ValueError:  # texts and lists are of any length
        return OFFSET_BYTES


def _feather(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import feather

    with path.open("rb") as file:
        old = file.read(len(OLD_FEATHER)) == OLD_FEATHER
    if old:
        with warnings.catch_warnings():  # that some day nothing will read these
            warnings.simplefilter("ignore", DeprecationWarning)
            return feather.read_table(path)
    memory_share.check(arrow_sizes.of_feather(path), path.name, TABLE)
    with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
        batches = map(reader.get_batch, range(reader.num_record_batches))
        return pa.Table.from_batches(_counted(batches, path), reader.schema)


def _counted(batches: Iterable[Any], path: Path) -> Iterator[Any]:
    """Yield batches until they take more memory than data may."""
    size = 0
    for batch in batches:
        size += batch.get_total_buffer_size()
        memory_share.check(size, path.name, TABLE)
        yield batch


_READERS: Mapping[str, Callable[[Path], Any]] = {"Parquet": _parquet, "Feather": _feather}
