"""The conversion of a script's proven model into other formats: the script brings its inputs."""

from __future__ import annotations

from typing import Any

import keras

from studyhall.search.evaluation import conversion, tolerance
from studyhall.search.evaluation.conversion import Conversion
from studyhall.search.scripts import answers, script_proof
from studyhall.search.scripts.session import Searched
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.training import backend
from studyhall.storage.database import Database
from studyhall.storage.studies.rows import Study


def of_script(db: Database, url: str, study: Study, number: int | None = None) -> Conversion:
    """Return the conversions of the proven model of a script's study.

    Args:
        db: database of the study.
        url: its URL.
        study: the study.
        number: number of a trial to use instead of the best.

    Raises:
        ConfigError: the model is not proven, or the script can't bring its inputs.
    """
    trial, _ = conversion.winner(db, study, number)
    call = script_proof.reached(url, study)
    if call.convertible is None:
        raise ConfigError([f"{study.name}: only a tuner of KerasTuner brings inputs to compare by"])
    path = answers.model_file(Searched(url, study), trial)
    model, x = call.convertible(trial, path)
    return Conversion(model, x, _rounding(model), trial.number, lambda outputs: {})


def _rounding(model: keras.Model) -> float:
    """Return the rounding error of a prediction, as a share of the largest."""
    precision: Any = model.dtype_policy.name
    if precision == "float32" and backend.rounds_to_tf32():
        precision = tolerance.TF32
    return tolerance.OF.get(precision, tolerance.OF["float32"]).loss
