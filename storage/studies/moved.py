"""Studies in a SQLite file that was moved, or copied, together with the files of its studies.

A study's record has the paths of its artifacts and of its study file's folder. Beside them it has
their places as seen from the database's folder, so that they are found again wherever that is. The
artifacts have a marker, so that no other folder is taken for them.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from studyhall.storage.database import Transaction

ARTIFACTS, FOLDER, MARKER = "artifacts", "folder", "artifacts_marker"  # keys of the record
BESIDE = "beside"  # the key of both paths, from the database's folder


def with_places(transaction: Transaction, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record that also has the places of its files beside the database, if that is a file.

    Args:
        transaction: one of the database that the record is written to.
        record: the study's record.
    """
    home, paths = _home(transaction), {key: record.get(key) for key in (ARTIFACTS, FOLDER)}
    kept = {key: value for key, value in record.items() if key != BESIDE}
    if home is None:
        return kept
    places = {key: _place(Path(path), home) for key, path in paths.items() if _is_path(path)}
    return {**kept, BESIDE: places} if places else kept


def _place(path: Path, home: Path) -> str:
    """Return a path as seen from the database's folder, whose own path has no links.

    Links in the part of the path that both share are followed: they may lead elsewhere later. The
    links below it are kept: they move with the project.
    """
    shared = next(each for each in (path, *path.parents) if home.is_relative_to(each.resolve()))
    return os.path.relpath(shared.resolve() / path.relative_to(shared), home)


def located(transaction: Transaction, record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with the paths at which its files are now.

    Args:
        transaction: one of the database that the record was read from.
        record: the study's record, as it is stored.
    """
    if not _is_path(record.get(ARTIFACTS)) or (home := _home(transaction)) is None:
        return record
    old = Path(record[ARTIFACTS])
    new = next((path for path in _candidates(record, home) if _is_there(path, record)), old)
    if _is_there(old, record) and new.samefile(old):
        new = old  # by way of a link
    found = {**record, ARTIFACTS: str(new)}
    folder = record.get(FOLDER)
    gone = _is_path(folder) and not os.path.isdir(folder) and _is_there(old, record)
    if _is_path(folder) and (new != old or gone):
        found[FOLDER] = str(_folder(record, home, old, new))
    return found


def _candidates(record: Mapping[str, Any], home: Path) -> Iterator[Path]:
    """Yield where artifacts may be that were moved with the database."""
    place = record.get(BESIDE, {}).get(ARTIFACTS)
    old = Path(record[ARTIFACTS])
    if place is not None:
        yield _at(home, place)
    elif not _is_there(old, record):  # recorded by an earlier version
        yield from (home.joinpath(*old.parts[-count:]) for count in range(1, len(old.parts)))


def _folder(record: Mapping[str, Any], home: Path, old: Path, new: Path) -> Path:
    """Return where the study file's folder is now; where it was, if it is not found."""
    folder = Path(record[FOLDER])
    place = record.get(BESIDE, {}).get(FOLDER)
    if place is None:  # as the artifacts were moved, so was it
        place = os.path.relpath(folder, old)
        home = new
    return found if (found := _at(home, place)).is_dir() else folder


def _at(home: Path, place: str) -> Path:
    return Path(os.path.normpath(home / place))


def _is_there(folder: Path, record: Mapping[str, Any]) -> bool:
    """Tell whether a folder has the study's marker; False if it has none to look for."""
    name = record.get(MARKER)
    return name is not None and os.path.lexists(folder / name)


def _is_path(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and os.path.isabs(value)


def _home(transaction: Transaction) -> Path | None:
    """Return the folder of a SQLite file; None for PostgreSQL."""
    if transaction.kind != "sqlite":
        return None
    path = next(row[2] for row in transaction.rows("PRAGMA database_list") if row[1] == "main")
    return Path(path).resolve().parent if path else None
