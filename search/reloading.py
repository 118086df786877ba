"""A saved model, loaded as anybody would load it, or the reason why it can't be."""

from __future__ import annotations

import hashlib
from pathlib import Path

import keras

from search.trial import reasons
from storage import bucket
from storage.artifacts import ArtifactStore
from storage.records import TrialRecord


class NotProvenError(Exception):
    """A saved model can't be proven; the message says why, in a line."""


def model(objects: ArtifactStore, trial: TrialRecord, *, trusted: bool) -> keras.Model:
    """The model that a trial has saved.

    Args:
        objects: of its study.
        trial: whose attributes say where the model lies.
        trusted: whether it was made by the user's code, which runs.

    Raises:
        NotProvenError: there is none, its file was altered, or it can't be loaded.
    """
    path = _file(objects, trial)
    try:
        return keras.models.load_model(path, compile=False, safe_mode=not trusted)
    except Exception as error:  # whatever a model's own classes raise, its file can't be used
        reason = reasons.innermost(error)
        raise NotProvenError(f"its saved model can't be loaded: {reason}") from error


def _file(objects: ArtifactStore, trial: TrialRecord) -> Path:
    if "model" not in trial.attributes:
        why = trial.attributes.get("model_error", "only the best trials' models are kept")
        raise NotProvenError(f"it has no saved model: {why}")
    path = bucket.fetched(objects, trial.attributes["model"])
    if not path.is_file():
        raise NotProvenError(f"its saved model is not at {path}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != trial.attributes["model_sha256"]:
        raise NotProvenError(f"its saved model at {path} was altered or cut off")
    return path
