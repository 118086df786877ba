"""The user's own losses, metrics and callbacks: the forms in which they are written."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from typing import Any

import keras

from studyhall.spaces.failures import UnusableCodeError, UserCodeError
from studyhall.spaces.static_checks import Forms, fits
from studyhall.spaces.training_forms import MEASURE, OF_CALLBACKS, OF_LOSS, OF_METRIC, Label
from studyhall.spaces.user_code import call


def loss(found: Any) -> Any:
    """Return a loss as a function of targets and predictions, or as a `keras.losses.Loss`.

    Args:
        found: what the user's file has under the name: a function, a Loss or its class.

    Raises:
        UnusableCodeError: it is none of these, or takes other arguments.
    """
    if isinstance(found, type) and issubclass(found, keras.losses.Loss):
        found = _created(found)
    if isinstance(found, keras.losses.Loss):
        return found
    return _function(found, OF_LOSS)


def metric(found: Any) -> Any:
    """Return a metric as a function of targets and predictions, or as a `keras.metrics.Metric`.

    Args:
        found: what the user's file has under the name: a function, a Metric or its class, or a
            function without arguments that returns one of these.

    Raises:
        UnusableCodeError: it is none of these, or takes other arguments.
        Exception: what the user's code raises.
    """
    if isinstance(found, type) and issubclass(found, keras.metrics.Metric):
        return _created(found)
    if isinstance(found, keras.metrics.Metric):
        return found
    function = _function(found, OF_METRIC)
    if fits(inspect.signature(function), MEASURE):
        return function
    made = function()
    if isinstance(made, keras.metrics.Metric):
        return made
    raise UnusableCodeError(f"it returned {_kind(made)}, expected a keras.metrics.Metric")


def takes_trial(found: Any) -> bool:
    """Return True if a function that makes callbacks takes the trial.

    Raises:
        UnusableCodeError: it is no function, or takes other arguments.
    """
    function = _function(found, OF_CALLBACKS, classes=True)
    return not fits(inspect.signature(function), ())


class Callbacks:
    """The maker of the callbacks of a trial's trainings, each of which gets new ones.

    Args:
        function: the user's function.
        arguments: what it takes: nothing, or the trial.
        label: how it is named in messages.
    """

    def __init__(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], label: Label
    ) -> None:
        self.label = label
        self._function, self._arguments = function, arguments
        self._made: list[keras.callbacks.Callback] | None = None

    def make_ready(self) -> None:
        """Make the next ones now, so that what they ask the trial for is recorded with it."""
        self._made = self()

    def __call__(self) -> list[keras.callbacks.Callback]:
        """Return new callbacks.

        Raises:
            NamedCodeError: the user's function fails, or returns something else.
        """
        made, self._made = self._made, None
        if made is None:
            made = self._newly_made()
        return made

    def _newly_made(self) -> list[keras.callbacks.Callback]:
        try:
            return _new(call(self._function, *self._arguments))
        except UserCodeError as error:
            # Without the trial it would fail the same way in each.
            blamed = self.label.failure if self._arguments else self.label.error
            raise blamed(error) from error.__cause__


_seen: weakref.WeakSet[keras.callbacks.Callback] = weakref.WeakSet()


def _new(made: Any) -> list[keras.callbacks.Callback]:
    listed = [*made] if isinstance(made, list | tuple) else [made]
    for each in listed:
        if not isinstance(each, keras.callbacks.Callback):
            expected = "a Keras callback or a list of them"
            raise UnusableCodeError(f"it returned {_kind(each)}, expected {expected}")
        if isinstance(each, keras.callbacks.BackupAndRestore):
            expected = "none: studyhall saves each training and continues it"
            raise UnusableCodeError(f"it returned a BackupAndRestore, expected {expected}")
        if each in _seen:
            received = f"it returned the same {type(each).__name__} as before"
            raise UnusableCodeError(f"{received}, expected a new one for each training")
    _seen.update(listed)
    return listed


def _created(kind: Callable[[], Any]) -> Any:
    try:
        return kind()
    except TypeError as error:
        raise UnusableCodeError(
            f"it is a class that needs arguments ({error}), expected an instance of it"
        ) from error


def _function(found: Any, forms: Forms, *, classes: bool = False) -> Any:
    if not callable(found) or (isinstance(found, type) and not classes):
        raise UnusableCodeError(f"it is {_kind(found)}")
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError) as error:
        raise UnusableCodeError("it has arguments that can't be read") from error
    if not any(fits(signature, form) for form in forms):
        raise UnusableCodeError(f"it takes {signature}")
    return found


def _kind(value: Any) -> str:
    if value is None:
        return "nothing (is its return missing?)"
    return f"the class {value.__name__}" if isinstance(value, type) else (
        f"a value of type {type(value).__name__}"
    )  # fmt: skip
