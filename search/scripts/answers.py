"""Answers to a script after its search: trials, the best first, and the files of their models."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from studyhall.search.scripts.session import Searched
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.artifacts import atomic_files, bucket
from studyhall.storage.database import Database
from studyhall.storage.queries import records
from studyhall.storage.queries.records import TrialRecord


def best(searched: Searched, count: int) -> list[TrialRecord]:
    """Return the best complete trials, the best first."""
    with closing(Database.open(searched.url, create=False)) as db:
        found, _ = records.best(db, searched.study, count)
    return found


def every(searched: Searched) -> list[TrialRecord]:
    """Return all trials of the study, by number."""
    with closing(Database.open(searched.url, create=False)) as db:
        return records.trials(db, searched.study)


def model_file(searched: Searched, trial: TrialRecord) -> Path:
    """Return the file of a trial's model, on this machine.

    Raises:
        ConfigError: its model was not kept, or its file is gone or was altered.
    """
    objects = record.objects(searched.study)
    name = trial.attributes.get("model")
    path = None if name is None else bucket.fetched(objects, name)
    if path is None or not path.is_file():
        why = trial.attributes.get("model_error") or _why_none(searched)
        raise ConfigError([f"{searched.study.name}: trial {trial.number} has no model: {why}"])
    if atomic_files.sha256(path) != trial.attributes["model_sha256"]:
        altered = f"its model at {path} was altered or cut off"
        raise ConfigError([f"{searched.study.name}: trial {trial.number}: {altered}"])
    return path


def _why_none(searched: Searched) -> str:
    """Return why no model of a trial was kept."""
    if any("model" in each.attributes for each in every(searched)):
        return "only the models of the best trials are kept"
    return (
        "none was recorded, as studyhall sees only what Keras' own fit trains; save the models of "
        "another training yourself"
    )
