"""The reloading of a saved model: from its file, or rebuilt and given its weights."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import keras
import optuna

from studyhall.search.trial import best_model, exporting, failures, modelling
from studyhall.search.trial.blueprints import Blueprint
from studyhall.spaces import own_classes
from studyhall.storage.artifacts import bucket
from studyhall.storage.artifacts.artifact_store import ArtifactStore


class NotProvenError(Exception):
    """An error that leaves a saved model unproven; the message is the reason, in one line."""


@dataclass(frozen=True)
class Reloaded:
    """A reloaded model.

    Attributes:
        model: takes raw samples.
        built: the model without normalisation, if the user's builder rebuilt it, else None.
        named: classes and functions named in its file; None if it was rebuilt.
    """

    model: keras.Model
    built: keras.Model | None = None
    named: own_classes.NamedObjects | None = None


class Saved(Protocol):
    """The description of a saved model, usually a trial."""

    @property
    def number(self) -> int:
        """The number of the trial."""

    @property
    def params(self) -> dict[str, Any]:
        """The hyperparameters that the builder asked for."""

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes: the model's object, its SHA-256, and the fold it was trained on."""


def ways(trial: Saved, plan: Blueprint) -> list[Callable[[ArtifactStore], Reloaded]]:
    """Return the ways to load the model of a trial, the simplest first.

    Each way raises NotProvenError if it fails. Rebuilding helps where Keras can't restore a
    user-defined class, such as one whose configuration lacks an argument.
    """
    from_file, anew = partial(_from_file, trial, plan), partial(_anew, trial, plan)
    if plan.builder is None:
        return [from_file]
    return [anew] if _is_weights_alone(trial) else [from_file, anew]


def loaded(trial: Saved, plan: Blueprint, objects: ArtifactStore) -> keras.Model:
    """Load the model of a trial, by the first way that succeeds.

    Raises:
        NotProvenError: none does; its arguments are the reasons, one for each way.
    """
    problems = []
    for way in ways(trial, plan):
        try:
            return way(objects).model
        except NotProvenError as error:
            problems.append(str(error))
    raise NotProvenError(*problems)


def own_objects(named: own_classes.NamedObjects) -> dict[str, Any]:
    """Return the user's classes and functions by the names that a model file uses for them."""
    found = {name: own_classes.find(name) for name in sorted(named.classes)}
    return {name: each for name, each in found.items() if each is not None}


def _from_file(trial: Saved, plan: Blueprint, objects: ArtifactStore) -> Reloaded:
    path = _file(objects, trial)
    try:
        named = _named(path)
        own, safe = own_objects(named), plan.builder is None
        model = keras.models.load_model(path, custom_objects=own, compile=False, safe_mode=safe)
    except Exception as error:  # the model's own classes may raise anything
        reason = failures.innermost(error)
        raise NotProvenError(f"its saved model can't be loaded: {reason}") from error
    return Reloaded(model, named=named)


def _anew(trial: Saved, plan: Blueprint, objects: ArtifactStore) -> Reloaded:
    path = _file(objects, trial)
    try:
        fixed = optuna.trial.FixedTrial(trial.params, trial.number)
        made = modelling.build(plan, fixed, plan.data.split.size)
        built, shape = made.model, made.form.samples or plan.data.input_shape
        preparation = plan.data.folds[trial.attributes["model_fold"]].preparation
        model = exporting.with_preparation(built, preparation, shape)
        with tempfile.TemporaryDirectory() as folder:
            weights = Path(folder) / "model.weights.h5"
            if _is_weights_alone(trial):
                shutil.copyfile(path, weights)
                built.load_weights(weights)
            else:
                with zipfile.ZipFile(path) as archive:
                    weights.write_bytes(archive.read(weights.name))
                model.load_weights(weights)
    except Exception as error:
        reason = failures.innermost(error)
        raise NotProvenError(f"its weights don't fit the rebuilt model: {reason}") from error
    return Reloaded(model, built=built)


def _named(path: Path) -> own_classes.NamedObjects:
    with zipfile.ZipFile(path) as archive:
        return own_classes.named(json.loads(archive.read("config.json")))


def _is_weights_alone(trial: Saved) -> bool:
    return str(trial.attributes.get("model", "")).endswith(best_model.WEIGHTS_ALONE)


def _file(objects: ArtifactStore, trial: Saved) -> Path:
    if "model" not in trial.attributes:
        why = trial.attributes.get("model_error", "only the best trials' models are kept")
        raise NotProvenError(f"it has no saved model: {why}")
    path = bucket.fetched(objects, trial.attributes["model"])
    if not path.is_file():
        raise NotProvenError(f"its saved model is not at {path}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != trial.attributes["model_sha256"]:
        raise NotProvenError(f"its saved model at {path} was altered or cut off")
    return path
