"""The conversion of the proven model into another format, kept only if it predicts the same.

The converted model is loaded by its own runtime in a fresh process, and predicts the validation set
of the training that the model is of. Each prediction must be the model's, but for rounding, and so
must be the value of the study's objective.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from studyhall.search.data import loading
from studyhall.search.data.parts import Fold
from studyhall.search.data.trees import Tree
from studyhall.search.evaluation import best, proof_result, reloading, scored_again
from studyhall.search.evaluation.formats import FORMATS
from studyhall.search.evaluation.reloading import NotProvenError
from studyhall.search.evaluation.valuation import Valuation
from studyhall.search.process import wire
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.losses import AS_GIVEN
from studyhall.search.trial import blueprints, exporting, failures
from studyhall.storage.artifacts.atomic_files import reported
from studyhall.storage.database import Database, private_files
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies.rows import Study

Converted = dict[str, Any]  # format, path, samples, difference (of predictions), value


def of_study(db: Database, study: Study, number: int | None = None) -> Conversion:
    """Return the conversions of a study's proven model, whose data a study file describes.

    Args:
        db: the database of the study.
        study: the study.
        number: number of a trial to use instead of the winner.

    Raises:
        ConfigError: the model is not proven, or can't be loaded.
    """
    trial, proven = winner(db, study, number)
    stored = record.stored(study)
    loaded = loading.of_file(stored.file, stored.folder, study.seed)
    plan = blueprints.of_file(stored.file, loaded, stored.folder)
    if isinstance(loaded.train.x, Tree) or loaded.task == AS_GIVEN:
        received = f'study "{study.name}": received a model of several inputs or targets'
        raise ConfigError([f"--format: {received}, expected one of each; it is exported as .keras"])
    fold: Fold = loaded.folds[trial.attributes["model_fold"]]
    model = _loaded(study, plan, trial)

    def check(outputs: NDArray[np.float32]) -> dict[str, Any]:
        given = _Given(model, outputs)
        valued = Valuation(plan, trial, proven.get("objective"))
        value = valued.value(given, fold=fold, part=fold.validation)
        off, allowed = abs(value - proven["recorded"]), proof_result.allowed(proven)
        if not off <= allowed:
            said = f"its value is {value:.7g}, and {proven['recorded']:.7g} was recorded"
            raise DiffersError(f"{said}, of which rounding explains {allowed:.1g}")
        return {"value": value}

    return Conversion(
        model, fold.validation.x, scored_again.rounding(plan).loss, trial.number, check
    )


def winner(
    db: Database, study: Study, number: int | None = None
) -> tuple[TrialRecord, dict[str, Any]]:
    """Return the trial whose model is proven, and the proof.

    Raises:
        ConfigError: there is none.
    """
    found = best.read(db, study, number)
    if found.proof is None or found.failed:
        raise ConfigError([f'study "{study.name}" has no proven model'])
    return found.trial, found.proof


class DiffersError(Exception):
    """A converted model that predicts something else; the message says how."""


class Conversion:
    """The conversions of one proven model.

    Args:
        model: the model.
        x: the inputs of its validation set, (N, …).
        share: the rounding error of a prediction, as a share of the largest.
        number: the number of its trial.
        check: checks what all predictions amount to, and returns what is told of it; it raises a
            `DiffersError`.
    """

    def __init__(
        self,
        model: keras.Model,
        x: Any,
        share: float,
        number: int,
        check: Callable[[NDArray[np.float32]], dict[str, Any]],
    ) -> None:
        self._model, self._x = model, x
        self._share, self._number, self._check = share, number, check
        if model.inputs and model.inputs[0].dtype == "string":
            said = "its model takes texts, which only Keras splits into words"
            raise ConfigError([f"--format: trial {number}: {said}; it is exported as it is"])
        self._expected = exporting.predict(model, x)

    def convert(self, name: str, target: Path) -> Converted:
        """Convert the model, check the result, and move it to its place.

        Args:
            name: the format, of `FORMATS`.
            target: the file, or the folder of a SavedModel; replaced if it is there.

        Returns:
            The format, the path, on how many samples it was compared, the largest difference of a
            prediction, and the value of the objective, if a study file describes the study.

        Raises:
            ConfigError: it can't be converted, or predicts something else; nothing is kept.
            ArtifactError: it can't be written.
        """
        with reported(target):
            private_files.make_folder(target.parent)
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unfinished-") as folder:
                made = Path(folder) / FORMATS[name].file.rpartition("/")[2]
                self._export(name, made)
                about = self._compared(name, made, Path(folder))
                if target.is_dir():
                    shutil.rmtree(target)
                private_files.settle(made, target)
                made.replace(target)
        return {"format": name, "path": str(target), **about}

    def _export(self, name: str, path: Path) -> None:
        form = FORMATS[name]
        try:
            model = _in_float32(self._model) if form.single else self._model
            with warnings.catch_warnings():  # of converters, about NumPy and themselves
                warnings.simplefilter("ignore")
                model.export(path, format=form.keras_name, verbose=False)
        except Exception as error:  # converters raise anything, for what they don't know
            reason = failures.innermost(error)
            raise self._refusal(name, f"the model can't be converted: {reason}") from error

    def _compared(self, name: str, path: Path, folder: Path) -> dict[str, Any]:
        """Compare the predictions of the converted model.

        Raises:
            ConfigError: they are not the model's.
        """
        outputs = self._served(name, path, folder)
        if outputs.shape != self._expected.shape:
            said = f"received predictions of shape {outputs.shape}, not {self._expected.shape}"
            raise self._refusal(name, said)
        self._check_outputs(name, outputs)
        try:
            told = self._check(outputs)
        except DiffersError as error:
            raise self._refusal(name, str(error)) from None
        largest = float(np.abs(outputs - self._expected).max(initial=0.0))
        return {"samples": len(outputs), "difference": largest, **told}

    def _served(self, name: str, path: Path, folder: Path) -> NDArray[np.float32]:
        """Return what the format's own runtime predicts, in a fresh process."""
        samples, predictions = folder / "samples.npy", folder / "predictions.npy"
        x = exporting.taken(self._model, self._x)
        single = FORMATS[name].single
        np.save(samples, x.astype(np.float32) if single else x, allow_pickle=False)
        answer = wire.answer("serve", name, str(path), str(samples), str(predictions))
        if answer.returncode != 0:
            lines = answer.stderr.strip().splitlines() or ["no reason given"]
            raise self._refusal(name, f"its runtime can't run it: {lines[-1]}")
        found: NDArray[np.float32] = np.load(predictions, allow_pickle=False).astype(np.float32)
        return found

    def _check_outputs(self, name: str, outputs: NDArray[np.float32]) -> None:
        """Check that no prediction is further off than rounding explains.

        Raises:
            ConfigError: one is.
        """
        share = self._share
        size = np.abs(self._expected).reshape(len(outputs), -1).max(axis=-1, initial=0.0)
        apart = np.abs(outputs - self._expected).reshape(len(outputs), -1).max(axis=-1)
        wrong = ~(apart <= share * size)  # true for NaN too
        if wrong.any():
            said = f"{wrong.sum()} of {len(outputs)} predictions differ, by up to {apart.max():.2g}"
            raise self._refusal(name, f"{said}, and rounding explains {share:g} of the largest")

    def _refusal(self, name: str, why: str) -> ConfigError:
        return ConfigError([f"--format {name}: trial {self._number}: {why}; it is not kept"])


class _Given:
    """A model that gives known outputs, in the order in which it is asked for them."""

    def __init__(self, model: keras.Model, outputs: NDArray[np.float32]) -> None:
        self._model = model
        self._outputs = outputs
        self._at = 0

    def __call__(self, x: Any, training: bool = False) -> Any:
        """Return the next outputs, as many as there are samples."""
        start, self._at = self._at, self._at + len(x)
        return keras.ops.convert_to_tensor(self._outputs[start : self._at])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def _loaded(study: Study, plan: blueprints.Blueprint, trial: TrialRecord) -> keras.Model:
    """Load the model that was proven.

    Raises:
        ConfigError: it can't be loaded.
    """
    try:
        return reloading.loaded(trial, plan, record.objects(study))
    except NotProvenError as error:
        raise ConfigError([f"trial {trial.number}: {error.args[0]}"]) from error


def _in_float32(model: keras.Model) -> keras.Model:
    """Return a model whose normalisation is computed in float32, if it was in float64.

    The normalisation is a chain of layers before the trained model, see `exporting`.
    """
    if all(layer.compute_dtype != "float64" for layer in model.layers):
        return model
    raw = keras.Input(model.inputs[0].shape[1:], name="raw", dtype="float32")
    found = raw
    for layer in _chain(model):
        inner = isinstance(layer, keras.Model)
        found = layer(found, training=False) if inner else layer(found)
    return keras.Model(raw, found, name=model.name)


def _chain(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers[1:]:
        if isinstance(layer, keras.layers.Rescaling):
            yield keras.layers.Rescaling(layer.scale, layer.offset, dtype="float32")
        else:
            yield layer
