"""The move of a study to another database, or its copy there with artifacts of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from studyhall.search.interchange.renumbering import renumber
from studyhall.search.study import creation, record
from studyhall.search.study_file import value_types
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.artifacts import bucket
from studyhall.storage.database import Database
from studyhall.storage.database.urls import shown
from studyhall.storage.studies import copy_checks, copying, retiring, studies
from studyhall.storage.studies.rows import Study


def move(db: Database, study: Study, url: str, artifacts: str | None = None) -> Study:
    """Copy a study into another database.

    Args:
        db: the database of the study.
        study: the study.
        url: the other database; it and its tables are created where they are missing.
        artifacts: a folder or bucket that gets a copy of the study's artifacts: then the two
            studies are independent. None leaves them where they are, for the copy: then no more
            trials can be trained in this database, as two studies must not share them.

    Returns:
        The copy.

    Raises:
        StorageError: a worker is at the study, or the other database has a study of that name or
            can't be used.
        ConfigError: the study has been moved already.
        ArtifactError: the artifacts can't be read, or not be written to their new place.
    """
    record.check_trainable(db, study)
    _check_place(artifacts)
    seen = copy_checks.progress(db, study)
    with closing(Database.open(url)) as target:
        copy_checks.check_target(target, study.name)
        with _artifacts(study, artifacts) as place:
            copied = copying.copy(
                db,
                target,
                study,
                seen=seen,
                renumber=renumber,
                config={**study.config, **_own_place(place)} if place else study.config,
                facts=_facts(db, study, place) if place else {},
            )
        if place is None:
            _retire(db, study, seen, target, copied)
    return copied


def _check_place(artifacts: str | None) -> None:
    """Check that a place for artifacts is one.

    Raises:
        ConfigError: it is not.
    """
    try:
        if artifacts is not None:
            value_types.check_artifact_place(artifacts)
    except ValueError as error:
        raise ConfigError([f"--artifacts: received {artifacts!r}, expected {error}"]) from error


def _retire(
    db: Database, study: Study, seen: copy_checks.Progress, target: Database, copied: Study
) -> None:
    """Close the study; where workers have been at it since, take the copy back."""
    try:
        retiring.retire(db, study, seen, shown(target.url))
    except BaseException:
        studies.delete(target, copied)
        raise


@contextmanager
def _artifacts(study: Study, wanted: str | None) -> Iterator[str | None]:
    """Copy the artifacts to a new place and yield it; remove them again after an error."""
    if wanted is None or "artifacts" not in study.config:
        yield None
        return
    place = creation.new_place(wanted, study.name)
    try:
        _copy_artifacts(study.config["artifacts"], place)
        yield place
    except BaseException:
        bucket.remove_all(place)
        raise


def _own_place(place: str) -> dict[str, Any]:
    """Return what the record of a copy says of its own artifacts; their folder gets a marker."""
    return {"artifacts": place, "artifacts_marker": creation.marked(place)}


def _copy_artifacts(old: str, new: str) -> None:
    source, target = bucket.looking(old), bucket.open_store(new)
    if bucket.is_bucket(old) or Path(old).is_dir():
        for stored in source.objects():
            bucket.put(target, stored.name, source.read(stored.name))
    folder = bucket.folder(old)
    for each in folder.iterdir() if folder.is_dir() else ():
        # best/, logs/: they lie beside the objects, or on this machine alone
        if each.is_dir() and not each.is_symlink():
            shutil.copytree(each, bucket.folder(new) / each.name, ignore=_links)


def _links(folder: str, names: list[str]) -> list[str]:
    """Return the symbolic links in a folder, which could lead to any file."""
    return [name for name in names if (Path(folder) / name).is_symlink()]


def _facts(db: Database, study: Study, place: str) -> dict[str, str]:
    """Return the facts that name the folder of an exported model, with the copy's folder."""
    old, new = bucket.folder(study.config["artifacts"]), bucket.folder(place)
    return {
        key: json.dumps({**value, "folder": str(new / Path(value["folder"]).relative_to(old))})
        for key, value in studies.facts(db, study).items()
        if _is_export(key, value) and Path(value["folder"]).is_relative_to(old)
    }


def _is_export(key: str, value: Any) -> bool:
    return key.split()[0] == "export" and "folder" in value
