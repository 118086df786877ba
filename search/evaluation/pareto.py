"""The Pareto front of a study of several objectives: trials that no other beats in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from studyhall.search.process import quiet
from studyhall.search.study_file import objectives
from studyhall.storage.database import Database
from studyhall.storage.queries import records
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies.rows import Study


def front(study: Study, trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the trials of the Pareto front, by number; empty with a single objective."""
    if len(study.directions) == 1:
        return []
    from optuna.trial import create_trial  # slow to import, and not needed for one objective

    found = quiet.optuna_study(directions=list(study.directions))
    complete = [t for t in trials if t.state == "COMPLETE" and "objectives" in t.attributes]
    for trial in complete:
        values = list(trial.attributes["objectives"].values())
        found.add_trial(create_trial(values=values))
    return [complete[trial.number] for trial in found.best_trials]


def read(db: Database, study: Study) -> list[dict[str, Any]] | None:
    """Read the Pareto front as JSON values; None with a single objective."""
    return to_json(front(study, records.trials(db, study))) if len(study.directions) > 1 else None


def to_json(found: Sequence[TrialRecord]) -> list[dict[str, Any]]:
    """Return numbers and objective values of trials as JSON values."""
    return [{"trial": each.number, "objectives": each.attributes["objectives"]} for each in found]


def rows(found: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Return a table header, and a row for each trial of `to_json`."""
    names = list(found[0]["objectives"]) if found else []
    body = [
        [str(each["trial"]), *(f"{each['objectives'][name]:.5g}" for name in names)]
        for each in found
    ]
    return ["trial", *map(objectives.shown, names)], body
