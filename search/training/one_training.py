"""The user's callbacks in a training that calls `fit` for one epoch at a time.

They see one training: it begins once and ends once, whatever happens in between, and in whichever
process it goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from studyhall.search.training.callback_state import state
from studyhall.search.training.callback_state.parts import UnsavableError
from studyhall.search.training.checkpoint import CheckpointError
from studyhall.spaces.failures import UserCodeError
from studyhall.spaces.training_code import Callbacks
from studyhall.spaces.user_code import PASSED_ON
from studyhall.spaces.user_errors import told

EVENTS = (
    *("on_epoch_begin", "on_epoch_end", "on_test_begin", "on_test_end"),
    *(f"on_{way}batch_{when}" for way in ("", "train_", "test_") for when in ("begin", "end")),
)


CALLBACKS = "callbacks"  # fact of a checkpoint: what they remember
FORGOTTEN = "forgotten"  # or the reason why it can't hold that
ANEW = "a training that is stopped begins anew"

_log = logging.getLogger("studyhall")


def check(facts: Mapping[str, Any]) -> None:
    """Refuse the checkpoint of a training whose callbacks it can't hold.

    Raises:
        CheckpointError: It is one.
    """
    if FORGOTTEN in facts:
        raise CheckpointError(f"it does not hold the callbacks ({facts[FORGOTTEN]})")


class OneTraining(keras.callbacks.CallbackList):  # type: ignore[misc]
    """The callbacks that every `fit` of a training gets, as if it were a single one.

    Args:
        make: Returns those of the user, between `first` and `last`.
        model: The model.
        epochs: Largest number of epochs of the training.
        steps: Batches of an epoch.
        first, last: Observers of what happens before the user's callbacks and after them.

    Attributes:
        remembering: The callbacks whose state goes into checkpoints.
        ended: True once the callbacks know that the training has ended.
        last_logs: Logs of the last epoch, which the end of the training gets.
    """

    def __init__(
        self, make: Callbacks, model: Any, epochs: int, steps: int | None, first: Any, last: Any
    ) -> None:
        self._label = make.label
        self.ended = self._begun = self._said = False
        self.last_logs: Any = None
        about: dict[str, Any] = {"verbose": 0, "epochs": epochs, "steps": steps}
        listed = [first, *make(), last]
        with self._blamed():
            super().__init__(listed, add_history=True, model=model, **about)
        self.remembering = [each for each in self.callbacks if each not in (first, last)]

    def saved(
        self, facts: dict[str, Any], arrays: list[np.ndarray]
    ) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Return facts and arrays of a training, and with them what the callbacks remember.

        If no checkpoint can hold that, return the reason alone: nothing could go on without it.
        """
        further = [self._begun, self.ended, self.last_logs]
        try:
            written, more = state.write(self.remembering, further, self.model)
        except UnsavableError as error:
            if not self._said:
                self._said = True
                _log.warning(f"no checkpoint can hold the callbacks ({error}): {ANEW}")
            return {FORGOTTEN: str(error)}, []
        return {**facts, CALLBACKS: written}, [*arrays, *more]

    def restore(self, facts: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> None:
        """Let new callbacks go on from what those of another process remembered.

        Args:
            facts: Those of the checkpoint.
            arrays: The arrays that `saved` added.

        Raises:
            CheckpointError: They are other callbacks.
        """
        if CALLBACKS not in facts:
            raise CheckpointError("it was saved before there were callbacks")
        try:
            found = state.restore(facts[CALLBACKS], arrays, self.remembering, self.model)
        except Exception as error:  # whatever their attributes raise when they are set
            said = str(error) or type(error).__name__
            raise CheckpointError(f"its callbacks can't go on: {said}") from error
        self._begun, self.ended, self.last_logs = found
        if self._begun and not self.ended:
            self._on_begin()

    def end(self) -> None:
        """Tell the callbacks that the training has ended, once."""
        if self._begun and not self.ended:
            self.ended = True
            with self._blamed():
                super().on_train_end(self.last_logs)

    def on_train_begin(self, logs: Any = None) -> None:
        """Pass on the beginning of the first epoch's `fit` alone."""
        if not self._begun:
            self._begun = True
            with self._blamed():
                super().on_train_begin(logs)

    def on_train_end(self, logs: Any = None) -> None:
        """Keep the logs of an epoch's `fit` for the end of the training."""
        self.last_logs = logs

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        """Name the callbacks, with file and line, in an error that one of them raises."""
        try:
            yield
        except UserCodeError:
            raise
        except Exception as error:
            if type(error).__name__ in PASSED_ON:
                raise
            raise self._label.failure(told(error)) from error


def _blaming(event: str) -> Any:
    """Return a method that passes an event on to all callbacks, and names those that fail."""

    def passed_on(self: OneTraining, *arguments: Any, **named: Any) -> None:
        with self._blamed():
            getattr(super(OneTraining, self), event)(*arguments, **named)

    return passed_on


for _event in EVENTS:
    setattr(OneTraining, _event, _blaming(_event))
