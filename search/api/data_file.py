"""The user's arrays and tables as files beside the artifacts, from which any worker reads them.

A file is named by the SHA-256 of its contents: equal data are written once, and a study that is
continued from the command line finds them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studyhall.search.data.errors import shortened
from studyhall.search.data.sources import table_files
from studyhall.search.study_file import paths
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.artifacts import atomic_files, bucket
from studyhall.storage.database import private_files

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

FOLDER = "_data"  # in that of the artifacts; no study has such a name
_writing: list[list[Path]] = []  # what is written, for each `only_if_used` under way
LOCAL = "studyhall-artifacts"  # where the artifacts are in a bucket
PARTS = {1: ("",), 2: ("_train", "_test"), 3: ("_train", "_val", "_test")}
EXPECTED = (
    "(x, y), ((x, y), (x_test, y_test)), or three such pairs for training, validation and test, "
    "of arrays, or dicts or lists of these; a DataFrame with target=; or a source as in [data]"
)


def source(data: Any, artifacts: str, study: str) -> str:
    """Return the ``[data] source`` of what a user has given, written to a file if need be.

    Args:
        data: pairs of arrays, a DataFrame, a path or the name of a data set.
        artifacts: as in ``[study]``; the file lies in its folder ``_data``.
        study: the study's name, for messages.

    Raises:
        ConfigError: it is none of these, or arrays hold something else than numbers and text.
        ArtifactError: the file can't be written.
    """
    if isinstance(data, str | Path):
        return str(data)
    if type(data).__name__ == "DataFrame":
        _refuse_twice(data, study)
        return str(_write_table(data, _folder(artifacts)))
    arrays = _arrays(data, study)
    return str(_write_arrays(arrays, _folder(artifacts)))


@contextmanager
def only_if_used() -> Iterator[Callable[[], None]]:
    """Delete what a `with` block writes, unless it is kept; refusals name it `data`.

    Yields:
        Keeps it: a study has it now.
    """
    written: list[Path] = []
    _writing.append(written)
    try:
        yield written.clear
    except ConfigError as error:
        names = sorted(map(str, written), key=len, reverse=True)
        lines = [_named_data(line, names) for line in error.problems]
        raise ConfigError(lines) from error.__cause__
    finally:
        _writing.remove(written)
        for path in reversed(written):
            _delete(path)


def _named_data(line: str, names: Sequence[str]) -> str:
    for name in names:
        line = line.replace(name, "data")
    return line


def _delete(path: Path) -> None:
    with suppress(OSError):  # of others' files in the folder
        path.rmdir() if path.is_dir() else path.unlink()


def _folder(artifacts: str) -> Path:
    """Return the folder of data files; relative if the artifacts' is."""
    return paths.expanded(LOCAL if bucket.is_bucket(artifacts) else artifacts) / FOLDER


def _write_arrays(arrays: Mapping[str, NDArray[Any]], folder: Path) -> Path:
    import numpy as np

    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    return _written(folder, f"{_sha256(arrays)}.npz", write)


def _refuse_twice(table: pd.DataFrame, study: str) -> None:
    """Refuse columns of one name."""
    if found := table_files.twice(table.columns):
        received = f"received two columns called {shortened(found)}"
        raise ConfigError(
            [f"{study}: data: {received}, expected a name of its own for each column"]
        )


def _write_table(table: pd.DataFrame, folder: Path) -> Path:
    import pandas as pd

    named = table.rename(columns=str).reset_index(drop=True)
    digest = hashlib.sha256(repr([*zip(named.columns, named.dtypes, strict=True)]).encode())
    digest.update(pd.util.hash_pandas_object(named, index=False).to_numpy().tobytes())
    return _written(folder, f"{digest.hexdigest()}.parquet", named.to_parquet)


def _written(folder: Path, name: str, write: Callable[[Path], Any]) -> Path:
    """Write a file, unless it is there; return its path."""
    path = folder / name
    if not path.is_file():
        new = [each for each in (folder.parent, folder) if not each.exists()]
        for written in _writing:
            written += [*new, path]
        with atomic_files.reported(folder):
            private_files.make_folder(folder)
        with atomic_files.replacing(path) as unfinished:
            write(unfinished)
    return path


def _sha256(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 (hex) of names, types, shapes and values."""
    import numpy as np

    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        if array.size:
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _arrays(data: Any, study: str) -> dict[str, NDArray[Any]]:
    """Return pairs of arrays by the names that an .npz file of a study has."""
    if not isinstance(data, tuple | list) or not 1 <= len(pairs := _pairs(data)) <= len(PARTS):
        raise _refusal(study, f"a value of type {type(data).__name__}")
    if any(not isinstance(pair, tuple | list) or len(pair) != 2 for pair in pairs):
        raise _refusal(study, f"a {type(data).__name__} of {len(data)}")
    from studyhall.search.data import trees

    try:
        return {
            name: _array(array, study)
            for part, pair in zip(PARTS[len(pairs)], pairs, strict=True)
            for kind, values in zip("xy", trees.pair(*pair), strict=True)
            for name, array in trees.flattened(f"{kind}{part}", values).items()
        }
    except TypeError as error:
        raise _refusal(study, str(error)) from None


def _pairs(data: tuple[Any, ...] | list[Any]) -> list[Any]:
    nested = all(isinstance(each, tuple) for each in data)
    return [*data] if nested else [data]


def _array(values: Any, study: str) -> np.ndarray[Any, Any]:
    import numpy as np

    if type(values).__module__.startswith("scipy.sparse"):
        raise _refusal(study, "a sparse matrix")
    try:
        found = np.asarray(values)
    except ValueError as error:
        raise _refusal(study, "rows of different lengths (ragged)") from error
    if found.dtype == object and all(isinstance(each, str) for each in found.ravel()):
        found = found.astype(str)
    if found.dtype == object:
        raise _refusal(study, "an array of Python objects")
    return found


def _refusal(study: str, received: str) -> ConfigError:
    return ConfigError([f"{study}: data: received {received}, expected {EXPECTED}"])
