"""The commands that concern a file, a database or several studies, as functions of their names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import Any

from studyhall.search.api.comparison import Comparison
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url
from studyhall.study import Study

__all__ = [
    "Comparison",
    "adopt",
    "compare",
    "doctor",
    "import_keras_tuner",
    "launch",
    "status",
    "trash",
    "tune",
]


def launch(
    file: str | PathLike[str],
    trials: int | None = None,
    workers: int | None = None,
    *,
    gpus: str | Sequence[int] | None = None,
    storage: str | None = None,
    seed: int | None = None,
    silent: bool = False,
) -> Study:
    """Run the study of a study file until its budget is spent; the same call continues it.

    Args:
        file: the study file (TOML).
        trials: trials in all; default: as in the file.
        workers: worker processes; default: likewise.
        gpus: numbers of the GPUs to use, "all" or "none"; default: likewise.
        storage: URL of the database; default: as in the file, $STUDYHALL_STORAGE, else
            sqlite:///studyhall.db.
        seed: the study's seed; default: as in the file.
        silent: print remarks and the result only.

    Returns:
        The study.

    Raises:
        ConfigError: something is not as expected; a line for each problem.
        UserCodeError: a function of yours failed.
        StorageError: the database can't be used.
        KeyboardInterrupt: it was interrupted; its trials go on with the next call.
    """
    from studyhall.search.api.launching import launched

    given = {"trials": trials, "seed": seed, "storage": storage}
    name, url = launched(Path(file), given, workers, gpus, quiet=silent)
    return Study(name, storage=url)


def tune(
    source: str | PathLike[str],
    target: str | None = None,
    *,
    query: str | None = None,
    minutes: float | None = None,
    trials: int | None = None,
    name: str | None = None,
    data: Mapping[str, Any] | None = None,
    workers: int | None = None,
    gpus: str | Sequence[int] | None = None,
    storage: str | None = None,
    seed: int | None = None,
    silent: bool = False,
) -> Study:
    """Search on data without a study file: write one, NAME.toml, and run it; again: go on.

    Args:
        source: the data: anything that `[data] source` takes.
        target: the column of a table to predict.
        query: the rows to read from a database.
        minutes: time of the search; default: 10.
        trials: trials in all; default: 10 for each minute.
        name: the study's name; default: that of source and target.
        data: further keys of `[data]`.
        workers, gpus, storage, seed, silent: as of `launch`.

    Returns:
        The study.

    Raises:
        ConfigError, UserCodeError, StorageError, KeyboardInterrupt: as `launch`.
    """
    from studyhall.search.api.launching import run_file
    from studyhall.search.cli import tune as tuning

    chosen = {"source": str(source), "target": target, "query": query, **(data or {})}
    keys = {key: value for key, value in chosen.items() if value is not None}
    given = {"trials": trials, "seed": seed, "storage": storage}
    path, file, proposed = tuning.prepared(keys, name, minutes, given)
    study, url = run_file(
        file,
        path,
        workers,
        gpus,
        quiet=silent,
        found=None if proposed is None else proposed.found,
        opened=lambda: tuning.write(path, file, proposed),
    )
    return Study(study, storage=url)


def status(storage: str | None = None, *, reap: bool = False) -> list[dict[str, Any]]:
    """Return the progress of every study of a database, as `studyhall status --json`.

    Args:
        storage: URL of the database; default: $STUDYHALL_STORAGE, else sqlite:///studyhall.db.
        reap: first release the trials of workers that no longer send heartbeats.

    Raises:
        StorageError: the database can't be used.
    """
    from studyhall.search.cli import standing
    from studyhall.storage.studies import studies

    with closing(Database.open(storage or default_url(), create=False)) as db:
        found = [study for name in studies.names(db) if (study := studies.find(db, name))]
        if reap:
            standing.reap(db, found)
        return [standing.read(db, study).to_json() for study in found]


def compare(
    *names: str, storage: str | None = None, output: str | PathLike[str] | None = None
) -> Comparison:
    """Compare studies or trials side by side: results and hyperparameters that differ.

    Args:
        names: studies, by their best trials, and trials as "STUDY:NUMBER"; two or more.
        storage: URL of the database; default: $STUDYHALL_STORAGE, else sqlite:///studyhall.db.
        output: draw their learning curves to this file, `.html` or `.png`.

    Raises:
        ConfigError: one of them is not there, or the file can't be written.
        StorageError: the database can't be used.
    """
    from studyhall.search.api import comparison
    from studyhall.search.cli import reports

    path = None if output is None else Path(output)
    sides = reports.sides(names, storage or default_url(), path)
    if path is not None:
        reports.write_compared(sides, path)
    return comparison.of(sides)


def adopt(name: str, *, storage: str | None = None) -> Study:
    """Take an Optuna study of the database in: its trials stay, and all methods show them.

    Args:
        name: the study's name.
        storage: URL of the database; default: $STUDYHALL_STORAGE, else sqlite:///studyhall.db.

    Raises:
        StorageError: there is no such study of Optuna's, or the database can't be used.
    """
    from studyhall.search.cli import importing

    importing.adopt(name, storage)
    return Study(name, storage=storage)


def import_keras_tuner(
    folder: str | PathLike[str],
    *,
    name: str | None = None,
    objective: str | None = None,
    storage: str | None = None,
) -> Study:
    """Make a study of a project folder of KerasTuner.

    Args:
        folder: the project folder.
        name: name of the study; default: that of the folder.
        objective: "min:NAME" or "max:NAME": what was optimized, where the folder does not tell.
        storage: URL of the database; default: $STUDYHALL_STORAGE, else sqlite:///studyhall.db.

    Raises:
        ConfigError: there is no such folder, or a study of this name exists.
        StorageError: the database can't be used.
    """
    from studyhall.search.cli import importing

    made = importing.imported(Path(folder), name, objective, storage or default_url())
    return Study(made.name, storage=storage)


def doctor(storage: str | None = None) -> dict[str, Any]:
    """Look for problems with studies, database, disk and machine.

    Args:
        storage: URL of the database; default: $STUDYHALL_STORAGE, else sqlite:///studyhall.db.

    Returns:
        `well`, and the findings with what to do, as `studyhall doctor --json`.

    Raises:
        StorageError: the database can't be used.
    """
    from studyhall.search.cli import doctor as command
    from studyhall.search.doctor import report

    return report.to_json(command.examine(storage or default_url()))


def trash(
    storage: str | None = None, *, restore: str | None = None, purge: str | None = None
) -> list[dict[str, Any]]:
    """Return the studies that were deleted in the dashboard, the latest first.

    Args:
        storage: URL of the database; default: $STUDYHALL_STORAGE, else sqlite:///studyhall.db.
        restore: first restore the study of this name or number.
        purge: first delete the study of this name or number permanently, without asking.

    Raises:
        ConfigError: there is no such study in the trash.
        StorageError: the database can't be used.
    """
    from studyhall.search.cli import deletion
    from studyhall.storage.studies.trash import contents

    if restore is not None or purge is not None:
        deletion.trash(storage, restore, purge, yes=True)
    with closing(Database.open(storage or default_url(), create=False)) as db:
        return [dataclasses.asdict(deleted) for deleted in contents(db)]
