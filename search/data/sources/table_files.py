"""The files of tables: .csv, .tsv, .txt (also .gz), .xlsx, .parquet and .feather."""

from __future__ import annotations

import csv
import gzip
import io
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studyhall.search.data import unicode_form
from studyhall.search.data.errors import DataError, refusal, shortened
from studyhall.search.data.sources import decoding

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = ",;\t|"
LINES = 50  # that the separator is judged by


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

    text = _decoded(path)
    start, separator = _beginning(text)
    _refuse_twice(_header(text[start:], separator), path)
    expected = "a header, and the same number of values in every row"
    try:
        with warnings.catch_warnings():  # pandas only warns of rows with too many values
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                io.StringIO(text[start:]),
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


def _header(text: str, separator: str) -> list[str]:
    """Return the names of columns as they stand in the file; nothing if it can't be read."""
    try:
        rows = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
        return next((row for row in rows if row), [])
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
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.name.lower().endswith(".gz") else content
    except (OSError, EOFError, zlib.error) as error:
        received = f"{path.name}, which can't be read ({error})"
        raise refusal("source", received, "a whole file") from error


def _beginning(text: str) -> tuple[int, str]:
    """Return where the header begins, and the separator.

    Excel writes `sep=;` before a header; comments stand there, too.
    """
    start = 0
    while text.startswith("#", start) and "\n" in text[start:]:
        start = text.index("\n", start) + 1
    first = text[start : start + 8].strip().lower()
    if first.startswith("sep=") and len(first) > 4:
        mark = text.index("=", start) + 1
        return text.find("\n", mark) + 1 or len(text), text[mark]
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


def _columnar(kind: str, path: Path, _: Collection[str]) -> pd.DataFrame:
    """Read a file that has types of its own."""
    import pandas as pd
    import pyarrow

    read: Callable[[Path], pd.DataFrame] = getattr(pd, f"read_{kind.lower()}")
    try:
        return read(path).reset_index(drop=True)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        received = f"{path.name}, which is not a {kind} file"
        raise refusal("source", received, f"a table written by to_{kind.lower()}") from error


def _excel(path: Path, as_text: Collection[str]) -> pd.DataFrame:
    import pandas as pd

    try:
        kept: Any = dict.fromkeys(as_text, str)
        with pd.ExcelFile(path) as book:
            header = pd.read_excel(book, header=None, nrows=1)
            table = pd.read_excel(book, keep_default_na=False, na_values=[""], dtype=kept)
    except ImportError as error:
        wanted = "a .csv file, or: pip install 'studyhall[excel]'"
        raise refusal("source", f"{path.name}, for which openpyxl is missing", wanted) from error
    except Exception as error:  # openpyxl raises anything for what is no workbook
        received = f"{path.name}, which is not an Excel file ({type(error).__name__})"
        raise refusal("source", received, "a workbook with a header in its first row") from error
    _refuse_twice(header.iloc[0].dropna() if len(header) else (), path)
    return table


def _empty(path: Path) -> DataError:
    return refusal("source", f"{path.name}, an empty file", "a table with a header")


_TEXTS = (".csv", ".tsv", ".txt")
READERS: Mapping[str, Callable[[Path, Collection[str]], pd.DataFrame]] = {
    **dict.fromkeys(_TEXTS, _separated),
    ".parquet": partial(_columnar, "Parquet"),
    ".feather": partial(_columnar, "Feather"),
    ".xlsx": _excel,
}
