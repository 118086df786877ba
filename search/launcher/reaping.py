"""Freeing the trials of workers that fell silent, when nobody is there who would take them over."""

from __future__ import annotations

from studyhall.search.display import words
from studyhall.search.study import record
from studyhall.storage.database import Database
from studyhall.storage.leases.lease import Silent, Terms
from studyhall.storage.queries import records
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import control


def reap(db: Database, study: Study) -> list[str]:
    """Free every trial whose worker has been silent for longer than the study file allows.

    Returns:
        A line for each: who had it, and what has become of it.
    """
    chosen = record.stored(study).file.workers
    terms = Terms(chosen.silence, chosen.retries, chosen.heartbeat)
    freed = control.reap(db, study, terms)
    return [f"{study.name}: {_told(db, study, silent, terms)}" for silent in freed]


def _told(db: Database, study: Study, silent: Silent, terms: Terms) -> str:
    who = f"{silent.worker} was silent for more than {words.duration(terms.silence_s)}"
    trial = records.trial(db, study, silent.number)
    if trial is None or trial.state == "RUNNING":
        return f"trial {silent.number} waits for another worker: {who}"
    why = trial.attributes.get("reason") or "it had been stopped"
    return f"trial {silent.number} {words.state(trial)}: {who}; {why}"
