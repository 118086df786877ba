"""The loss that a model was compiled with, as recorded for the verdict on a trial."""

from __future__ import annotations

from typing import Any

import keras

from studyhall.search.training.compiled import sharing
from studyhall.search.training.keras_fit import PlainEpochs
from studyhall.search.training.training import Training
from studyhall.search.trial.modelling import Built

UNKNOWN = "unknown"
HARMLESS = ("from_logits", "axis")  # arguments that don't change the loss of a constant guess


def about(built: Built, run: Training) -> dict[str, str]:
    """Return attributes that describe how a trial's losses are measured, if it is unusual.

    Returns:
        ``own_loss``: Keras name or "unknown", if the user's code compiled the model;
        ``training_loss``: how the training loss is measured, if unlike the validation loss.
    """
    found = {"own_loss": own_loss(built.model)} if built.data_loss is None else {}
    differs = _differs(built) if isinstance(run._path, PlainEpochs) else ""
    return found | ({"training_loss": differs} if differs else {})


def own_loss(model: Any) -> str:
    """Return the Keras name of a compiled model's loss, or "unknown" if it is not a stock one."""
    own_steps = sharing.overrides(model, "train_step", "test_step", "compute_loss")
    if own_steps or (not isinstance(model.loss, str) and not callable(model.loss)):
        return UNKNOWN
    try:
        return _name(keras.losses.get(model.loss)) or UNKNOWN
    except ValueError:  # no such loss: the training will report it
        return UNKNOWN


def _name(loss: Any) -> str:
    """Return the name of a Keras loss function, or of a loss instance with default arguments."""
    if not isinstance(loss, keras.losses.Loss):
        name = getattr(loss, "__name__", "")
        return name if getattr(keras.losses, name, None) is loss else ""
    kind = type(loss)
    if getattr(keras.losses, kind.__name__, None) is not kind or not _shows_its_function(loss):
        return ""
    return _name(loss.fn) if _numbers(loss) == _numbers(kind()) else ""


def _shows_its_function(loss: Any) -> bool:
    return hasattr(loss, "fn") and hasattr(loss, "_fn_kwargs")


def _numbers(loss: Any) -> dict[str, Any]:
    given = {key: value for key, value in loss._fn_kwargs.items() if key not in HARMLESS}
    return {**given, "reduction": loss.reduction}


def _differs(built: Built) -> str:
    """Describe how `model.fit` measures the training loss, if unlike the validation loss."""
    smoothing = built.values.get("label_smoothing") if built.data_loss is not None else 0
    said = ["weighted by class"] if built.class_weight is not None else []
    said += ["of smoothed labels"] if smoothing else []
    return " and ".join(said)
