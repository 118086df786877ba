"""Searches whose trials code of the user's runs: `search` and `optimize` of a `Study`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Self

from studyhall.search.api.described import Described
from studyhall.search.api.in_database import InDatabase
from studyhall.search.cli.options import storage_option
from studyhall.search.display.terminal import say
from studyhall.search.process import quiet
from studyhall.search.study_file.config_error import ConfigError

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

    from studyhall.optuna import Trial


class OwnCode(InDatabase):
    """A study that code of the user's may search.

    Args:
        name: the study's name.
        url: URL of the database.
        handed: what only this program has, by what stands for it in a study file.
        described: what the program says of the study.
    """

    def __init__(
        self, name: str, url: str, handed: Mapping[str, Any], described: Described
    ) -> None:
        super().__init__(name, url, handed)
        self._described = described

    def search(
        self,
        build: Any,
        *fit_args: Any,
        trials: int | None = None,
        objective: str = "val_loss",
        direction: str | None = None,
        repeats: int = 1,
        workers: int | None = None,
        gpus: str | Sequence[int] | None = None,
        silent: bool = False,
        **fit: Any,
    ) -> Self:
        """Search hyperparameters of models that Keras' own `fit` trains.

        It runs in this process unless there are several workers, which get `build` and the
        arguments of `fit` from it. Several processes may call it at once; they share the trials.
        Called again, it goes on.

        Examples:
            >>> study.search(build, x, y, validation_data=(x_val, y_val), epochs=20, trials=30)

        Args:
            build: a function `(hp)` or `(trial)` that declares hyperparameters and returns a
                compiled Keras model, or a `studyhall.keras_tuner.HyperModel`.
            fit_args, fit: the arguments of Keras' `fit`, untouched.
            trials: trials in all, over all processes and calls; default: 60, or as in `study`.
            objective: the metric's name in Keras' logs, at the best epoch.
            direction: "minimize" or "maximize"; default: known of Keras' own metrics.
            repeats: trainings per trial, each with its own seed; their mean counts.
            workers: worker processes; default: as in `workers`, else none: trials run in this
                process.
            gpus: numbers of the GPUs for workers, "all" or "none"; default: all.
            silent: print remarks and the result of workers only.

        Returns:
            This study. Workers' best model is proven.

        Raises:
            ConfigError: something is not as expected; a line for each problem.
            StorageError: the database can't be used.
            KeyboardInterrupt: it was interrupted; its trials go on with the next call.
            RuntimeError: a worker has failed; the message is the end of its log.
        """
        described = self._described
        tables = described.of_own_code("search")
        quiet.import_keras()
        from studyhall import own_search

        own_search.check_builder(self.name, build)
        named = own_search.objective(self.name, objective, described.direction(direction))
        wanted = own_search.Wanted(named, self._budget(trials, "trials", silent), tables)
        count = described.workers(workers)
        asked = build, wanted, repeats, (fit_args, fit), count
        with self._workers(count, gpus, silent):
            _, tuner = own_search.search(self.name, self._url, *asked)
        self._rebuilt = tuner.rebuilt
        self._check_result()
        return self

    def optimize(
        self,
        objective: Callable[[Trial], float],
        n_trials: int | None = None,
        *,
        direction: str = "minimize",
        sampler: BaseSampler | None = None,
        pruner: BasePruner | None = None,
        workers: int | None = None,
        gpus: str | Sequence[int] | None = None,
        silent: bool = False,
    ) -> Self:
        """Optimise a function of your own, as Optuna's `Study.optimize` does.

        It runs in this process unless there are several workers, which get the function from it.
        Several processes may call it at once; they share the trials. Called again, it goes on:
        unlike Optuna's, its number of trials is that in all, and not of those to add.

        Examples:
            >>> def objective(trial):
            ...     model = build(trial.suggest_int("units", 16, 256, log=True))
            ...     done = model.fit(x, y, validation_split=0.2, callbacks=[trial.callback()])
            ...     return min(done.history["val_loss"])
            >>> study.optimize(objective, n_trials=100)

        Args:
            objective: trains a trial and returns its value. The trial has Optuna's `suggest_…`,
                `report` and `should_prune`, and `callback()` for Keras' `fit`.
            n_trials: trials in all, over all processes and calls; default: 60, or as in `study`.
                A second call with the same number adds none; with a larger one, it goes on to it.
            direction: "minimize" or "maximize".
            sampler: one of Optuna's; default: as in `search`.
            pruner: one of Optuna's; default: Optuna's own, the median.
            workers: worker processes; default: as in `workers`, else none: trials run in this
                process.
            gpus: numbers of the GPUs for workers, "all" or "none"; default: all.
            silent: print remarks and the result of workers only.

        Returns:
            This study.

        Raises:
            ConfigError: something is not as expected, or no trial has a result; a line for each
                problem.
            StorageError: the database can't be used.
            KeyboardInterrupt: it was interrupted; its trials go on with the next call.
            RuntimeError: a worker has failed; the message is the end of its log.
        """
        from studyhall import optuna
        from studyhall.optuna import amounts

        amounts.check_objective(objective)
        described, asked = self._described, amounts.trials(n_trials)
        self._check_range("n_trials", asked, 1)
        tables, way = described.of_own_code("optimize"), described.direction(direction) or direction
        quiet.import_keras()
        study = optuna.Study(self.name, self._url, sampler, pruner, way, tables)
        count = described.workers(workers)
        with self._workers(count, gpus, silent):
            study.optimize(objective, self._budget(asked, "n_trials", silent), n_jobs=count)
        self._check_result()
        return self

    def _budget(self, trials: int | None, argument: str, silent: bool) -> int:
        """Return the number of trials; say it, if it is the default."""
        most = self._described.budget(trials)
        if trials is None and not silent and "trials" not in self._described.tables["study"]:
            say(f"{self.name}: runs to {most} trials in all; for another number: {argument}=")
        return most

    def _check_result(self) -> None:
        """Check that a search has led to a result.

        Raises:
            ConfigError: its trials have all failed or were pruned; a line for each reason.
        """
        from studyhall.search.evaluation import no_result

        with self._opened() as (db, study):
            if no_result.has_none(db, study):
                raise ConfigError([*no_result.lines(db, study, storage_option(self._url))])

    def _workers(
        self, count: int, gpus: str | Sequence[int] | None, silent: bool
    ) -> AbstractContextManager[None]:
        """Let workers run the trials of a search in a `with` block, if there are to be any."""
        if count == 1 and gpus is None:
            return nullcontext()
        from studyhall.search.api import launching
        from studyhall.search.api.own_workers import OwnWorkers
        from studyhall.search.scripts import session

        return session.playing(OwnWorkers(launching.given(count, gpus), quiet=silent))
