"""New texts for a model that reads texts: strings, a table's column, or a folder of .txt files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from studyhall.search.data import texts, words
from studyhall.search.data.columns import features
from studyhall.search.data.errors import DataError, shortened
from studyhall.search.data.sources import class_folders, decoding, table_files, text_folders
from studyhall.search.data.texts import Texts
from studyhall.spaces import spelling

NAMED = 5  # refused files listed in a message; the rest is counted


@dataclass(frozen=True)
class NewTexts:
    """The texts to predict.

    Attributes:
        texts: (N,) strings.
        files: their files from the folder; empty unless they are of a folder.
        remarks: sentences on what does not fit, but can be predicted.
    """

    texts: Texts
    files: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def read(path: Path, column: str | None) -> NewTexts:
    """Read the texts of a folder or a table.

    Args:
        path: a folder of .txt files, one such file, or a table.
        column: the column of the training's texts, if they are of a table.

    Raises:
        DataError: there are none, or a file can't be decoded.
    """
    if path.is_dir():
        return _of_folder(path)
    if path.suffix.lower() == ".txt" and column is None:
        return _of_files([path], path.parent, ())
    as_text = () if column is None else (column,)
    return of_rows(table_files.read(path, as_text), path, column)


def of_rows(frame: Any, path: Path, column: str | None) -> NewTexts:
    """Return the texts of a column of a pandas DataFrame.

    Args:
        frame: the table.
        path: what it is called in messages.
        column: the column of the training's texts; None takes the only one.

    Raises:
        DataError: it has no such column.
    """
    names = [str(name) for name in frame.columns]
    wanted = names[0] if column is None and len(names) == 1 else column
    if wanted not in names:
        expected = "one column" if wanted is None else f"a column {wanted}"
        raise _refused(path, f"a table with {shortened(names)}", expected)
    return of_array(features.words(frame[wanted]), path)


def of_array(values: Any, path: Path) -> NewTexts:
    """Return the texts of an array or a list of strings.

    Args:
        values: (N,) or (N, 1).
        path: what it is called in messages.

    Raises:
        DataError: they are none.
    """
    array = values if hasattr(values, "dtype") else np.array([*values], object)
    if array.size == 0:
        raise _refused(path, "no samples", "at least one")
    if not texts.is_texts(array):
        raise _refused(path, f"{array.dtype} of shape {array.shape}", "texts, as in training")
    found = texts.checked(np.asarray(array), path.name)
    return NewTexts(found, remarks=_remarks(found))


def _of_folder(folder: Path) -> NewTexts:
    """Read all .txt files of a folder, and of those in it."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    hidden = {path for path in files if _is_hidden(path.relative_to(folder))}
    listed = [path for path in files if path.suffix.lower() == ".txt" and path not in hidden]
    if not listed:
        raise _refused(folder, "a folder without texts", "files that end in .txt")
    left = len(files) - len(listed)
    return _of_files(
        listed, folder, (f"{spelling.counted(left, 'file')} left out: no texts, or hidden",)[:left]
    )


def _of_files(listed: list[Path], folder: Path, remarks: tuple[str, ...]) -> NewTexts:
    found, refused = text_folders.all_of(listed, folder)
    if refused:
        raise DataError(
            f"{folder}: received {reason}: {shortened(names, NAMED)},"
            f" expected {decoding.EXPECTED[reason]}"
            for reason, names in refused.items()
        )
    names = tuple(str(path.relative_to(folder)) for path in listed)
    return NewTexts(found, names, (*remarks, *_remarks(found)))


def _is_hidden(path: Path) -> bool:
    return any(map(class_folders.is_hidden, path.parts))


def _remarks(found: Texts) -> tuple[str, ...]:
    return tuple(texts.notes(words.of(found).lengths))


def _refused(path: Path | str, received: str, expected: str) -> DataError:
    return DataError([f"{os.fspath(path)}: received {received}, expected {expected}"])
