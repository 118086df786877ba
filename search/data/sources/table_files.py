"""The files of tables: .csv, .tsv, .txt (also .gz), .xlsx, .parquet and .feather."""

from __future__ import annotations

import csv
import gzip
import io
import re
import sys
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from studyhall.search.data import unicode_form
from studyhall.search.data.errors import DataError, refusal, shortened
from studyhall.search.data.sources import decoding

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = ",;\t|"
LINES = 50  # that the separator is judged by
LINE = re.compile(r"[^\n]*(?:\n|\Z)")
SEPARATOR = re.compile(r'\s*sep=([^\w\s"]|[\t ])[^\n]*(?:\n|\Z)', re.IGNORECASE)
ALONE = re.compile(r"\r(?!\n)")  # a line end of old Macs, after which pandas may lose a field
CHUNK = 2**20  # bytes that are decompressed at a time
VALUE_BYTES = 8  # of a number, and of the place of a text
TABLE = "a table"


def suffix(path: Path) -> str:
    """Return a file's suffix in lower case, without a final .gz."""
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def is_table(path: Path) -> bool:
    """Return True if a file is read as a table, by its name."""
    compressed = path.name.lower().endswith(".gz")
    return suffix(path) in (_TEXTS if compressed else READERS)


def read(path: Path, as_text: Collection[str] = ()) -> pd.DataFrame:
    """Read a table as it stands: text stays text, and only empty fields count as missing.

    Args:
        path: a file that `is_table`.
        as_text: columns whose numbers are to stay text, such as post codes.

    Raises:
        DataError: the file is empty, ragged or no table.
    """
    table = READERS[suffix(path)](path, as_text)
    table.columns = table.columns.map(lambda name: str(name).strip())
    table = unicode_form.table(table)
    _refuse_twice(table.columns, path)
    for name, column in table.items():
        if column.dtype == object:  # of several types, such as whole numbers beyond 64 bits
            table[name] = column.where(column.isna(), column.astype(str))
    return table


def twice(names: Iterable[object]) -> list[str]:
    """Return the names that more than one column has; columns without a name don't count."""
    counts = Counter(unicode_form.composed(str(name).strip()) for name in names)
    return sorted(name for name, count in counts.items() if name and count > 1)


def _refuse_twice(names: Iterable[object], path: Path) -> None:
    """Refuse columns of one name; pandas would call the second `y.1`."""
    if found := twice(names):
        received = f"two columns called {shortened(found)} in {path.name}"
        raise refusal("source", received, "a name of its own for each column")


def _separated(path: Path, as_text: Collection[str]) -> pd.DataFrame:
    """Read a table of separated values."""
    import pandas as pd

    content, separator = _content(path)
    expected = "a header, and the same number of values in every row"
    try:
        with warnings.catch_warnings():  # pandas only warns of rows with too many values
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                io.BytesIO(content),
                sep=separator,
                index_col=False,
                keep_default_na=False,
                na_values=[""],
                skipinitialspace=True,
                low_memory=False,
                dtype=dict.fromkeys(as_text, str),
            )
    except pd.errors.EmptyDataError as error:
        raise _empty(path) from error
    except (pd.errors.ParserError, pd.errors.ParserWarning, csv.Error) as error:
        reason = str(error).strip().rsplit("C error: ")[-1]
        raise refusal("source", f"ragged rows in {path.name} ({reason})", expected) from error
    except OverflowError as error:
        received = f"a whole number of more than 64 bits in {path.name}"
        raise refusal("source", received, "numbers below 2**53") from error
    if short := _short_row(content, separator, table):
        raise refusal("source", f"ragged rows in {path.name} ({short})", expected)
    return table


def _short_row(content: bytes, separator: str, table: pd.DataFrame) -> str:
    """Describe the first row that ends too early, where pandas takes the rest for missing."""
    width = len(table.columns)
    if width < 2 or not table.iloc[:, -1].isna().any():
        return ""
    lines = io.TextIOWrapper(io.BytesIO(content), "utf-8", newline="")
    rows = (row for row in _records(lines, separator) if len(row) > 1 or "".join(row).strip(" \t"))
    short = ((number, row) for number, row in enumerate(rows) if len(row) < width)
    number, row = next(short, (0, []))
    return f"Expected {width} fields in row {number}, saw {len(row)}" if number else ""


def _records(lines: Iterable[str], separator: str) -> Iterator[list[str]]:
    """Yield the fields of each line, however long they are.

    Raises:
        csv.Error: a quote is not closed.
    """
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield from csv.reader(lines, delimiter=separator, skipinitialspace=True)
    finally:
        csv.field_size_limit(before)


def _content(path: Path) -> tuple[bytes, str]:
    """Return the header and the rows of a file in UTF-8, and the separator.

    Raises:
        DataError: it is no text, has two columns of one name, or takes more memory than data may.
    """
    from studyhall.search.data import memory_share

    text = ALONE.sub("\n", _decoded(path))
    start, separator = _beginning(text)
    _refuse_twice(_header(text, start, separator), path)
    content = text[start:].encode()
    values = content.count(separator.encode()) + content.count(b"\n")
    memory_share.check(len(content) + VALUE_BYTES * values, path.name, TABLE)
    return content, separator


def _header(text: str, start: int, separator: str) -> list[str]:
    """Return the names of columns as they stand in the file; nothing if it can't be read."""
    lines = (found[0] for found in LINE.finditer(text, start))
    try:
        return next((row for row in _records(lines, separator) if row), [])
    except csv.Error:
        return []


def _decoded(path: Path) -> str:
    """Return a file's text: UTF-8, or what its byte order mark says."""
    try:
        return decoding.text_of(_bytes(path))
    except decoding.DecodingError as error:
        received, expected = f"{path.name}, which is {error}", decoding.EXPECTED[str(error)]
        raise refusal("source", received, expected) from None


def _bytes(path: Path) -> bytes:
    from studyhall.search.data import memory_share  # not for commands that only look for a file

    try:
        if path.name.lower().endswith(".gz"):
            with gzip.open(path) as file:
                chunks = iter(partial(file.read, CHUNK), b"")
                return b"".join(memory_share.counted(chunks, path.name, TABLE))
        memory_share.check(path.stat().st_size, path.name, TABLE)
        return path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        received = f"{path.name}, which can't be read ({error})"
        raise refusal("source", received, "a whole file") from error


def _beginning(text: str) -> tuple[int, str]:
    """Return where the header begins, and the separator.

    Excel writes `sep=;` before a header; comments stand there, too.
    """
    start = 0
    while text.startswith("#", start) and (end := text.find("\n", start)) >= 0:
        start = end + 1
    if said := SEPARATOR.match(text, start):
        return said.end(), said[1]
    return start, _separator(text[start : start + 100_000].splitlines()[:LINES])


def _separator(lines: list[str]) -> str:
    """Return the separator that divides all lines into most columns of one number; quotes hold."""
    widths = {each: _widths(lines, each) for each in SEPARATORS}
    even = [each for each, found in widths.items() if len({*found}) == 1 and found[0] > 1]
    return max(even or SEPARATORS, key=lambda each: widths[each][0] if widths[each] else 0)


def _widths(lines: list[str], separator: str) -> list[int]:
    try:
        rows = csv.reader(lines, delimiter=separator, skipinitialspace=True)
        return [len(row) for row in rows if row]
    except csv.Error:
        return []


def _excel(path: Path, as_text: Collection[str]) -> pd.DataFrame:
    from studyhall.search.data.sources import workbooks

    table, header = workbooks.read(path, as_text)
    _refuse_twice(header, path)
    return table


def _columnar(kind: str, path: Path, _: Collection[str]) -> pd.DataFrame:
    from studyhall.search.data.sources import arrow_files

    return arrow_files.read(kind, path)


def _empty(path: Path) -> DataError:
    return refusal("source", f"{path.name}, an empty file", "a table with a header")


_TEXTS = (".csv", ".tsv", ".txt")
READERS: Mapping[str, Callable[[Path, Collection[str]], pd.DataFrame]] = {
    **dict.fromkeys(_TEXTS, _separated),
    ".parquet": partial(_columnar, "Parquet"),
    ".feather": partial(_columnar, "Feather"),
    ".xlsx": _excel,
}
