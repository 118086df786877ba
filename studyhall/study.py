"""Studies from Python: ``studyhall.Study``, in programs and in notebooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studyhall.search.api import results, settings
from studyhall.search.api.results import BestTrial
from studyhall.search.process import quiet
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile, StudySection
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url
from studyhall.storage.queries import records
from studyhall.storage.studies import rows, studies

if TYPE_CHECKING:
    import pandas as pd
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

    from studyhall.optuna import Trial

__all__ = ["BestTrial", "Study"]

Table = Mapping[str, Any]


class Study:
    """A study of hyperparameters, in a database: run it again, and it goes on.

    >>> study = studyhall.Study(
    ...     "digits",
    ...     space={"learning_rate": (1e-4, 1e-1, "log"), "depth": (1, 3)},
    ...     data="sklearn:digits",
    ... )
    >>> study.run(trials=60, workers=2)
    >>> study.best.model.predict(...)

    With its name alone, it is the study of that name in the database, whoever has begun it.

    Args:
        name: the study's name in its database.
        space: the hyperparameters by name: `(low, high)`, `(low, high, "log")`,
            `(low, high, step)`, a list of choices, a constant, or a table as in a study file.
        data: `(x, y)`, two such pairs for training and test or three with validation between,
            arrays with one sample per row; a DataFrame with `target`; a source as in a study file;
            or its table `[data]` as a dictionary, whose `source` may be any of these.
        target: the column to predict, of a DataFrame or of a table's file.
        model: "mlp", "cnn", "my_model.py:build", or a function `(trial, input_shape, outputs)`,
            `(trial)` or `(hp)` that returns a Keras model.
        storage: URL of the database; default: $STUDYHALL_STORAGE, else sqlite:///studyhall.db.
        seed: the study's seed; default: 0.
        objective: what trials are ranked by, as in a study file, or a metric of your own; default:
            the validation loss.
        epochs: largest number of epochs of a trial.
        patience: epochs without improvement after which a trial stops; "none": never.
        study, training, search, workers: further keys of these tables of a study file; loss,
            metrics and callbacks of `training` may be functions, classes and objects.
        trials: fixed trials, as in `[[trials]]` of a study file.
    """

    def __init__(
        self,
        name: str,
        *,
        space: Table | None = None,
        data: Any = None,
        target: str | None = None,
        model: str | Callable[..., Any] | None = None,
        storage: str | None = None,
        seed: int | None = None,
        objective: Any = None,
        epochs: int | None = None,
        patience: int | str | None = None,
        study: Table | None = None,
        training: Table | None = None,
        search: Table | None = None,
        workers: Table | None = None,
        trials: Sequence[Table] = (),
    ) -> None:
        self.name = name
        self._folder = Path.cwd()
        self._url = storage or default_url()
        self._space, self._data, self._fixed = space, data, trials
        self._rebuilt: results.Rebuilt | None = None
        named = [*objective] if isinstance(objective, list | tuple) else objective
        tables = settings.merged(
            {
                "study": study or {},
                "training": training or {},
                "search": search or {},
                "workers": workers or {},
            },
            {
                "study": {"name": name, "storage": storage, "seed": seed, "objective": named},
                "data": {"target": target},
                "training": {"epochs": epochs, "patience": patience},
            },
        )
        self._tables, self._handed = settings.handed(tables, model)

    def run(
        self,
        trials: int | None = None,
        workers: int | None = None,
        *,
        gpus: str | Sequence[int] | None = None,
        silent: bool = False,
    ) -> Study:
        """Run the study until its budget is spent; as the command `studyhall launch` does.

        Called again, it goes on where it stopped; with more trials, it goes on to so many. A
        function as `model` trains in this process, unless there are several workers.

        Args:
            trials: trials in all, over all workers and calls; default: 60, or as in `study`.
            workers: worker processes; default: one, or one on each GPU.
            gpus: numbers of the GPUs to use, "all" or "none"; default: all.
            silent: print remarks and the result only.

        Returns:
            This study, whose `best` is proven.

        Raises:
            ConfigError: something is not as expected; a line for each problem.
            UserCodeError: a function of yours failed.
            StorageError: the database can't be used.
            KeyboardInterrupt: it was interrupted; its trials are saved and go on with the next
                call.
        """
        from studyhall.search.api import launching

        wanted = {
            "count": workers,
            "gpus": gpus if gpus is None or isinstance(gpus, str) else [*gpus],
        }
        given = {key: value for key, value in wanted.items() if value is not None}
        if self._data is None:
            launching.go_on(self._url, self.name, trials, given, quiet=silent)
            return self
        file = self._file(trials)
        launching.Launch(file, self._folder, self._url, given, self._handed, silent).run()
        return self

    def search(
        self,
        build: Any,
        *fit_args: Any,
        trials: int | None = None,
        objective: str = "val_loss",
        direction: str | None = None,
        repeats: int = 1,
        **fit: Any,
    ) -> Study:
        """Search hyperparameters of models that Keras' own `fit` trains, in this process.

        >>> study.search(build, x, y, validation_data=(x_val, y_val), epochs=20, trials=30)

        Several processes may call it at once; they share the trials. Called again, it goes on.

        Args:
            build: a function `(hp)` or `(trial)` that declares hyperparameters and returns a
                compiled Keras model, or a `studyhall.keras_tuner.HyperModel`.
            fit_args, fit: the arguments of Keras' `fit`, untouched.
            trials: trials in all, over all processes and calls; default: 60, or as in `study`.
            objective: the metric's name in Keras' logs, at the best epoch.
            direction: "minimize" or "maximize"; default: known of Keras' own metrics.
            repeats: trainings per trial, each with its own seed; their mean counts.

        Returns:
            This study.

        Raises:
            ConfigError: something is not as expected; a line for each problem.
            StorageError: the database can't be used.
            KeyboardInterrupt: it was interrupted; its trial goes on with the next call.
        """
        tables = self._of_own_code("search")
        quiet.import_keras()
        from studyhall import own_search

        named = own_search.objective(objective, self._direction(direction))
        wanted = own_search.Wanted(named, self._budget(trials), tables)
        asked = build, wanted, repeats, (fit_args, fit)
        _, tuner = own_search.search(self.name, self._url, *asked)
        self._rebuilt = tuner.rebuilt
        return self

    def optimize(
        self,
        objective: Callable[[Trial], float],
        n_trials: int | None = None,
        *,
        direction: str = "minimize",
        sampler: BaseSampler | None = None,
        pruner: BasePruner | None = None,
    ) -> Study:
        """Optimise a function of your own, in this process, as Optuna's `Study.optimize` does.

        >>> def objective(trial):
        ...     model = build(trial.suggest_int("units", 16, 256, log=True))
        ...     done = model.fit(x, y, validation_split=0.2, callbacks=[trial.callback()])
        ...     return min(done.history["val_loss"])
        >>> study.optimize(objective, n_trials=100)

        Several processes may call it at once; they share the trials. Called again, it goes on.

        Args:
            objective: trains a trial and returns its value. The trial has Optuna's `suggest_…`,
                `report` and `should_prune`, and `callback()` for Keras' `fit`.
            n_trials: trials in all, over all processes and calls; default: 60, or as in `study`.
            direction: "minimize" or "maximize".
            sampler: one of Optuna's; default: as in `search`.
            pruner: one of Optuna's; default: Optuna's own, the median.

        Returns:
            This study.

        Raises:
            ConfigError: something is not as expected; a line for each problem.
            StorageError: the database can't be used.
            KeyboardInterrupt: it was interrupted; its trial goes on with the next call.
        """
        from studyhall import optuna

        tables, way = self._of_own_code("optimize"), self._direction(direction) or direction
        quiet.import_keras()
        study = optuna.Study(self.name, self._url, sampler, pruner, way, tables)
        study.optimize(objective, self._budget(n_trials))
        return self

    @property
    def best(self) -> BestTrial:
        """The best trial so far, with its model; it is proven, exported and tested if need be.

        Raises:
            ConfigError: there is no such study, or no trial is complete.
        """
        return results.best(self._url, self._found(), self._rebuilt)

    @property
    def trials(self) -> pd.DataFrame:
        """All trials: number, state, value, best_epoch, seconds, a column per hyperparameter.

        Raises:
            ConfigError: there is no such study.
        """
        study = self._found()
        with closing(Database.open(self._url, create=False)) as db:
            return results.frame(records.trials(db, study))

    def __repr__(self) -> str:
        return f"Study({self.name!r})"

    def _of_own_code(self, method: str) -> settings.Tables:
        """Return further keys of a study whose trials code of the user's runs.

        Raises:
            ConfigError: it has keys that say what only that code can say.
        """
        given = {**self._tables, "space": self._space or {}, "trials": bool(self._fixed)}
        given["data"] = {**self._tables["data"], **({} if self._data is None else {"source": ...})}
        return settings.of_own_code(self.name, given, method)

    def _budget(self, trials: int | None) -> int:
        default = StudySection.model_fields["trials"].default
        return int(self._tables["study"].get("trials", default) if trials is None else trials)

    def _direction(self, given: str | None) -> str | None:
        """Return a direction, if it is one.

        Raises:
            ConfigError: it is not.
        """
        if given not in (None, "minimize", "maximize"):
            expected = 'expected "minimize" or "maximize"'
            raise ConfigError([f"{self.name}: direction: received {given!r}, {expected}"])
        return given

    def _file(self, trials: int | None) -> StudyFile:
        """Return what the study file of this study would be.

        Raises:
            ConfigError: the arguments have mistakes, all of which are listed.
        """
        return settings.study_file(
            self.name, self._tables, self._space, self._data, self._fixed, trials
        )

    def _found(self) -> rows.Study:
        """Return the study in its database.

        Raises:
            ConfigError: there is none.
        """
        with closing(Database.open(self._url, create=False)) as db:
            found = studies.find(db, self.name)
        if found is None:
            raise ConfigError([f"there is no study {self.name!r} yet: run() begins it"])
        return found
