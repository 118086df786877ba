"""Losses and metrics of the user's own, which get targets in the form of the user's own data.

Studyhall codes classes as numbers from 0 and takes columns of one value for single values. Code of
the user's gets what Keras' own `fit` would give it: its labels, its one-hot rows, its (N, 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from studyhall.spaces import user_code
from studyhall.spaces.failures import UserCodeError
from studyhall.spaces.training_forms import Label


@dataclass(frozen=True)
class AsGiven:
    """The way back from coded targets to those of the user's data.

    Attributes:
        shape: shape of the targets of one sample.
        dtype: their type; None to leave it.
        table: (classes, *shape) the targets of each class, or None if they are not coded.
    """

    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    table: np.ndarray | None = None

    def __call__(self, y: Any) -> Any:
        """Return targets (N, *shape) for coded ones."""
        if self.table is not None:
            numbers = ops.cast(ops.reshape(y, (-1,)), "int32")
            return ops.take(ops.convert_to_tensor(self.table), numbers, axis=0)
        if self.shape is not None and tuple(y.shape[1:]) != self.shape:
            y = ops.reshape(y, (-1, *self.shape))
        return y if self.dtype is None else ops.cast(y, self.dtype)


AS_CODED = AsGiven()


class OwnLoss(keras.losses.Loss):  # type: ignore[misc]
    """A loss function of the user's, called as Keras calls one that `compile` gets.

    Args:
        own: the function.
        as_given: gives it the targets.
        name: its name.
        label: how it is named in messages.

    Attributes:
        fn: the function, as Keras' own wrappers call it.
    """

    def __init__(self, own: Any, as_given: AsGiven, name: str, label: Label) -> None:
        super().__init__(name=name, reduction=getattr(own, "reduction", "sum_over_batch_size"))
        self.fn, self._as_given, self.label = own, as_given, label

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the losses of samples, or their mean."""
        y_true = ops.cast(self._as_given(y_true), self.dtype)
        return _returned(self.label, self.fn, *_of_one_rank(y_true, y_pred))

    def get_config(self) -> dict[str, Any]:
        """Return the configuration of the user's loss, which says whether it takes logits."""
        return dict(self.fn.get_config()) if hasattr(self.fn, "get_config") else {}


class OwnLossObject(OwnLoss):
    """A `keras.losses.Loss` of the user's, which converts and reduces by itself."""

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return _returned(self.label, self.fn, self._as_given(y_true), y_pred, sample_weight)


class OwnMetric(keras.metrics.Metric):  # type: ignore[misc]
    """A metric function of the user's: its mean over samples, however they are divided.

    Args:
        own: the function, or in a subclass the metric.
        as_given: gives it the targets.
        name: the name by which it is recorded.
        label: how it is named in messages.
    """

    def __init__(self, own: Any, as_given: AsGiven, name: str, label: Label) -> None:
        super().__init__(name=name)
        self.fn, self._as_given, self.label = own, as_given, label
        self._add_state()

    def _add_state(self) -> None:
        self.total = self.add_variable((), initializer="zeros", name="total")
        self.samples = self.add_variable((), initializer="zeros", name="samples")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of samples, without regard to sample weights."""
        found = _returned(self.label, self.fn, self._as_given(y_true), y_pred)
        samples = ops.cast(ops.shape(y_pred)[0], "float32")
        self.total.assign_add(ops.mean(ops.cast(found, "float32")) * samples)
        self.samples.assign_add(samples)

    def result(self) -> Any:
        """Return the mean."""
        return ops.divide_no_nan(self.total, self.samples)


class OwnMetricObject(OwnMetric):
    """A `keras.metrics.Metric` of the user's, under the name by which it is recorded."""

    def _add_state(self) -> None:
        """Leave all state to the user's metric, which Keras finds in `fn`."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of samples."""
        with self.label.blamed():
            user_code.call(self.fn.update_state, self._as_given(y_true), y_pred)

    def reset_state(self) -> None:
        """Begin anew."""
        self.fn.reset_state()

    def result(self) -> Any:
        """Return the metric's value, also where it gives the variable that goes on changing."""
        found = _returned(self.label, self.fn.result)
        return ops.copy(ops.convert_to_tensor(found)) if hasattr(found, "dtype") else found


def loss(own: Any, as_given: AsGiven, name: str, label: Label) -> OwnLoss:
    """Return a loss of the user's, a function or a `keras.losses.Loss`, for `compile`."""
    kind = OwnLossObject if isinstance(own, keras.losses.Loss) else OwnLoss
    return kind(own, as_given, name, label)


def metric(own: Any, as_given: AsGiven, name: str, label: Label) -> OwnMetric:
    """Return a metric of the user's, a function or a `keras.metrics.Metric`, for `compile`."""
    kind = OwnMetricObject if isinstance(own, keras.metrics.Metric) else OwnMetric
    return kind(own, as_given, name, label)


def tried(measure: OwnLoss | OwnMetric, y: Any, predicted: Any) -> None:
    """Measure predictions of some samples, to see that a number comes out.

    Args:
        measure: the loss or metric.
        y: coded targets.
        predicted: as many predictions.

    Raises:
        NamedCodeError: it raises, or what it returns is no number.
    """
    y, predicted = ops.convert_to_tensor(y), ops.convert_to_tensor(predicted)
    try:
        if isinstance(measure, OwnLoss):
            found = measure(y, predicted)
        else:
            measure.update_state(y, predicted)
            found = measure.result()
    except UserCodeError:
        raise
    except Exception as error:  # what it returned may be anything
        said = str(error).strip().partition("\n")[0]
        raise measure.label.error(f"it returned no numbers: {said}") from error
    if (why := _no_number(found)) is not None:
        raise measure.label.error(why)


def _no_number(found: Any) -> str | None:
    """Return what is wrong with the value of a loss or metric; None if it is a number."""
    shape = getattr(found, "shape", ())
    if len(shape) > 0:
        return f"it returned an array of shape {tuple(shape)}, not a number"
    try:
        number = float(found)
    except (TypeError, ValueError):
        return f"it returned a {type(found).__name__}, not a number"
    return "it returned NaN for random predictions" if np.isnan(number) else None


def _returned(label: Label, function: Any, *arguments: Any) -> Any:
    with label.blamed():
        found = user_code.call(function, *arguments)
        if found is None:
            raise UserCodeError("it returned nothing (is its return missing?)")
    return found


def _of_one_rank(y: Any, predicted: Any) -> tuple[Any, Any]:
    """Return targets and predictions as Keras gives them to a loss function: (N,) becomes (N, 1).

    Predictions of many classes keep their axis beside class numbers.
    """
    if len(predicted.shape) == len(y.shape) + 1 and predicted.shape[-1] == 1:
        return ops.expand_dims(y, -1), predicted
    if len(y.shape) == len(predicted.shape) + 1 and y.shape[-1] == 1:
        return y, ops.expand_dims(predicted, -1)
    return y, predicted
