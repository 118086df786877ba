"""The content of a report as JSON-able values; the keys are stable."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from studyhall.search.diagnosis import more_epochs, tendencies
from studyhall.search.diagnosis.findings import Findings
from studyhall.search.display import curves, json_keys, time_split
from studyhall.search.evaluation import best, exported_files
from studyhall.search.report import summary
from studyhall.search.retraining import datacurve
from studyhall.search.study_file import toml_writer
from studyhall.storage.database import Database, urls
from studyhall.storage.queries import records
from studyhall.storage.queries.records import TrialRecord

Content = dict[str, Any]

LIBRARIES = ("studyhall", "optuna", "keras", "numpy")  # and the backend


def gather(db: Database, found: Findings) -> Content:
    """Return the content of a report: the findings and further data, in the order of the page."""
    study, state = found.study, found.status
    split, curve = time_split.read(db, study), datacurve.read(db, study)
    found_best = best.read(db, study) if state.incumbent else None
    told = None if found_best is None else best.to_json(found_best)
    verdicts = {number: v.to_json() for number, v in found.verdicts.items() if v is not None}
    content: Content = {
        "study": study.name,
        "written_at": time.time(),
        "status": json_keys.of_study(
            study, state, split, (told or {}).get("confirmation"), (told or {}).get("pareto")
        ),
        "best": told,
        "hyperparameters": [_hyperparameter(each) for each in found.hyperparameters],
        "verdicts": dict(Counter(v.name for v in found.verdicts.values() if v is not None)),
        "trials": [json_keys.of_trial(t, verdicts.get(t.number)) for t in found.trials],
        "lost": _lost(found),
        "worst": _worst(found_best),
        "longer": None if found_best is None else _longer(found_best),
        "data_curve": None if curve is None else curve.to_json(),
        "reproduce": _reproduce(found, found_best, urls.storage_option(str(db))),
    }
    return {**content, "summary": summary.summary(content)}


def winner(content: Content) -> int | None:
    """Return the number of the best trial; None if no trial is complete."""
    return (content["best"] or {}).get("trial")


def histories(db: Database, trials: Sequence[TrialRecord]) -> list[list[dict[str, Any]]]:
    """Return the epochs of each trial, in flat form."""
    return [curves.flat(records.history(db, trial.trial_id)) for trial in trials]


def leading(found: Findings, first: int | None) -> list[TrialRecord]:
    """Return the complete trials, best first; a winner chosen by a confirmation comes first.

    Args:
        found: the findings about the study.
        first: number of the winner.
    """
    return sorted(found.complete, key=lambda trial: trial.number != first)


def _longer(winner: best.Best) -> dict[str, Any]:
    return more_epochs.ask(winner.trial, winner.verdict).to_json()


def _hyperparameter(found: tendencies.OfHyperparameter) -> dict[str, Any]:
    name, kind, span, when = found.entry.row()
    return {
        "name": name,
        "kind": kind,
        "searched": span,
        "when": when,
        "importance": found.importance,
        "good": found.good_range,
        "tendencies": [each.sentence() for each in found.tendencies],
    }


def _lost(found: Findings) -> dict[str, Any]:
    """Return the device time lost to failures and pruning, in seconds, and failures by reason."""
    seconds = dict.fromkeys(("FAIL", "PRUNED", "COMPLETE", "RUNNING"), 0.0)
    for trial in found.trials:
        seconds[trial.state] += trial.gpu_seconds_used
    failed = [trial for trial in found.trials if trial.state == "FAIL"]
    reasons = Counter(str(trial.attributes.get("reason", "not recorded")) for trial in failed)
    return {
        "failed_s": seconds["FAIL"],
        "pruned_s": seconds["PRUNED"],
        "repeated_s": found.status.repeated_s,
        "all_s": sum(seconds.values()),
        "reasons": dict(reasons.most_common(10)),
    }


def _reproduce(found: Findings, winner: best.Best | None, storage: str) -> dict[str, Any]:
    """Return all that is needed to reproduce the study.

    The library versions are those of the best model's card, if it has one.
    """
    stored, card = found.stored, {} if winner is None else exported_files.card(winner)
    number = None if winner is None else winner.trial.number
    return {
        "study_file": toml_writer.text(stored.file.model_dump(mode="json")),
        "seed": found.study.seed,
        "model_seed": card.get("model_seed"),
        "best_seed": None if number is None else _attribute(found, number, "seed"),
        "data": stored.inspection.data,
        "samples": stored.inspection.about.get("samples"),
        "notes": stored.inspection.about.get("notes", []),
        "code": stored.inspection.code,
        "folder": str(stored.folder),
        "created_at": found.study.created_at,
        "replay": None if number is None else _replay(found.study.name, number, storage),
        "model_sha256": card.get("model_sha256"),
        "python": platform.python_version(),
        "versions": card.get("versions") or dict(_versions(stored.file.training.backend)),
    }


def _replay(name: str, number: int, storage: str) -> str:
    return f"studyhall replay {name} {number}{storage}"


def _versions(backend: str) -> Iterator[tuple[str, str]]:
    """Yield the libraries of this machine, which may lack the study's backend."""
    for name in (*LIBRARIES, backend):
        with suppress(PackageNotFoundError):
            yield name, version(name)


def _worst(winner: best.Best | None) -> list[dict[str, Any]]:
    """Return the test samples with the worst predictions of the best trial's model."""
    proven = None if winner is None else winner.winner
    scoring = None if proven is None else proven.scoring
    return [] if scoring is None else scoring.worst


def _attribute(found: Findings, number: int, key: str) -> Any:
    return next(t.attributes.get(key) for t in found.trials if t.number == number)
