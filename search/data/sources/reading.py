"""Reading of `[data] source`, whatever kind of source it is."""

import ast
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studyhall.search.data.arrays import Arrays, checked
from studyhall.search.data.errors import DataError, problem, refusal
from studyhall.search.data.row_places import Place
from studyhall.search.data.sources import (
    images,
    keras_sets,
    npz,
    sklearn_sets,
    source_check,
    table_files,
    table_origins,
    tables,
    text_column,
    text_folders,
    user_data,
)
from studyhall.search.data.sources.picture import Style
from studyhall.search.data.sources.sql import Query
from studyhall.search.data.sources.table_origins import Origin
from studyhall.search.data.sources.table_patterns import Files
from studyhall.search.data.sources.tables import Roles
from studyhall.search.data.sources.windows import Series
from studyhall.search.data.stream_parts import Streams
from studyhall.search.study_file.input_sections import DataSection
from studyhall.spaces import spelling

if TYPE_CHECKING:
    import pandas as pd

COLLECTIONS = {"sklearn": sklearn_sets, "keras": keras_sets}
CALL = re.compile(r"(?P<name>\w+)\s*(\((?P<arguments>.*)\))?", re.DOTALL)


def read(
    section: DataSection, folder: Path, *, own_model: bool = False, texts: bool = False
) -> Arrays | Streams:
    """Read the samples of a study's source; those of streams are left where they are.

    Args:
        section: the `[data]` table.
        folder: the study file's folder, to which paths are relative.
        own_model: the user's own function builds the model, so that streams may stay what they are.
        texts: read the texts of a folder or a table's column, not pictures or all columns.

    Raises:
        DataError: the source is missing, empty, ragged or has values that are not numbers.
        UserCodeError: the user's own function fails.
    """
    collection, _, name = section.source.partition(":")
    origin = table_origins.of(section, folder)
    _misplaced(section, origin, texts)
    roles = replace(_roles(section), embeds=not own_model)
    if isinstance(origin, Path):
        arrays = _from_disk(section, origin, roles, texts)
    elif origin is not None:
        arrays = (text_column if texts else tables).read(origin, roles)
    elif collection in COLLECTIONS:
        arrays = _from_collection(collection, name)
    else:
        found = user_data.read(section.source, folder, own_model=own_model)
        if isinstance(found, Streams):
            return found
        arrays = found
    return checked(arrays, section.source, section.image_size)


def raw_table(section: DataSection, folder: Path) -> "tuple[pd.DataFrame, Place]":
    """Read the rows of a table as they stand, without those that lack a target; and their places.

    Raises:
        DataError: as `read`.
    """
    origin = table_origins.of(section, folder)
    assert origin is not None
    return tables.table(origin, _roles(section))[:2]


def _roles(section: DataSection) -> Roles:
    """Return the columns that `[data]` names."""
    roles = Roles(section.target, section.group, section.columns, section.split_by)
    return replace(roles, series=series(section), task=section.task)


def series(section: DataSection) -> Series | None:
    """Return the windows over a table that `[data]` asks for."""
    if section.windows is None:
        return None
    kind = section.columns.get(section.split_by or "", "")
    return Series(section.windows, section.horizon, section.split_by, kind, section.group)


def _from_collection(collection: str, reference: str) -> Arrays:
    """Load `digits` or `blobs(centers=3)` from the data sets of scikit-learn or Keras."""
    sets = COLLECTIONS[collection]
    call = CALL.fullmatch(reference.strip())
    name = call["name"] if call else reference
    if call is None or name not in sets.SETS:
        wanted = f"after {collection}: {spelling.one_of(name, sets.SETS)}"
        raise refusal("source", f'"{collection}:{reference}"', wanted)
    arguments = _arguments(call["arguments"] or "", f"{collection}:{reference}")
    known_arguments = sets.SETS[name].arguments
    for argument in arguments:
        if argument not in known_arguments:
            wanted = (
                spelling.one_of(argument, known_arguments) if known_arguments else "no arguments"
            )
            raise refusal("source", f'"{argument}" in {collection}:{reference}', wanted)
    try:
        return sets.read(name, arguments)  # type: ignore[no-any-return]
    except DataError:
        raise
    except (ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise refusal("source", f'"{collection}:{reference}"', f"other values: {reason}") from error


def _arguments(text: str, reference: str) -> Mapping[str, Any]:
    """Parse `centers=3, cluster_std=2.0` as a dict; values are literals, nothing is executed."""
    try:
        call = ast.parse(f"_({text})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError("arguments need names")
        return {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError) as error:
        expected = "arguments as name=value with numbers or strings"
        raise refusal("source", f'"{reference}"', expected) from error


def _from_disk(section: DataSection, path: Path, roles: Roles, texts: bool) -> Arrays:
    if path.is_dir() and texts:
        return text_folders.read(path, section.folders)
    if path.is_dir():
        return images.read(path, style(section), section.folders)
    if path.suffix.lower() == ".npz":
        return npz.read(path, section.group, section.split_by)
    if table_files.is_table(path):
        read = text_column.read if texts else tables.read
        return read(path, roles)
    raise refusal("source", f'"{section.source}"', source_check.FORMS)


def style(section: DataSection) -> Style:
    """Return the form in which a study reads pictures."""
    return Style(section.image_size, section.grey, section.background)


def _misplaced(section: DataSection, origin: Origin | None, texts: bool) -> None:
    """Refuse keys that have no effect for this source."""
    path = origin if isinstance(origin, Path) else None
    file = path is not None and path.is_file() and table_files.is_table(path)
    table = file or isinstance(origin, (Files, Query))
    archive = path is not None and path.suffix.lower() == ".npz"
    folder = path is not None and path.is_dir()
    pictures = folder and not texts
    written = {
        "query": (section.query, isinstance(origin, Query), "a database"),
        "target": (section.target, table, "a table"),
        "columns": (section.columns, table, "a table"),
        "split_by": (section.split_by, table or archive, "a table or an .npz file"),
        "windows": (section.windows, table, "a table"),
        "group": (section.group, table or archive, "a table or an .npz file"),
        "grey": (section.grey, pictures, "a folder of images"),
        "background": (section.background, pictures, "a folder of images"),
        "folders": (section.folders, folder, "a folder of images or texts"),
    }
    problems = [
        problem(key, f"{spelling.as_toml(value)} for {section.source}", f"this key only for {kind}")
        for key, (value, fits, kind) in written.items()
        if value != DataSection.model_fields[key].default and not fits
    ]
    if problems:
        raise DataError(problems)
