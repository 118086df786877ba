"""Freeing the trials of workers that fell silent, when nobody is there who would take them over."""

from __future__ import annotations

from search import creation
from search.report import show
from storage import control, records
from storage.database import Database
from storage.leases import Silent, Terms
from storage.studies import Study


def reap(db: Database, study: Study) -> list[str]:
    """Free every trial whose worker has been silent for longer than the study file allows.

    Returns:
        A line for each: who had it, and what has become of it.
    """
    chosen = creation.stored(study).file.workers
    terms = Terms(chosen.silence, chosen.retries, chosen.heartbeat)
    freed = control.reap(db, study, terms)
    return [f"{study.name}: {_told(db, study, silent, terms)}" for silent in freed]


def _told(db: Database, study: Study, silent: Silent, terms: Terms) -> str:
    who = f"{silent.worker} was silent for more than {show.duration(terms.silence_s)}"
    trial = records.trial(db, study, silent.number)
    if trial is None or trial.state == "RUNNING":
        return f"trial {silent.number} waits for another worker: {who}"
    why = trial.attributes.get("reason") or "it had been stopped"
    return f"trial {silent.number} {show.state(trial)}: {who}; {why}"
