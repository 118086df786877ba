"""A trial that writes each suggestion down at once, as its process may not live to do so later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from optuna.trial import BaseTrial


def noting(trial: BaseTrial, note: Callable[[], None]) -> BaseTrial:
    """The same trial, which calls ``note`` after each suggestion.

    A trial that ended an earlier worker may do so again while its model is built: what it tried
    must be known by then, or samplers could not avoid the like.
    """
    return cast(BaseTrial, _Noting(trial, note))


class _Noting:
    def __init__(self, trial: BaseTrial, note: Callable[[], None]) -> None:
        self._trial, self._note = trial, note

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._trial, name)
        return self._noted(found) if name.startswith("suggest_") else found

    def _noted(self, suggest: Callable[..., Any]) -> Callable[..., Any]:
        def suggested(*arguments: Any, **named: Any) -> Any:
            value = suggest(*arguments, **named)
            self._note()
            return value

        return suggested
