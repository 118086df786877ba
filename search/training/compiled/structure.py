"""The structure of a Keras model: its configuration without what may vary between trials."""

from __future__ import annotations

from functools import cache
from typing import Any

import keras
import numpy as np

from studyhall.search.training.compiled import adjustable, updates

_LAYERS = keras.layers
# Layers that compute the same whatever the widths around them: a model that consists of these only
# need not be compiled anew for other units. Convolutions reshape their bias to a fixed width.
_OPEN = (
    *(_LAYERS.InputLayer, _LAYERS.Dense, _LAYERS.Flatten),
    *(_LAYERS.BatchNormalization, _LAYERS.Activation, _LAYERS.ReLU, _LAYERS.LeakyReLU),
    *(_LAYERS.ELU, _LAYERS.PReLU, _LAYERS.Maximum, _LAYERS.Add, _LAYERS.Reshape),
    *(_LAYERS.MaxPooling1D, _LAYERS.MaxPooling2D, _LAYERS.AveragePooling1D),
    *(_LAYERS.AveragePooling2D, _LAYERS.GlobalMaxPooling1D, _LAYERS.GlobalMaxPooling2D),
    *(_LAYERS.GlobalAveragePooling1D, _LAYERS.GlobalAveragePooling2D, _LAYERS.Rescaling),
    *(_LAYERS.RandomFlip, _LAYERS.RandomRotation, _LAYERS.RandomTranslation, _LAYERS.RandomZoom),
    *adjustable.DROPOUTS,
)
_WIDTHS = {"units"}
_RATES = {layer.__name__ for layer in adjustable.DROPOUTS}
_PENALTIES = {penalty.__name__ for penalty in adjustable.PENALTIES}
_PLACES = ("keras_history", "input_layers", "output_layers")


def widths_are_open(model: Any) -> bool:
    """Return whether one compiled function can train this model at any widths of hidden layers."""
    optimizer = updates.inner(model.optimizer)
    if isinstance(optimizer, keras.optimizers.Adafactor) or optimizer.gradient_accumulation_steps:
        # They reduce over a variable's axes, or keep gradients of a fixed shape.
        return False
    kind: Any = type(optimizer)
    if not _tells_its_slots(kind):
        return False
    layers = [layer for layer in model._flatten_layers() if layer is not model]
    penalties = [getattr(layer, "activity_regularizer", None) for layer in layers]
    penalties += [variable.regularizer for variable in model.variables]
    known = all(it is None or type(it) in adjustable.PENALTIES for it in penalties)
    return known and all(type(layer) in _OPEN for layer in layers)


@cache
def _tells_its_slots(kind: type[Any]) -> bool:
    """Return whether an optimizer links slots to variables; some before Keras 3.10 don't."""
    told: list[Any] = []
    optimizer, variable = kind(name="asked"), keras.Variable(np.zeros((2, 3)), name="asked")
    add = optimizer.add_variable_from_reference

    def recording(*arguments: Any, **others: Any) -> Any:
        told.append(add(*arguments, **others))
        return told[-1]

    optimizer.add_variable_from_reference = recording
    optimizer.build([variable])
    slots = [each for each in optimizer.variables if each.shape == variable.shape]
    return len(told) == len(slots)


class Structure:
    """The structure of a model.

    It lacks names, seeds, initializers, dropout rates and factors of penalties; and widths if these
    are open.

    Args:
        model: Built.

    Attributes:
        open: True if the widths are open.
        config: The remaining configuration, JSON-able.
    """

    def __init__(self, model: Any) -> None:
        layers = enumerate(model._flatten_layers())
        self._names = {layer.name: f"#{number}" for number, layer in layers}
        self.open = widths_are_open(model)
        self.config = self._part(model.get_config())

    def _part(self, config: Any) -> Any:
        if isinstance(config, list | tuple):
            return [self._part(part) for part in config]
        if not isinstance(config, dict):
            return config
        if config.get("class_name") == "__keras_tensor__":
            return self._tensor(config["config"])
        if "class_name" in config:
            return self._object(config)
        return self._entries(config)

    def _tensor(self, config: dict[str, Any]) -> Any:
        shape = len(config["shape"]) if self.open else config["shape"]
        return [shape, config["dtype"], self._renamed(config["keras_history"])]

    def _object(self, config: dict[str, Any]) -> Any:
        if "DTypePolicy" in config["class_name"]:  # the name of a policy is its precision
            return config
        if config["class_name"] in _RATES:
            inner = dict(config["config"])
            config = {**config, "config": {**inner, "rate": inner["rate"] > 0}}
        return self._entries(config)

    def _entries(self, config: dict[str, Any]) -> Any:
        return {key: self._entry(key, value) for key, value in config.items() if self._counts(key)}

    def _counts(self, key: Any) -> bool:
        varies = key in ("seed", "build_config") or (self.open and key in _WIDTHS)
        return not (varies or str(key).endswith("initializer"))

    def _entry(self, key: str, value: Any) -> Any:
        if key == "name" and isinstance(value, str):
            return self._names.get(value, "")
        if key in _PLACES:
            return self._renamed(value)
        if key.endswith("_regularizer") and key != "activity_regularizer" and value:
            return value["class_name"] if value["class_name"] in _PENALTIES else value
        return self._part(value)

    def _renamed(self, places: Any) -> Any:
        if isinstance(places, list | tuple):
            return [self._renamed(part) for part in places]
        return self._names.get(places, places) if isinstance(places, str) else places
