"""The place of a study's data, checked before anything that could read them is imported."""

from __future__ import annotations

import os
import re
from pathlib import Path

from studyhall.search.data.errors import DataError, refusal
from studyhall.search.data.sources import sql, table_patterns
from studyhall.search.study_file import paths
from studyhall.search.study_file.input_sections import DataSection, ModelSection
from studyhall.spaces import user_code

COLLECTIONS = ("sklearn", "keras")  # `sklearn:digits`
FORMS = (
    "sklearn:digits, keras:mnist, data.npz, table.csv, table.parquet, tables/*.csv,"
    " postgresql://user@host/db, a folder of images per class, or my_data.py:load"
)
USER = re.compile(r"(?P<file>.+\.py):(?P<function>\w+)")


def check(section: DataSection, folder: Path) -> None:
    """Check that the file, folder or user's function exists, without running anything.

    Args:
        section: the `[data]` table.
        folder: the study file's folder.

    Raises:
        DataError: it does not exist.
    """
    source = section.source
    if sql.is_database(source):
        sql.check(source, section.query, folder)
    elif table_patterns.is_pattern(source, folder) and is_on_disk(source):
        table_patterns.matched(source, folder)
    elif is_on_disk(source):
        existing(source, folder)
    elif USER.fullmatch(source):
        try:
            user_code.find(source, folder, ())
        except user_code.UserCodeError as error:
            raise no_function(source, error) from None


def weights(model: ModelSection, folder: Path) -> None:
    """Check that the file of weights exists, if the study file names one.

    Raises:
        DataError: it does not exist.
    """
    if model.has_file_of_weights and not (folder / str(model.weights)).is_file():
        path = (folder / str(model.weights)).absolute()
        received = f'"{model.weights}", which does not exist ({path})'
        raise DataError([f"[model] weights: received {received}, expected a file of weights"])


def is_on_disk(source: str) -> bool:
    """Return True for a file or a folder, False for a collection's name or a function."""
    elsewhere = source.partition(":")[0] in COLLECTIONS or sql.is_database(source)
    return not elsewhere and not USER.fullmatch(source)


def no_function(source: str, error: user_code.UserCodeError) -> DataError:
    """Refuse a function that does not exist or takes arguments."""
    return refusal("source", f'"{source}": {error}', "a function without arguments")


def existing(source: str, folder: Path) -> Path:
    """Return the path of the file or the folder.

    Raises:
        DataError: it does not exist, or is not readable.
    """
    path = folder / paths.expanded(source)
    if not os.path.exists(path):  # Path.exists raises below a folder without permission
        received = f'"{source}", which does not exist ({path.absolute()})'
        raise refusal("source", received, _with_slashes(source, folder) or FORMS)
    if not os.access(path, os.R_OK):
        raise refusal("source", f"{path}, which is not readable", "permission to read it")
    if path.is_file() and sql.is_file(path):
        wanted = f"sqlite:///{source}, and a [data] query on its tables"
        raise refusal("source", f'"{source}", a SQLite database', wanted)
    return path


def _with_slashes(source: str, folder: Path) -> str:
    """Suggest the path with / if its backslashes are meant as Windows separators; else ""."""
    slashed = source.replace("\\", "/")
    return f'"{slashed}", with /' if slashed != source and (folder / slashed).exists() else ""
