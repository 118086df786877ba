"""The count of trials that failed in a row before any succeeded: a sign of a broken study."""

from __future__ import annotations

FAILURES = 3  # in a row, after which the worker stops


class Streak:
    """The failures since the start; ignored once any trial has succeeded."""

    def __init__(self) -> None:
        self._failures: list[str] = []
        self._succeeded = False

    def failed(self, number: int, reason: str) -> None:
        """Count a failed trial."""
        self._failures.append(f"trial {number} failed: {reason}")

    def went_on(self, *, well: bool) -> None:
        """Count a trial that did not fail: it succeeded (``well``), or another worker has it."""
        self._failures.clear()
        self._succeeded = self._succeeded or well

    @property
    def problems(self) -> list[str]:
        """The reasons to stop, one per line; empty while there is none."""
        if self._succeeded or len(self._failures) < FAILURES:
            return []
        last = f"stopped: {len(self._failures)} trials failed and none succeeded"
        return [*self._failures, last]
