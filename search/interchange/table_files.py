"""Tables as files: Parquet with types, CSV, JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studyhall.search.interchange.rows import Row
from studyhall.storage.artifacts import atomic_files

if TYPE_CHECKING:
    import pyarrow as pa

# Columns whose type Parquet can't tell where every value is null.
_INTEGERS = ("trial", "fold", "epoch", "best_epoch", "epochs", "attempt", "repeated_epochs")
_NUMBERS = (
    "value", "seconds", "confidence", "standard_error", "repeated_s", "started_at", "finished_at",
)  # fmt: skip


def write(rows: Sequence[Row], path: Path, form: str) -> None:
    """Write rows, which all have the same columns, to a file, in place of one that is there.

    Args:
        rows: the rows.
        path: the file.
        form: "parquet", "csv" or "json".

    Raises:
        ArtifactError: the file can't be written.
    """
    with atomic_files.replacing(path) as unfinished:
        FORMATS[form](rows, unfinished)


def _parquet(rows: Sequence[Row], path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(_arrow(rows), path)


def _arrow(rows: Sequence[Row]) -> pa.Table:
    import pyarrow as pa

    names = list(rows[0]) if rows else []
    return pa.table({name: _column(name, [row[name] for row in rows]) for name in names})


def _column(name: str, values: list[Any]) -> pa.Array:
    """Return an Arrow array of the values; of mixed types, such as 32 and "all", as JSON texts."""
    import pyarrow as pa

    try:
        found = pa.array(values, type=_type(name))
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else json.dumps(value) for value in values])
    return pa.array(values, type=pa.string()) if pa.types.is_null(found.type) else found


def _type(name: str) -> pa.DataType | None:
    """Return the type of a column that always has the same; None for others."""
    import pyarrow as pa

    if name in _INTEGERS:
        return pa.int64()
    return pa.float64() if name in _NUMBERS or name.startswith("seconds_") else None


def _csv(rows: Sequence[Row], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        if rows:
            writer.writerow(rows[0])
        writer.writerows([_cell(value) for value in row.values()] for row in rows)


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value


def _json(rows: Sequence[Row], path: Path) -> None:
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


FORMATS: dict[str, Callable[[Sequence[Row], Path], None]] = {
    "parquet": _parquet,
    "csv": _csv,
    "json": _json,
}
