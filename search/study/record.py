"""A study's record in the database, read back and checked again: its file, its folder, its data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studyhall.search.study.inspection import Inspection
from studyhall.search.study_file import config
from studyhall.search.study_file.sections import StudyFile
from studyhall.storage.artifacts import bucket
from studyhall.storage.artifacts.artifact_store import ArtifactStore
from studyhall.storage.studies.rows import Study


@dataclass(frozen=True)
class Stored:
    """What a study's record says, checked again.

    Attributes:
        folder: where the study file lay; data and user code are looked for there.
        artifacts: folder of checkpoints and models; for those in a bucket, of this machine's own.
        inspection: fingerprints of data and code.
    """

    file: StudyFile
    folder: Path
    artifacts: Path
    inspection: Inspection


def stored(study: Study) -> Stored:
    """Read a study's record.

    Raises:
        ConfigError: it was written by a version whose keys differ.
    """
    record: dict[str, Any] = study.config
    return Stored(
        config.from_dict(record["file"], study.name),
        Path(record["folder"]),
        local_folder(study),
        Inspection(**record["inspection"]),
    )


def objects(study: Study) -> ArtifactStore:
    """The study's checkpoints, models and figures.

    Raises:
        ArtifactError: its folder can't be written to.
    """
    return bucket.open_store(study.config["artifacts"])


def local_folder(study: Study) -> Path:
    """Where its files lie on this machine; if they are in a bucket, below the working directory."""
    return bucket.folder(study.config["artifacts"])


def remove_artifacts(study: Study) -> None:
    """Remove a deleted study's checkpoints, models and logs.

    Raises:
        ArtifactError: they are in a bucket that can't be reached.
    """
    bucket.remove_all(study.config["artifacts"])
