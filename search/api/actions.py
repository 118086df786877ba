"""The actions on a `Study` beside its search: watch, stop, report, export, delete."""

from __future__ import annotations

import warnings
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studyhall.search.api.in_database import InDatabase
from studyhall.search.data.errors import DataError
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.limits import MOST, MOST_TIME
from studyhall.spaces.spelling import visible

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


class Actions(InDatabase):
    """The commands on a study, each a method of the command's name."""

    def watch(self, *, silent: bool = False) -> None:
        """Show the live progress of the study until it ends, whoever runs it.

        Args:
            silent: print remarks and the result only.

        Raises:
            ConfigError: there is no such study, or it was deleted meanwhile.
        """
        from studyhall.search.cli import watch

        with self._opened() as (db, study):
            there = watch.follow(db, study, quiet=silent)
        if not there:
            raise ConfigError([f'study "{self.name}" has been deleted'])

    def stop(self, *, trial: int | None = None, wait: float = 0) -> bool:
        """Ask all workers of the study, on all machines, to save a checkpoint and stop.

        Args:
            trial: end only this trial, as pruned.
            wait: wait up to this long for the workers to stop, in seconds.

        Returns:
            False if workers are still busy after that time.

        Raises:
            ConfigError: there is no such study, or no such trial is running.
        """
        from studyhall.search.cli import stopping
        from studyhall.search.cli.options import storage_option

        self._check_range("trial", trial, 0, MOST)
        self._check_range("wait", wait, 0, MOST_TIME)
        with self._opened() as (db, study):
            if trial is not None:
                stopping.stop_trial(db, study, trial)
                return True
            go_on = f"studyhall resume {self.name}{storage_option(self._url)}"
            return stopping.stop_study(db, study, wait, go_on) == 0

    def predict(
        self,
        data: str | PathLike[str] | pd.DataFrame | NDArray[Any],
        *,
        query: str | None = None,
        trial: int | None = None,
    ) -> pd.DataFrame:
        """Predict new data by the proven model: class names and probabilities, or values.

        What does not quite fit, such as a category that training has not seen, is a warning.

        Args:
            data: a DataFrame with the columns of the table, an array of samples, or the path of a
                table, an .npz or .npy file, or a folder of pictures; or the URL of a database.
            query: what to read from the database: a select with an `order by`.
            trial: use this trial instead of the best.

        Returns:
            A row for each sample.

        Raises:
            ConfigError: there is no proven model, or the data are not what it takes.
        """
        from studyhall.search.evaluation import new_query, prediction

        with self._opened() as (db, study):
            try:
                told, remarks = prediction.of(db, study, new_query.of(data, query), trial)
            except DataError as error:
                raise ConfigError(error.problems) from None
        for line in remarks:
            warnings.warn(visible(line), stacklevel=2)
        return told

    def report(
        self, output: str | PathLike[str] | None = None, *, format: str | None = None
    ) -> Path:
        """Write a report of the study: one HTML file that opens offline, Markdown or JSON.

        Args:
            output: the file; default: named after the study.
            format: "html", "md" or "json"; default: by the file's ending, else HTML.

        Returns:
            The file.

        Raises:
            ConfigError: there is no such study or format, or the file can't be written.
        """
        from studyhall.search.cli import reports

        path = None if output is None else Path(output)
        return reports.write_report(self.name, self._url, path, format)

    def refine(self, output: str | PathLike[str] | None = None, *, force: bool = False) -> str:
        """Return a study file with the space that the results suggest, warm-started from them.

        Args:
            output: write it to this file, too.
            force: overwrite the file.

        Returns:
            The text of the study file (TOML), which `studyhall.launch` takes.

        Raises:
            ConfigError: there is no complete trial, or the file is there already.
        """
        from studyhall.search.cli import reports

        path = None if output is None else Path(output)
        return reports.refined(self.name, self._url, path, force=force)[1]

    def export(
        self, to: str | PathLike[str], *, epochs: bool = False, artifacts: str | None = None
    ) -> None:
        """Write the trials to a file or to MLflow, or move the study to another database.

        Args:
            to: a `.parquet`, `.csv` or `.json` file, the URL of a database, or `mlflow:URI`.
            epochs: write a second file with a row per epoch, too.
            artifacts: a folder or `s3://…` to which checkpoints and models are copied, for a copy
                in another database that is independent.

        Raises:
            ConfigError: there is no such study, or it can't be written there.
            StorageError: the other database can't be used.
        """
        from studyhall.search.cli import export

        export.export(self.name, str(to), epochs, artifacts, self._url)

    def delete(self) -> None:
        """Delete the study with its trials, history, checkpoints and models, without asking.

        Raises:
            ConfigError: there is no such study.
        """
        from studyhall.search.cli import deletion

        deletion.delete(self.name, self._url, yes=True)
