"""The retrainings of a `Study`: `confirm`, `replay` and `datacurve`, as the commands have them.

Each returns what its command prints with `--json`; docs/reference/json.md explains the keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from studyhall.search.api.in_database import InDatabase
from studyhall.search.study_file.limits import MOST

MOST_SEEDS = 100


class Retrainings(InDatabase):
    """The trainings of a study outside of its search."""

    def confirm(
        self,
        top: int | None = None,
        seeds: int | None = None,
        *,
        workers: int | None = None,
        gpus: str | Sequence[int] | None = None,
        again: bool = False,
        silent: bool = False,
    ) -> dict[str, Any]:
        """Retrain the best trials with new seeds, and prove the one with the best mean.

        Interrupted, it goes on with the next call.

        Args:
            top: number of best trials; default: as in the last call, or as in `study`.
            seeds: trainings per trial, each with a new seed; default: likewise.
            workers: worker processes; default: one, or one on each GPU.
            gpus: numbers of the GPUs to use, "all" or "none"; default: all.
            again: use the test set again, although it has already been used.
            silent: print remarks only.

        Returns:
            The confirmed trials with means and intervals, as `studyhall confirm --json`.

        Raises:
            ConfigError: there is no complete trial, or a function of yours trains the trials.
            KeyboardInterrupt: it was interrupted.
        """
        from studyhall.search.api import launching, outcomes
        from studyhall.search.cli import finishing, retraining
        from studyhall.search.retraining import confirm as confirming

        self._check_range("top", top, 1, MOST)
        self._check_range("seeds", seeds, 1, MOST_SEEDS)
        given = launching.given(workers, gpus)
        with self._at_hand("confirm") as (db, study):
            view = outcomes.telling_lines(quiet=silent)
            code = retraining.confirm_study(db, study, self._url, given, view, top, seeds)
            outcomes.raise_for(code, view.complaints)
            if code == 0:
                finishing.finish(db, study, self._url, again=again)
            return confirming.known(db, study).to_json()

    def replay(self, trial: int, *, tolerance: float | None = None) -> dict[str, Any]:
        """Retrain a trial in this process from its stored settings; does it reproduce?

        Args:
            trial: the trial's number.
            tolerance: largest relative difference that still counts as reproduced; default: 1e-3.

        Returns:
            `reproduces`, and where it differs, as `studyhall replay --json`.

        Raises:
            ConfigError: there is no such trial, or data or code have changed.
        """
        from studyhall.search.api import in_process
        from studyhall.search.cli import retraining
        from studyhall.search.process import quiet
        from studyhall.search.study import chosen_backend

        self._check_range("trial", trial, 0, MOST)
        self._check_range("tolerance", tolerance, 0)
        with self._at_hand("replay") as (db, study):
            chosen_backend.of_study(study)
            quiet.import_keras()
            with in_process.settings_kept():
                found = retraining.replayed(db, study, trial, tolerance)
        return {"study": self.name, **found.to_json()}

    def datacurve(
        self,
        seeds: int | None = None,
        *,
        workers: int | None = None,
        gpus: str | Sequence[int] | None = None,
        silent: bool = False,
    ) -> dict[str, Any]:
        """Retrain the best trial on 25, 50, 75 and 100 % of the data: would more data help?

        Interrupted, it goes on with the next call.

        Args:
            seeds: trainings per share of the data; default: 3.
            workers: worker processes; default: one, or one on each GPU.
            gpus: numbers of the GPUs to use, "all" or "none"; default: all.
            silent: print remarks only.

        Returns:
            The value on each share, and an answer, as `studyhall datacurve --json`.

        Raises:
            ConfigError: there is no complete trial, or a function of yours trains the trials.
            KeyboardInterrupt: it was interrupted.
        """
        from studyhall.search.api import launching, outcomes
        from studyhall.search.cli import retraining
        from studyhall.search.retraining import datacurve as data

        self._check_range("seeds", seeds, 1, MOST_SEEDS)
        given, each = launching.given(workers, gpus), data.SEEDS if seeds is None else seeds
        with self._at_hand("datacurve") as (db, study):
            view = outcomes.telling_lines(quiet=silent)
            code, found = retraining.measure_datacurve(db, study, self._url, given, view, each)
            outcomes.raise_for(code, view.complaints)
        return {"study": self.name, **found.to_json()}
