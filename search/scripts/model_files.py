"""The models of a script's best trials: written at the end of a trial, read for the script."""

from __future__ import annotations

import shutil
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

from studyhall.search.scripts.script_trial import ScriptTrial
from studyhall.search.trial import exporting, failures
from studyhall.search.trial.best_model import WEIGHTS_ALONE
from studyhall.search.trial.context import LOG
from studyhall.storage.artifacts.atomic_files import ArtifactError

WHOLE = ".keras"
WEIGHTS = "model.weights.h5"  # in a .keras file, and the ending that Keras asks for


def keep(trial: ScriptTrial, model: Any, cost: float, of_model: float | None = None) -> None:
    """Keep a trained model if its trial is among the best; if Keras can't write it, its weights.

    Args:
        trial: the trial.
        model: a Keras model with the variables of its best epoch.
        cost: the trial's value, the lower the better.
        of_model: that of the model, if it is one of several trainings.
    """
    try:
        trial.keep_model(cost, lambda path: exporting.save(model, path), WHOLE, of_model)
    except ArtifactError as error:
        _lost(trial, error)
    except Exception as error:  # the user's get_config may raise anything
        LOG.info("Keras can't save the model, only its weights: %s", failures.one_line(error))
        _keep_weights(trial, model, cost, of_model)


def _keep_weights(trial: ScriptTrial, model: Any, cost: float, of_model: float | None) -> None:
    try:
        trial.keep_model(
            cost, lambda path: exporting.save_weights(model, path), WEIGHTS_ALONE, of_model
        )
    except (ArtifactError, ValueError, TypeError, NotImplementedError) as error:
        _lost(trial, error)


def _lost(trial: ScriptTrial, error: Exception) -> None:
    LOG.warning("trial %d: can't save its model: %s", trial.number, error)
    trial.attributes["model_error"] = failures.innermost(error)


def load_weights(model: Any, path: Path) -> None:
    """Give a model of the same builder the weights in a file that `keep` has written.

    Raises:
        ValueError: they don't fit the model.
    """
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / WEIGHTS
        if path.suffix == WHOLE:
            with zipfile.ZipFile(path) as archive:
                weights.write_bytes(archive.read(WEIGHTS))
        else:
            shutil.copyfile(path, weights)
        with warnings.catch_warnings():  # the optimizer begins anew, as after KerasTuner
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            model.load_weights(weights)
