"""Tables in workbooks of Excel: the first sheet."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studyhall.search.data import memory_share
from studyhall.search.data.errors import DataError, refusal

if TYPE_CHECKING:
    import pandas as pd

SHEETS = "xl/worksheets/"
CELL = re.compile(rb"""\sr=["']([A-Z]{1,3})([0-9]{1,7})["']""")
BLOCK, OVERLAP = 2**20, 64  # bytes that are searched at a time, and those of a cell's reference
POINTER = 8  # bytes of a cell in pandas' lists
AS_CSV = "the table alone, in a workbook of its own or as .csv"


def read(path: Path, as_text: Collection[str] = ()) -> tuple[pd.DataFrame, list[str]]:
    """Read the first sheet of a workbook, and the names in its first row as they stand.

    Args:
        path: the file.
        as_text: columns whose numbers are to stay text.

    Raises:
        DataError: it is no workbook, takes more memory than data may, or openpyxl is missing.
    """
    import pandas as pd

    try:
        _check(path)
        kept: Any = dict.fromkeys(as_text, str)
        with pd.ExcelFile(path) as book:
            header = pd.read_excel(book, header=None, nrows=1)
            table = pd.read_excel(book, keep_default_na=False, na_values=[""], dtype=kept)
    except DataError:
        raise
    except ImportError as error:
        wanted = "a .csv file, or: pip install 'studyhall[excel]'"
        raise refusal("source", f"{path.name}, for which openpyxl is missing", wanted) from error
    except Exception as error:  # openpyxl raises anything for what is no workbook
        received = f"{path.name}, which is not an Excel file ({type(error).__name__})"
        raise refusal("source", received, "a workbook with a header in its first row") from error
    return table, [*header.iloc[0].dropna()] if len(header) else []


def _check(path: Path) -> None:
    """Refuse a workbook that takes more memory than data may, before it is decoded.

    Raises:
        DataError: it is larger.
        zipfile.BadZipFile: it is no workbook.
    """
    with zipfile.ZipFile(path) as book:
        inside = book.infolist()
        memory_share.check(sum(each.file_size for each in inside), path.name, "sheets", AS_CSV)
        for each in inside:
            if each.filename.startswith(SHEETS):
                with book.open(each) as sheet:
                    rows, columns = _area(sheet)
                # pandas makes all rows as long as the longest, and one stray cell may be far off.
                what = f"a sheet up to row {rows:,}, column {columns:,},"
                memory_share.check(rows * columns * POINTER, path.name, what, AS_CSV)


def _area(sheet: Any) -> tuple[int, int]:
    """Return the last row and the last column of a sheet that have a cell."""
    rows, columns = 0, set[bytes]()
    for block in _blocks(sheet):
        for letters, row in CELL.findall(block):
            columns.add(letters)
            rows = max(rows, int(row))
    return rows, max(map(_number, columns), default=0)


def _blocks(file: Any) -> Iterator[bytes]:
    """Yield a file in blocks, each with the end of the one before."""
    before = b""
    while block := file.read(BLOCK):
        yield before + block
        before = block[-OVERLAP:]


def _number(letters: bytes) -> int:
    """Return the number of a column, from 1, by its letters: 1 for A, 27 for AA."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number
