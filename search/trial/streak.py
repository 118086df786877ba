"""Trials that failed one after another while none has gone well: a study that makes no sense."""

from __future__ import annotations

FAILURES = 3  # in a row, until it is time to stop


class Streak:
    """The failures since the last trial that went well; of no account once one has."""

    def __init__(self) -> None:
        self._failures: list[str] = []
        self._succeeded = False

    def failed(self, number: int, reason: str) -> None:
        """A trial has failed."""
        self._failures.append(f"trial {number} failed: {reason}")

    def went_on(self, *, well: bool) -> None:
        """A trial has ended otherwise: well, or in other hands."""
        self._failures.clear()
        self._succeeded = self._succeeded or well

    @property
    def problems(self) -> list[str]:
        """Why to stop, a line each; nothing while there is hope."""
        if self._succeeded or len(self._failures) < FAILURES:
            return []
        last = f"{len(self._failures)} trials failed and none went well: stopped"
        return [*self._failures, last]
