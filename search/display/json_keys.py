"""Studies and trials as JSON for programs; the keys are stable."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from studyhall.search.display import words
from studyhall.storage.queries.at_work import Running
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.queries.status import Status
from studyhall.storage.studies.rows import Study


def of_study(
    study: Study,
    status: Status,
    seconds: dict[str, float],
    confirmation: dict[str, Any] | None = None,
    pareto: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return a study as JSON-able values.

    Args:
        seconds: the time spent in its trials, in seconds, by activity.
        confirmation: the confirmation of its best trials, as JSON-able values.
        pareto: the Pareto front of several objectives, as JSON-able values.
    """
    held = status.held
    return {
        "study": study.name,
        "objective": status.objective,
        "directions": list(study.directions),
        "finished": status.finished,
        "complete": status.counts["COMPLETE"],
        "pruned": status.counts["PRUNED"],
        "failed": status.counts["FAIL"],
        "running": len(held),
        "waiting": len(status.running) - len(held),
        "stopping": status.stopping,
        "left": status.left,
        "goal": asdict(status.goal),
        "reached": status.reached or None,
        "trials": status.limit,
        "best": None if status.incumbent is None else of_trial(status.incumbent),
        "pareto": pareto,
        "seconds": seconds,
        "takeovers": status.takeovers,
        "repeated_epochs": status.repeated_epochs,
        "repeated_s": status.repeated_s,
        "out_of_memory": status.out_of_memory.trials,
        "out_of_memory_share": status.memory_share,
        "confirmation": confirmation,
        "workers": [of_running(each) for each in held],
    }


def of_running(running: Running) -> dict[str, Any]:
    """Return a running trial as JSON-able values."""
    return {
        "trial": running.number,
        "name": running.name,
        "worker": running.worker,
        "host": running.host,
        "device": running.device,
        "epoch": running.epoch,
        "value": running.value,
        "silent_s": running.silent_s,
        "attempt": running.attempt,
    }


def of_trial(trial: TrialRecord, verdict: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a trial as JSON-able values, with its verdict, if given."""
    return {
        "trial": trial.number,
        "name": words.name(trial),
        "state": words.state(trial),
        "value": trial.value,
        "best_epoch": trial.best_epoch,
        "best_epochs": trial.attributes.get("best_epochs"),
        "epochs": trial.epochs,
        "objectives": trial.attributes.get("objectives"),
        "standard_error": trial.attributes.get("standard_error"),
        "folds": trial.attributes.get("folds"),
        "repeats": trial.attributes.get("repeats"),
        "params": trial.params,
        "reason": trial.attributes.get("reason"),
        "stopped": trial.attributes.get("stopped"),
        "verdict": verdict,
        "seconds": trial.attributes.get("seconds"),
        "started_at": trial.started_at,
        "finished_at": trial.finished_at,
        "worker": trial.worker,
        "attempt": trial.attempt,
        "repeated_epochs": trial.repeated_epochs,
        "repeated_s": trial.repeated_s,
    }
