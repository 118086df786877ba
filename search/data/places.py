"""Where the data of a study are, looked at before anything that could read them is imported."""

from __future__ import annotations

import os
import re
from pathlib import Path

from studyhall.search.data.errors import DataError, refusal
from studyhall.search.study_file import paths
from studyhall.spaces import user_code

COLLECTIONS = ("sklearn", "keras")  # `sklearn:digits`
FORMS = (
    "sklearn:digits, keras:mnist, data.npz, table.csv, table.parquet,"
    " a folder of images per class, or my_data.py:load"
)
USER = re.compile(r"(?P<file>.+\.py):(?P<function>\w+)")


def check(source: str, folder: Path) -> None:
    """See that there is such a file, folder or function of the user's; nothing of it is run.

    Raises:
        DataError: there is none.
    """
    if is_on_disk(source):
        existing(source, folder)
    elif USER.fullmatch(source):
        try:
            user_code.find(source, folder, ())
        except user_code.UserCodeError as error:
            raise no_function(source, error) from None


def is_on_disk(source: str) -> bool:
    """Whether it is a file or a folder, no collection's name and no function."""
    return source.partition(":")[0] not in COLLECTIONS and not USER.fullmatch(source)


def no_function(source: str, error: user_code.UserCodeError) -> DataError:
    """What is said of a function that is not there, or takes arguments."""
    return refusal("source", f'"{source}": {error}', "a function without arguments")


def existing(source: str, folder: Path) -> Path:
    """The file or the folder.

    Raises:
        DataError: it is not there, or may not be read.
    """
    path = folder / paths.expanded(source)
    if not os.path.exists(path):  # a Path would raise below a folder that may not be entered
        received = f'"{source}", which is not there ({path.absolute()})'
        raise refusal("source", received, _with_slashes(source, folder) or FORMS)
    if not os.access(path, os.R_OK):
        raise refusal("source", f"{path}, which may not be read", "permission to read it")
    return path


def _with_slashes(source: str, folder: Path) -> str:
    """The same path as it is written here, where Windows' backslashes are no separators."""
    slashed = source.replace("\\", "/")
    return f'"{slashed}", with /' if slashed != source and (folder / slashed).exists() else ""
