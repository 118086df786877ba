"""Studies from Python: ``studyhall.Study``, in programs and in notebooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from studyhall.own_code import OwnCode
from studyhall.search.api import settings
from studyhall.search.api.actions import Actions
from studyhall.search.api.best_trial import BestTrial
from studyhall.search.api.described import Described
from studyhall.search.api.plots import Plots
from studyhall.search.api.questions import Questions
from studyhall.search.api.retrainings import Retrainings
from studyhall.storage.database.urls import default_url

__all__ = ["BestTrial", "Study"]

Table = Mapping[str, Any]


class Study(OwnCode, Questions, Actions, Retrainings, Plots):
    """A study of hyperparameters, in a database: run it again, and it goes on.

    With its name alone, it is the study of that name in the database, whoever has begun it.

    Examples:
        >>> study = studyhall.Study(
        ...     "digits",
        ...     space={"learning_rate": (1e-4, 1e-1, "log"), "depth": (1, 3)},
        ...     data="sklearn:digits",
        ... )
        >>> study.run(trials=60, workers=2)
        >>> study.best.model.predict(...)

    Args:
        name: the study's name in its database.
        space: the hyperparameters by name: `(low, high)`, `(low, high, "log")`,
            `(low, high, step)`, a list of choices, a constant, or a table as in a study file.
        data: `(x, y)`, two such pairs for training and test or three with validation between,
            arrays with one sample per row; a DataFrame with `target`; a source as in a study file;
            or its table `[data]` as a dictionary, whose `source` may be any of these.
        target: the column to predict, of a DataFrame or of a table's file.
        model: "mlp", "cnn", "sequence", "text", "keras:ResNet50", "my_model.py:build", or a
            function `(trial, input_shape, outputs)`, `(trial)` or `(hp)` that returns a Keras
            model; or the table `[model]` as a dictionary.
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
        model: str | Callable[..., Any] | Table | None = None,
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
        given = {"study": study, "training": training, "search": search, "workers": workers}
        settings.check_tables(name, given)
        named = [*objective] if isinstance(objective, list | tuple) else objective
        tables = settings.merged(
            {table: keys or {} for table, keys in given.items()},
            {
                "study": {"name": name, "storage": storage, "seed": seed, "objective": named},
                "data": {"target": target},
                "training": {"epochs": epochs, "patience": patience},
            },
        )
        named_tables, handed = settings.handed(tables, model)
        described = Described(name, named_tables, space, data, trials, Path.cwd())
        super().__init__(name, storage or default_url(), handed, described)

    def run(
        self,
        trials: int | None = None,
        workers: int | None = None,
        *,
        gpus: str | Sequence[int] | None = None,
        silent: bool = False,
    ) -> Self:
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
        from studyhall.search.api import data_file, launching

        given = launching.given(workers, gpus)
        described = self._described
        if described.data is None:
            described.check_alone()
            launching.go_on(self._url, self.name, trials, given, quiet=silent)
            return self
        with data_file.only_if_used() as keep:
            file, folder = described.file(trials), described.folder
            launching.Launch(
                file, folder, self._url, given, self._handed, silent, opened=keep
            ).run()
        return self

    def check(self) -> None:
        """Show what the study resolves to: data, space, model sizes, cost. Nothing is trained.

        Raises:
            ConfigError: something is not as expected; a line for each problem.
            UserCodeError: a function of yours failed.
        """
        from studyhall.search.api import checking, data_file

        described = self._described
        if described.data is None:
            described.check_alone()
        with data_file.only_if_used():
            file = None if described.data is None else described.file()
            checking.show(self._url, self.name, file, described.folder, self._handed)
