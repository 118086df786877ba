"""The answers of a `Study`: its state, its best trial, all trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studyhall.search.api import results
from studyhall.search.api.best_trial import BestTrial
from studyhall.search.api.in_database import InDatabase
from studyhall.search.process import handover
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database.urls import StorageError
from studyhall.storage.queries import records, status

if TYPE_CHECKING:
    import pandas as pd


class Questions(InDatabase):
    """The results of a study in its database."""

    @property
    def best(self) -> BestTrial:
        """The best trial so far, with its model; it is proven, exported and tested if need be.

        Raises:
            ConfigError: there is no such study, or no trial is complete.
        """
        return results.best(self._url, self._found(), self._rebuilt, self._handed)

    @property
    def trials(self) -> pd.DataFrame:
        """All trials: number, state, value, best_epoch, seconds, a column per hyperparameter.

        Raises:
            ConfigError: there is no such study.
        """
        with self._opened() as (db, study):
            return results.frame(records.trials(db, study))

    @property
    def verdicts(self) -> pd.DataFrame:
        """A verdict on the learning curves of each trial: its confidence from 0 to 1, and advice.

        Trials without an epoch have none.

        Raises:
            ConfigError: there is no such study.
        """
        with self._opened() as (db, study):
            return results.verdicts(db, study)

    def status(self, *, reap: bool = False) -> dict[str, Any]:
        """Return the progress of the study and its workers.

        Args:
            reap: first release the trials of workers that no longer send heartbeats.

        Returns:
            Counts, best trial, workers, as `studyhall status --json`;
            docs/reference/json.md explains them.

        Raises:
            ConfigError: there is no such study.
        """
        from studyhall.search.cli import standing

        with self._opened() as (db, study):
            if reap:
                standing.reap(db, [study])
            return standing.read(db, study).to_json()

    def prove(self, trial: int | None = None, *, again: bool = False) -> dict[str, Any]:
        """Reload the best model in a fresh process, measure it again, export and test it.

        `run` has done so, and so does `best` where it is missing.

        Args:
            trial: number of a trial to use instead of the best.
            again: prove it again, and use the test set again, although it has been used.

        Returns:
            The trial with its proof and test scores, as `studyhall best --json`.

        Raises:
            ConfigError: there is no complete trial, or its model can't be measured again.
        """
        from studyhall.search.cli import finishing
        from studyhall.search.evaluation import best

        with handover.offered(self._handed, self.name), self._opened() as (db, study):
            finishing.finish(db, study, self._url, again=again, number=trial)
            return best.to_json(best.read(db, study, trial))

    def doctor(self) -> dict[str, Any]:
        """Look for problems with the study, its database, disk and machine.

        Returns:
            `well`, and the findings with what to do, as `studyhall doctor --json`.

        Raises:
            ConfigError: there is no such study.
        """
        from studyhall.search.cli import doctor
        from studyhall.search.doctor import report

        return report.to_json(doctor.examine(self._url, self.name))

    def __repr__(self) -> str:
        return f"Study({self.name!r})"

    def _repr_html_(self) -> str:
        """Return the state of the study as a notebook shows it."""
        from studyhall.search.api import pages

        try:
            with self._opened() as (db, study):
                return pages.of_study(self.name, status.status(db, study))
        except (ConfigError, StorageError) as error:
            return pages.page(f"study {self.name}", [("not begun", str(error))])
