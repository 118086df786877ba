"""New samples for a model that is exported: rows of a table, arrays, pictures or texts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data import unicode_form
from studyhall.search.data.columns import features
from studyhall.search.data.columns.features import Column
from studyhall.search.data.errors import DataError, shortened
from studyhall.search.data.row_places import Place
from studyhall.search.data.sources import (
    class_folders,
    npz,
    picture,
    table_files,
    table_origins,
    table_patterns,
    tables,
    windows,
)
from studyhall.search.data.sources.images import AS_THEY_ARE
from studyhall.search.data.sources.picture import PictureError, Style
from studyhall.search.data.sources.sql import Query
from studyhall.search.data.sources.table_origins import Origin
from studyhall.search.data.sources.windows import Series
from studyhall.search.evaluation import new_columns, new_texts
from studyhall.search.evaluation.new_texts import NewTexts

if TYPE_CHECKING:
    import pandas as pd

Card = Mapping[str, Any]  # best.json
THE_QUERY = Path("the query")  # in messages
Source: TypeAlias = "str | os.PathLike[str] | Query | pd.DataFrame | NDArray[Any] | list[str]"


@dataclass(frozen=True)
class NewSamples:
    """The samples to predict.

    Attributes:
        names: columns (N,) that name the samples: their rows, from 1; their files.
        x: (N, …) samples as the model takes them; None for rows of a table.
        frame: rows of a table; None for others.
        table: the columns that the model was trained with.
        remarks: sentences on what does not fit, but can be predicted.
    """

    names: Mapping[str, list[Any]]
    x: NDArray[Any] | None = None
    frame: pd.DataFrame | None = None
    table: tuple[Column, ...] = ()
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(next(iter(self.names.values())))


def read(source: Source, card: Card, style: Style = AS_THEY_ARE) -> NewSamples:
    """Read new samples, of the kind that the model was trained with.

    Args:
        source: a table, a pattern of tables, an .npz or .npy file, or a folder of pictures or
            texts; or a query, a DataFrame, an array, or a list of texts.
        card: the card of the exported model.
        style: the form in which pictures are read.

    Raises:
        DataError: they are not what the model takes; one line for each problem.
    """
    samples = _read(source, card, style)
    if not len(samples):
        path = Path(source if isinstance(source, str | os.PathLike) else "the data")
        raise _refused(path, "no samples", "at least one")
    return samples


def _read(source: Source, card: Card, style: Style) -> NewSamples:
    if not isinstance(source, str | os.PathLike | Query | np.ndarray | list):
        _refuse_twice(source, Path("the table"))
        source = unicode_form.table(source)
    if card.get("texts") is not None:
        return _texts(source, card["texts"]["column"])
    if not all(isinstance(size, int) for size in card["input_shape"]):
        raise _refused(Path("predict"), "a model of several inputs", "one; call it in Python")
    if isinstance(source, str | os.PathLike):
        return _of_path(Path(source), card, style)
    if isinstance(source, Query):
        return _of_tables(source, THE_QUERY, card)
    if not isinstance(source, np.ndarray | list):
        return _rows(source, Path("the table"), card, Place("the table"))
    return _array(np.asarray(source), Path("the array"), card)


def _of_path(path: Path, card: Card, style: Style) -> NewSamples:
    if table_patterns.is_pattern(str(path), Path()):
        return _of_tables(table_patterns.matched(str(path), Path()), path, card)
    _check_exists(path)
    if path.is_dir():
        return _pictures(path, card, style)
    if table_files.is_table(path):
        return _of_tables(path, path, card)
    if path.suffix.lower() in (".npz", ".npy"):
        return _array(_of_file(path), path, card)
    raise _refused(path, path.suffix or "no suffix", "a table, .npz, .npy or a folder of pictures")


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise _refused(path, "no such file", "a file or a folder")


def _texts(source: Source, column: str | None) -> NewSamples:
    if isinstance(source, Query):
        return _texts_of_rows(source, THE_QUERY, column)
    if isinstance(source, str | os.PathLike) and table_patterns.is_pattern(str(source), Path()):
        files = table_patterns.matched(str(source), Path())
        return _texts_of_rows(files, Path(source), column)
    found = _new_texts(source, column)
    rows = [*range(1, len(found.texts) + 1)]
    names = {"file": [*found.files]} if found.files else {"row": rows}
    return NewSamples(names, found.texts, remarks=found.remarks)


def _texts_of_rows(origin: Origin, path: Path, column: str | None) -> NewSamples:
    frame, place = table_origins.read(origin, () if column is None else (column,))
    found = new_texts.of_rows(frame, path, column)
    return NewSamples(place.labels(range(len(frame))), found.texts, remarks=found.remarks)


def _new_texts(source: Source, column: str | None) -> NewTexts:
    """Read texts; see `new_texts`."""
    if type(source).__name__ == "DataFrame":
        return new_texts.of_rows(source, Path("the table"), column)
    if not isinstance(source, str | os.PathLike):
        return new_texts.of_array(source, Path("the texts"))
    path = Path(source)
    _check_exists(path)
    if path.is_dir() or table_files.is_table(path):
        return new_texts.read(path, column)
    if path.suffix.lower() in (".npz", ".npy"):
        return new_texts.of_array(_of_file(path), path)
    raise _refused(path, path.suffix or "no suffix", "a table, .npz, .npy or a folder of texts")


def _refused(path: Path, received: str, expected: str) -> DataError:
    return DataError([f"{path}: received {received}, expected {expected}"])


def _refuse_twice(frame: pd.DataFrame, path: Path) -> None:
    """Refuse columns of one name, as in a file."""
    if found := table_files.twice(frame.columns):
        received = f"two columns called {shortened(found)}"
        raise _refused(path, received, "a name of its own for each column")


def _rows_of(card: Card, path: Path) -> Mapping[str, Any]:
    """Return what the card says of the columns that the model was trained with."""
    about: Mapping[str, Any] | None = card.get("rows")
    if about is None:
        shape = tuple(card["input_shape"])
        raise _refused(path, "a table", f"samples of shape {shape}, as the model was trained with")
    return about


def _of_tables(origin: Origin, path: Path, card: Card) -> NewSamples:
    table = map(features.from_dict, _rows_of(card, path)["columns"])
    as_text = {e.name for e in table if e.kind in tables.AS_TEXT or e.form or e.unit}
    frame, place = table_origins.read(origin, as_text)
    return _rows(frame, path, card, place)


def _rows(frame: pd.DataFrame, path: Path, card: Card, place: Place) -> NewSamples:
    """Return rows of a table."""
    about = _rows_of(card, path)
    table = tuple(map(features.from_dict, about["columns"]))
    missing = [each.name for each in table if each.name not in frame]
    if missing:
        expected = f"the columns {shortened(each.name for each in table)}"
        raise _refused(path, f"no column {shortened(missing)}", expected)
    if problems := [e for each in table for e in new_columns.problems(frame, each, path, place)]:
        raise DataError(problems)
    remarks = tuple(text for each in table for text in new_columns.remarks(frame, each))
    if "series" in about:
        return _windows(path, frame, table, Series(**about["series"]), remarks, place)
    names = place.labels(range(len(frame)))
    return NewSamples(names, None, frame, table, remarks)


def _windows(
    path: Path,
    frame: pd.DataFrame,
    table: tuple[Column, ...],
    series: Series,
    remarks: tuple[str, ...],
    place: Place,
) -> NewSamples:
    """Read every window over the rows of a table, named by its last row.

    What is predicted of it is the target as many rows later as the study's `horizon` says.
    """
    for key in ("group", "split_by"):
        if (name := getattr(series, key)) and name not in frame:
            raise _refused(path, f"no column {name}", f"the study's [data] {key}")
    found = windows.over(replace(series, horizon=0), frame, place)
    x = tables.matrix(frame, table)[found.rows]
    names = place.labels(found.targets.tolist())
    return NewSamples(names, x, None, table, (*remarks, *found.notes))


def _array(x: NDArray[Any], path: Path, card: Card) -> NewSamples:
    """Return samples of an array."""
    wanted = tuple(card["input_shape"])
    if x.ndim == len(wanted) and wanted[-1:] == (1,):
        x = x[..., np.newaxis]
    if x.dtype.kind not in "biuf" or x.shape[1:] != wanted:
        raise _refused(path, f"{x.dtype} of shape {x.shape}", f"numbers of shape (N, *{wanted})")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        row = int(np.argwhere(~np.isfinite(x))[0][0])
        raise _refused(path, f"a value that is not finite in sample {row + 1}", "finite numbers")
    return NewSamples({"row": [*range(1, len(x) + 1)]}, x)


def _of_file(path: Path) -> NDArray[Any]:
    if path.suffix.lower() == ".npy":
        return npz.single(path)
    found = npz.contents(path)
    name = next((each for each in (*npz.SAMPLES, "x_test") if each in found), None)
    if name is None:
        raise _refused(path, f"arrays {shortened(found)}", "an array called x")
    return found[name]


def _pictures(folder: Path, card: Card, style: Style) -> NewSamples:
    """Read all pictures of a folder, and of those in it."""
    wanted = tuple(card["input_shape"])
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    listed = [path for path in files if _is_picture(path, folder)]
    if len(wanted) != 3 or not listed:
        received = "a folder" if listed else "a folder without pictures"
        raise _refused(folder, received, f"samples of shape {wanted}, as in training")
    pixels = [_pixels(path, folder, style) for path in listed]
    names = [str(path.relative_to(folder)) for path in listed]
    other = [name for name, x in zip(names, pixels, strict=True) if x.shape != wanted]
    if other:
        received = f"pictures of another size: {shortened(other, 5)}"
        raise _refused(folder, received, f"{wanted[0]} × {wanted[1]} pixels, as in training")
    left = len(files) - len(listed)
    notes = (f"{left} files are no pictures, or hidden: left out",) if left else ()
    return NewSamples({"file": names}, np.stack(pixels), remarks=notes)


def _is_picture(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.suffix.lower() in class_folders.SUFFIXES and not hidden


def _pixels(path: Path, folder: Path, style: Style) -> NDArray[Any]:
    try:
        return picture.read(path, style).pixels
    except PictureError as error:
        received = f"{error}: {path.relative_to(folder)}"
        raise _refused(folder, received, picture.expected(str(error))) from None
