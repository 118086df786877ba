"""The losses, metrics and weights of several outputs, as a study file names them by output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from studyhall.search.study_file import own_code
from studyhall.search.study_file.sections import StudyFile
from studyhall.search.training import metrics as measures
from studyhall.search.training import model_losses
from studyhall.search.trial.own_code import OwnCode
from studyhall.spaces.failures import UnusableCodeError


@dataclass(frozen=True)
class Named:
    """The things that losses and metrics are named in.

    Attributes:
        file: the study file.
        own: the user's own losses and metrics.
        outputs: number of outputs that each target needs, as `Data.outputs`.
    """

    file: StudyFile
    own: OwnCode
    outputs: Any


def arguments(named: Named, model: keras.Model) -> dict[str, Any]:
    """Return loss, metrics and loss weights for `compile`.

    Args:
        named: of a study whose targets are as given.
        model: not compiled yet.

    Raises:
        UnusableCodeError: there is no loss, or a table names other outputs than the model has.
    """
    chosen = named.file.training
    outputs = model_losses.output_names(model)
    if chosen.loss == "auto":
        expected = f"a table of a loss for each output ({_listed(outputs)}), or a model that is"
        raise UnusableCodeError(f'[training] loss: received "auto", expected {expected} compiled')
    tables = {"loss": chosen.loss, "metrics": chosen.metrics, "loss_weights": chosen.loss_weights}
    for key, table in tables.items():
        _check(key, table, outputs)
    return {
        "loss": _each(chosen.loss, lambda name, _: loss(named.own, name)),
        "metrics": None if chosen.metrics == "auto" else _metrics(named),
        "loss_weights": _weights(named, outputs),
    }


def refuse_compiled(file: StudyFile) -> None:
    """Refuse keys by output beside a builder that compiles its models itself.

    Raises:
        UnusableCodeError: the study file has some.
    """
    chosen = file.training
    for key in ("loss", "metrics", "loss_weights"):
        if isinstance(value := getattr(chosen, key), Mapping) and value:
            raise UnusableCodeError(
                f"[training] {key}: received a table by output, expected none: "
                f'"{file.model.family}" compiles its models with losses and metrics of its own'
            )


def loss(own: OwnCode, name: str) -> keras.losses.Loss:
    """Return the loss of one output, by its Keras name or the user's own."""
    if own_code.is_own(name):
        return own.loss(name)
    class_name = "".join(word.title() for word in name.split("_"))
    return keras.losses.get({"class_name": class_name, "config": {}})


def _check(key: str, table: Any, outputs: list[str]) -> None:
    """Check that a table names outputs of the model; of losses, all of them."""
    if not isinstance(table, Mapping) or not outputs:
        return
    strange = [name for name in table if name not in outputs]
    missing = [name for name in outputs if name not in table] if key == "loss" else []
    if strange or missing:
        received = f"{key}: received {_listed(table)}"
        raise UnusableCodeError(f"[training] {received}, expected the outputs {_listed(outputs)}")


def _weights(named: Named, outputs: list[str]) -> Any:
    given = named.file.training.loss_weights
    return {**dict.fromkeys(outputs, 1.0), **given} if given else None


def _metrics(named: Named) -> Any:
    return _each(named.file.training.metrics, lambda name, output: _metric(named, name, output))


def _each(value: Any, made: Any, output: str = "") -> Any:
    """Return what is made of each name in a name, a list of names, or a table of these."""
    if isinstance(value, Mapping):
        return {name: _each(each, made, name) for name, each in value.items()}
    if isinstance(value, list):
        return [made(name, output) for name in value]
    return made(value, output)


def _metric(named: Named, name: str, output: str) -> Any:
    if own_code.is_own(name):
        (own,) = named.own.metrics(name)
        return own
    if name not in measures.NAMES:
        return name
    needed = named.outputs
    count = needed.get(output) if isinstance(needed, Mapping) else needed
    if not isinstance(count, int):
        expected = "another one, or targets in a dict by output, whose classes can be counted"
        raise UnusableCodeError(f'[training] metrics: received "{name}", expected {expected}')
    return measures.measure(name, "multiclass" if count > 1 else "binary", count)


def _listed(names: Any) -> str:
    return ", ".join(names) or "whose names only your code knows"
