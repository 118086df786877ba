"""The plots of a `Study`: those of its report, as figures that a notebook shows below the cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studyhall.search.api.in_database import InDatabase
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.queries import records, status
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import rows

if TYPE_CHECKING:
    import optuna
    from plotly.graph_objects import Figure

    from studyhall.search.diagnosis.findings import Findings


class Plots(InDatabase):
    """The plots of a study, each a plotly figure.

    All raise ConfigError where there is nothing to plot yet; the message says what is needed.
    """

    def plot_history(self) -> Figure:
        """Plot the value of each trial, and the best value so far."""
        from studyhall.search.report import optuna_figures

        figure = optuna_figures.over_trials(self._trials_of_optuna())
        return self._shown(figure, "plot_history", "a complete trial")

    def plot_time(self) -> Figure:
        """Plot the values against the minutes since the first trial began."""
        from studyhall.search.report import figures

        with self._opened() as (db, study):
            figure = figures.over_time(_findings(db, study))
        return self._shown(figure, "plot_time", "a complete trial")

    def plot_learning_curves(self, trial: int | None = None, *, metric: str = "loss") -> Figure:
        """Plot training and validation by epoch: of the best trial, or of one that is chosen.

        Args:
            trial: the trial's number; default: the best, with the range of the best ten.
            metric: the metric's name in Keras' logs, without `val_`.
        """
        from studyhall.search.display import curves
        from studyhall.search.report import content, figures

        with self._opened() as (db, study):
            histories = content.histories(db, self._leading(db, study, trial))
        known = curves.metrics(histories[0]) if histories and histories[0] else [metric]
        if metric not in known:
            expected = f"expected one of {', '.join(known)}"
            raise ConfigError([f"{self.name}: metric: received {metric!r}, {expected}"])
        figure = figures.learning_curves(histories[0], histories, metric) if histories else None
        return self._shown(figure, "plot_learning_curves", "a trial with an epoch")

    def plot_importances(self) -> Figure:
        """Plot how much each hyperparameter matters to the value, by PED-ANOVA."""
        from studyhall.search.report import optuna_figures

        figure = optuna_figures.importance(self._trials_of_optuna())
        return self._shown(figure, "plot_importances", "more complete trials that differ")

    def plot_slice(self, hyperparameter: str) -> Figure:
        """Plot the value of each trial against one of its hyperparameters.

        Args:
            hyperparameter: its name.
        """
        from studyhall.search.report import figures, optuna_figures

        with self._opened() as (db, study):
            found = _findings(db, study)
        names = dict.fromkeys(name for trial in found.complete for name in trial.params)
        if hyperparameter not in names:
            expected = f"expected {', '.join(names) or 'a complete trial first'}"
            received = f"received {hyperparameter!r}, {expected}"
            raise ConfigError([f"{self.name}: hyperparameter: {received}"])
        shown = optuna_figures.literal(found.optuna)
        figure = optuna_figures.slice_of(shown, figures.literal(hyperparameter))
        return self._shown(figure, "plot_slice", "a complete trial that has it")

    def plot_parallel_coordinates(self) -> Figure:
        """Plot each trial as a line through its hyperparameters, the best on top."""
        from studyhall.search.report import optuna_figures

        figure = optuna_figures.parallel(self._trials_of_optuna())
        return self._shown(figure, "plot_parallel_coordinates", "a complete trial")

    def plot_pareto_front(self) -> Figure:
        """Plot two or three objectives, the Pareto front in colour."""
        from studyhall.search.report import report

        with self._opened() as (db, study):
            figure = report.pareto(db, _findings(db, study))
        return self._shown(figure, "plot_pareto_front", "two or three objectives, and a trial")

    def plot_confirmation(self) -> Figure:
        """Plot each confirmed trial: mean, 95 % interval, values, and its value in the search."""
        from studyhall.search.report import retrainings
        from studyhall.search.retraining import confirm_result

        with self._opened() as (db, study):
            found, objective = confirm_result.read(db, study), status.status(db, study).objective
        told = None if found is None else found.to_json()
        figure = None if told is None else retrainings.intervals(told, objective)
        return self._shown(figure, "plot_confirmation", "confirm() first")

    def plot_datacurve(self) -> Figure:
        """Plot the objective against the number of training samples."""
        from studyhall.search.report import retrainings
        from studyhall.search.retraining import datacurve

        with self._opened() as (db, study):
            found = datacurve.read(db, study)
        figure = None if found is None else retrainings.data_curve(found.to_json())
        return self._shown(figure, "plot_datacurve", "datacurve() first")

    def plot_confusion(self) -> Figure:
        """Plot the confusion matrix of the best trial on the test set."""
        from studyhall.search.evaluation import best
        from studyhall.search.report import figures

        with self._opened() as (db, study):
            test = best.read(db, study).test
        figure = figures.confusion(test["scores"] if test else None)
        return self._shown(figure, "plot_confusion", "test scores of a classification")

    def _trials_of_optuna(self) -> optuna.Study:
        """Return the trials in an Optuna study, with names as plotly shows them literally."""
        from studyhall.search.report import optuna_figures

        with self._opened() as (db, study):
            return optuna_figures.literal(_findings(db, study).optuna)

    def _leading(self, db: Database, study: rows.Study, number: int | None) -> list[TrialRecord]:
        """Return a trial of that number; without one, the best trials, the winner first.

        Raises:
            ConfigError: there is no trial of that number.
        """
        from studyhall.search.evaluation import winner
        from studyhall.search.report import content, figures

        if number is None:
            won = winner.read(db, study)
            first = None if won is None else won.trial.number
            return content.leading(_findings(db, study), first)[: figures.BEST]
        one = records.trial(db, study, number)
        if one is None:
            expected = f"expected a trial of {self.name}"
            raise ConfigError([f"{self.name}: trial: received {number}, {expected}"])
        return [one]

    def _shown(self, figure: Figure | None, method: str, needed: str) -> Figure:
        """Return a figure, if there is one, in colours for any background.

        Raises:
            ConfigError: there is nothing to plot.
        """
        from studyhall.search.report import figures

        if figure is None:
            received = f"received nothing to plot yet, expected {needed}"
            raise ConfigError([f"{self.name}: {method}(): {received}"])
        return figures.on_any_background(figure)


def _findings(db: Database, study: rows.Study) -> Findings:
    from studyhall.search.diagnosis import findings  # imports Optuna: slow

    return findings.read(db, study)
