"""The exceptions that the exit codes of workers stand for in Python."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from studyhall.search.cli.options import storage_option
from studyhall.search.display import live
from studyhall.search.display.frame import Plan
from studyhall.search.display.live import Drawing, View
from studyhall.search.display.terminal import out
from studyhall.search.evaluation import no_result
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.queries import status
from studyhall.storage.queries.curves import Curves
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.queries.status import Status
from studyhall.storage.studies.rows import Study

INTERRUPTED = 128 + signal.SIGINT


def judge(db: Database, study: Study, url: str, code: int, complaints: Sequence[str] = ()) -> None:
    """Raise what the exit code of a launch stands for, unless the study has a best trial.

    Args:
        complaints: what the workers that failed have said.

    Raises:
        KeyboardInterrupt, ConfigError, RuntimeError: as `launching.Launch.run`.
    """
    state = status.status(db, study)
    if code != 1 or not state.spent:
        raise_for(code, complaints)
    if state.spent and state.incumbent is None:
        raise ConfigError([*no_result.lines(db, study, storage_option(url))])


def raise_for(code: int, complaints: Sequence[str]) -> None:
    """Raise what the exit code of workers stands for.

    Args:
        code: the exit code.
        complaints: what the workers that failed have said.

    Raises:
        KeyboardInterrupt, ConfigError, RuntimeError: as `launching.Launch.run`.
    """
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code == 2:
        raise ConfigError([*complaints])
    if code == 1:
        raise RuntimeError("\n".join(complaints))


def telling_lines(*, quiet: bool) -> Telling:
    """Return a view without a live table that keeps complaints; it shows remarks only if quiet."""
    return Telling(live.lines(out, quiet=quiet))


class Telling:
    """A view that keeps what is said behind its end: the complaints of workers that failed.

    Args:
        view: shows everything else.

    Attributes:
        complaints: the lines.
    """

    def __init__(self, view: View) -> None:
        self.complaints: list[str] = []
        self._view, self._ended = view, False

    def __enter__(self) -> Self:
        self._view.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended = True
        self._view.__exit__(kind, error, traceback)

    def update(self, status: Status, finished: Sequence[TrialRecord]) -> None:
        """Show the study's status, and the trials that finished since the last call."""
        self._view.update(status, finished)

    def draw(self, plan: Plan, curves: Curves) -> None:
        """Pass on what a view draws of the running trials."""
        if isinstance(self._view, Drawing):
            self._view.draw(plan, curves)

    def say(self, line: str) -> None:
        """Show a remark, or keep a complaint."""
        if self._ended:
            self.complaints.append(line)
        else:
            self._view.say(line)

    def note(self, text: str) -> None:
        """Show a state of the launch."""
        self._view.note(text)
