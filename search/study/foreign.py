"""The record of a study whose trials another tool has run: there is no study file for it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from studyhall.search.study import creation
from studyhall.search.study.fingerprints import Inspection
from studyhall.search.study_file import config, objectives, study_names
from studyhall.storage.database import Database
from studyhall.storage.studies import adoption, studies
from studyhall.storage.studies.rows import Study

ARTIFACTS = "studyhall-artifacts"  # the default of `[study] artifacts`
UNKNOWN = "unknown.py"  # stands for the code and data of another tool's study


def record_of(
    name: str, *, origin: str, folder: Path, objective: str, direction: str, trials: int
) -> dict[str, Any]:
    """Return the record of a study that another tool has run; make a folder for its artifacts.

    Args:
        name: the study's name, which need not be one that a study file may have.
        origin: the tool, such as "Optuna".
        folder: where its script or its project lies.
        objective: name of what is optimized, without "val_".
        direction: "minimize" or "maximize".
        trials: how many trials there are.
    """
    allowed = study_names.legal(name)
    study = {"name": allowed, "trials": max(trials, 1), "objective": objective}
    file = config.from_dict(
        {
            "study": {**study, "direction": direction},
            "data": {"source": f"{UNKNOWN}:load"},
            "model": {"family": f"{UNKNOWN}:build"},
            "search": {"first": "none"},
        }
    )
    return {
        "file": config.to_dict(file),
        "folder": str(folder.resolve()),
        "artifacts": creation.new_place(ARTIFACTS, allowed),
        "inspection": asdict(Inspection("", {})),
        "warm_start": {},
        adoption.FOREIGN: origin,
        adoption.METRIC: objectives.recorded(objective),
    }


def objective_of(metric: str) -> str:
    """Return the name of a metric as `[study] objective` has it: `val_loss`, `val_f1`, `score`."""
    return objectives.LOSS if metric == "val_loss" else metric.removeprefix("val_")


def adopt(db: Database, name: str) -> Study:
    """Adopt a study that Optuna has created, see `storage.studies.adoption`.

    Args:
        db: the database.
        name: the study's name.

    Raises:
        ConfigError: its name has characters that can't be shown.
        StorageError: it can't be adopted.
    """
    study_names.check_foreign(name)
    known = studies.find(db, name)
    if known is not None:
        return adoption.adopt(db, name)
    directions, names, count = adoption.about(db, name)
    adoption.check(db, name)
    record = record_of(
        name,
        origin=adoption.OPTUNA,
        folder=Path(),
        objective=objective_of(names[0]) if names else "value",
        direction=directions[0],
        trials=count,
    )
    return adoption.adopt(db, name, record)
