"""Trainings inside an objective of the user's: each `fit` is followed, saved, and gone on with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras

from studyhall.search.scripts.script_trial import ScriptTrial
from studyhall.search.scripts.trial_callback import TrialCallback


class Fits:
    """The calls of Keras' `fit` during one trial, in order.

    A trial that another worker continues runs its objective from the start; the `fit` that was
    interrupted goes on from its checkpoint, those before it train again.

    Args:
        trial: the trial.
    """

    def __init__(self, trial: ScriptTrial) -> None:
        self._trial = trial
        self._count = 0
        self.last: TrialCallback | None = None

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Follow each `fit` that begins in a `with` block."""
        original = keras.Model.fit

        def fit(model: Any, *args: Any, **kwargs: Any) -> Any:
            return self._fit(original, model, args, kwargs)

        with replaced(fit):
            yield

    def _fit(
        self, original: Callable[..., Any], model: Any, args: tuple[Any, ...], kwargs: Any
    ) -> Any:
        bound = inspect.signature(original).bind(model, *args, **kwargs)
        others = [*_listed(bound.arguments.get("callbacks"))]
        own = next((each for each in others if isinstance(each, TrialCallback)), None)
        if own is None:
            own = TrialCallback(self._trial, lambda logs: None, others, keeps_weights=False)
            bound.arguments["callbacks"] = [*others, own]
        self._trial.part, self._count = self._count, self._count + 1
        own.begin(others)
        self.last = own
        return original(*bound.args, **bound.kwargs)


@contextmanager
def replaced(fit: Callable[..., Any]) -> Iterator[None]:
    """Let a function stand for Keras' `fit` in a `with` block."""
    original = keras.Model.fit
    keras.Model.fit = fit
    try:
        yield
    finally:
        keras.Model.fit = original


def _listed(callbacks: Any) -> list[Any]:
    """Return the callbacks of a `fit`, which may be given as one or as a list of Keras' own."""
    if callbacks is None:
        return []
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return [*callbacks.callbacks]
    return [*callbacks] if isinstance(callbacks, list | tuple) else [callbacks]
