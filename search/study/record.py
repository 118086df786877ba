"""The record of a study in the database: study file, folder, artifacts and inspection."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studyhall.search.study.fingerprints import Inspection
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile
from studyhall.storage.artifacts import bucket, marker
from studyhall.storage.artifacts.artifact_store import ArtifactStore
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageReplaced
from studyhall.storage.studies import adoption, retiring, studies
from studyhall.storage.studies.rows import Study

SCRIPT = "script"  # key of the record of a study whose trials a user's script trains


@dataclass(frozen=True)
class Stored:
    """The contents of a study's record, checked.

    Attributes:
        file: the study file.
        folder: the study file's folder, to which paths of data and user code are relative.
        artifacts: folder of checkpoints and models; for a bucket, a local folder.
        inspection: fingerprints of data and code.
        by_script: True if a user's script trains its trials.
    """

    file: StudyFile
    folder: Path
    artifacts: Path
    inspection: Inspection
    by_script: bool = False


def stored(study: Study) -> Stored:
    """Read a study's record.

    Raises:
        ConfigError: it was written by a version with incompatible keys.
    """
    record: dict[str, Any] = study.config
    return Stored(
        config.from_dict(record["file"], study.name),
        Path(record["folder"]),
        local_folder(study),
        Inspection(**record["inspection"]),
        SCRIPT in record,
    )


def objects(study: Study) -> ArtifactStore:
    """Open the store of the study's checkpoints, models and figures.

    Raises:
        ArtifactError: its folder is not writable.
    """
    return bucket.open_store(study.config["artifacts"])


def check_reach(study: Study) -> None:
    """Check that this machine reaches the study's checkpoints and models.

    Raises:
        ConfigError: their folder is not there, or is another one of the same name.
        ArtifactError: their bucket can't be reached or written.
    """
    place = study.config["artifacts"]
    if bucket.is_bucket(place):
        bucket.probe(place)
        return
    folder, host = local_folder(study), socket.gethostname()
    name = study.config.get("artifacts_marker")  # earlier versions have made none
    if not folder.is_dir():
        wrong, expected = f"is no folder on {host}", "a folder that all workers share"
    elif not marker.is_there(folder, name):
        wrong = f"on {host} is another folder than this study's (it lacks {name})"
        expected = "the folder that all workers share, mounted there"
    else:
        return
    received = f"received {place}, which {wrong}, expected {expected}, or a bucket"
    raise ConfigError([f"{study.name}: [study] artifacts: {received}"])


def moved_to(db: Database, study: Study) -> str | None:
    """Return the database to which a study has been moved, artifacts and all; None if it wasn't."""
    return studies.facts(db, study).get(retiring.MOVED)


def check_trainable(db: Database, study: Study) -> None:
    """Check that trials of a study can be trained here.

    Raises:
        ConfigError: the study has been moved to another database, or another tool has made it, so
            that data and model are unknown.
    """
    if (origin := study.config.get(adoption.FOREIGN)) is not None:
        received = f"received a study of {origin}, whose data and model are not known here"
        raise ConfigError([f"{study.name}: {received}, expected one that has a study file"])
    if (to := moved_to(db, study)) is not None:
        expected = f"expected --storage {to}, or to delete this one, which leaves the files there"
        raise ConfigError([f"{study.name}: received a study that was moved to {to}, {expected}"])


def local_folder(study: Study) -> Path:
    """Return the local folder of its files; for a bucket, a folder below the working directory."""
    return bucket.folder(study.config["artifacts"])


@contextlib.contextmanager
def kept(study: Study) -> Iterator[None]:
    """Say in errors of a `with` block where the study's files are, if its database was replaced.

    Raises:
        StorageReplaced: it was, with what to do.
    """
    try:
        yield
    except StorageReplaced as error:
        where = f"checkpoints and models are kept in {study.config['artifacts']}"
        again = f"studyhall resume {study.name}"
        raise StorageReplaced(f"{error}; {where}; to go on: {again}") from error


def remove_artifacts(study: Study) -> None:
    """Delete the checkpoints, models and logs of a study.

    Raises:
        ArtifactError: they are in a bucket that can't be reached.
    """
    bucket.remove_all(study.config["artifacts"])


def is_measured_again(study: Study) -> bool:
    """Return True if a model of the study can be measured again, so that it can be proven.

    A script's own function that measures its trials need not even train a model.
    """
    return bool(study.config.get(SCRIPT, {}).get("measures", True))


def check_described(study: Study, command: str) -> None:
    """Check that a study file describes the study, so that studyhall can train its models itself.

    Args:
        study: the study.
        command: the command that needs this, for the message.

    Raises:
        ConfigError: a script trains its trials.
    """
    if SCRIPT in study.config:
        path = study.config[SCRIPT]["path"]
        received = f"received {study.name}, whose trials {path} trains"
        raise ConfigError([f"studyhall {command}: {received}, expected the study of a study file"])
