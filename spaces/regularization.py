"""Regularization hyperparameters: penalties, augmentation, label smoothing, class weights.

`spaces.architecture` adds dropout, after every activation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from studyhall.spaces.entry import Value
from studyhall.spaces.failures import ArchitectureError


def regularizer(values: Mapping[str, Value]) -> keras.regularizers.Regularizer | None:
    """Return the L1, L2 or L1+L2 penalty on the weights of one hidden layer; None without one."""
    l1, l2 = _number(values, "l1"), _number(values, "l2")
    if l1 and l2:
        return keras.regularizers.L1L2(l1=l1, l2=l2)
    if l1:
        return keras.regularizers.L1(l1)
    return keras.regularizers.L2(l2) if l2 else None


def augmentation(values: Mapping[str, Value], input_shape: tuple[int, ...]) -> list[keras.Layer]:
    """Return layers that augment images, in training only.

    Args:
        values: The trial's ``flip``, ``rotation`` (degrees), ``shift`` and ``zoom`` (shares).
        input_shape: Shape of one sample; images are (height, width, channels) or (height, width).

    Raises:
        ArchitectureError: If the samples are not images.
    """
    chosen = [*_flip(values), *_rotation(values), *_shift(values), *_zoom(values)]
    if chosen and len(input_shape) not in (2, 3):
        asked = ", ".join(layer.name for layer in chosen)
        raise ArchitectureError(f"{asked}: needs images, received samples of shape {input_shape}")
    if keras.config.backend() == "jax":
        for layer in chosen:  # Keras says no for TensorFlow's sake, whose transformation XLA lacks
            layer.supports_jit = True
    return chosen


_FLIPS = {  # two layers for "both": Keras' "horizontal_and_vertical" never flips one axis alone
    True: ("horizontal",),
    "horizontal": ("horizontal",),
    "vertical": ("vertical",),
    "both": ("horizontal", "vertical"),
}
_EDGES = {"fill_mode": "nearest"}  # uncovered areas repeat the image's edge


def _flip(values: Mapping[str, Value]) -> list[keras.Layer]:
    flip = values.get("flip")
    if isinstance(flip, list) or not flip:
        return []
    return [layers.RandomFlip(mode, name=f"flip_{mode}") for mode in _FLIPS[flip]]


def _rotation(values: Mapping[str, Value]) -> list[keras.Layer]:
    turn = _number(values, "rotation") / 360
    return [layers.RandomRotation(turn, name="rotation", **_EDGES)] if turn else []


def _shift(values: Mapping[str, Value]) -> list[keras.Layer]:
    shift = _number(values, "shift")
    return [layers.RandomTranslation(shift, shift, name="shift", **_EDGES)] if shift else []


def _zoom(values: Mapping[str, Value]) -> list[keras.Layer]:
    zoom = _number(values, "zoom")
    return [layers.RandomZoom(zoom, name="zoom", **_EDGES)] if zoom else []


def loss(task: str, label_smoothing: float = 0.0) -> keras.losses.Loss:
    """Return the loss of a task, for targets as a study prepares them.

    Args:
        task: ``binary`` (targets 0 or 1), ``multiclass`` (class numbers, not one-hot),
            ``multilabel`` (N, labels) or ``regression``.
        label_smoothing: Share of the target spread over all classes.

    Raises:
        ArchitectureError: If `label_smoothing` is given for a regression.
    """
    match task:
        case "multiclass" if label_smoothing:
            return SmoothedCrossentropy(label_smoothing)
        case "multiclass":
            return keras.losses.SparseCategoricalCrossentropy()
        case "binary" | "multilabel":
            return keras.losses.BinaryCrossentropy(label_smoothing=label_smoothing)
    if label_smoothing:
        raise ArchitectureError(f"label_smoothing = {label_smoothing}: a {task} has no classes")
    return keras.losses.MeanSquaredError()


@keras.saving.register_keras_serializable(package="studyhall")
class SmoothedCrossentropy(keras.losses.Loss):  # type: ignore[misc]
    """`keras.losses.CategoricalCrossentropy` with label smoothing, for class numbers.

    Keras smooths one-hot targets only.

    Args:
        label_smoothing: Share of the target spread over all classes.
    """

    def __init__(
        self, label_smoothing: float, name: str = "smoothed_crossentropy", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss per sample, of class numbers (N,) or (N, 1) and probabilities (N, k)."""
        classes = y_pred.shape[-1]
        numbers = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        share = ops.cast(ops.convert_to_tensor(self.label_smoothing), y_pred.dtype)
        targets = ops.one_hot(numbers, classes, dtype=y_pred.dtype)
        targets = targets * (1.0 - share) + share / classes
        return ops.categorical_crossentropy(targets, y_pred)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the loss."""
        config: dict[str, Any] = super().get_config()
        return config | {"label_smoothing": self.label_smoothing}


def class_weights(values: Mapping[str, Value], y: np.ndarray) -> dict[int, float] | None:
    """Return the class weights of the training loss; None if all samples have the same weight.

    ``balanced`` gives every class the same total weight, like scikit-learn's
    ``compute_class_weight``; the weights of all N samples sum to N.

    Args:
        values: The trial's values.
        y: Class numbers of the training samples, (N,).

    Raises:
        ArchitectureError: If the targets are not class numbers.
    """
    if values.get("class_weights", "none") == "none":
        return None
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise ArchitectureError("class_weights: the targets are not one class per sample")
    classes, counts = np.unique(y, return_counts=True)
    weights = len(y) / (len(classes) * counts)
    return {int(label): float(weight) for label, weight in zip(classes, weights, strict=True)}


def _number(values: Mapping[str, Value], name: str) -> float:
    value = values.get(name, 0.0)
    assert isinstance(value, int | float), (name, value)
    return float(value)
