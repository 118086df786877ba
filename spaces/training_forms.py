"""The arguments of losses, metrics and callbacks of the user's own, and how messages name them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from studyhall.spaces.failures import (
    NamedCodeError,
    UnusableCodeError,
    UnusableNamedError,
    UserCodeError,
)
from studyhall.spaces.static_checks import Forms

MEASURE = ("y_true", "y_pred")
OF_LOSS: Forms = (MEASURE,)
OF_METRIC: Forms = (MEASURE, ())
OF_CALLBACKS: Forms = ((), ("trial",))


@dataclass(frozen=True)
class Label:
    """The name of code of the user's in messages.

    Attributes:
        received: its key and its name: ``[training] loss: received "my_losses.py:focal"``.
        expected: what it should be.
    """

    received: str
    expected: str

    def error(self, why: Any) -> NamedCodeError:
        """Return the error that says why the code can't be used."""
        return UnusableNamedError(f"{self.received} ({why}), expected {self.expected}")

    def failure(self, why: Any) -> NamedCodeError:
        """Return the error that says how the code failed in a training."""
        if isinstance(why, UnusableCodeError):
            return self.error(why)
        return NamedCodeError(f"{self.received} ({why})")

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Put key and name before the message of code that fails in a `with` block."""
        try:
            yield
        except NamedCodeError:
            raise
        except UserCodeError as error:
            raise self.failure(error) from error.__cause__
