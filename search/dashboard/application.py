"""optuna-dashboard as a WSGI application, with patches for two slow spots and too wide pages."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial
from optuna_dashboard import wsgi

from studyhall.search.dashboard.files import Files
from studyhall.spaces import private_names

Attributes = dict[str, Any]
Application = Callable[..., Any]

# Trial attributes that studyhall writes; only these are shortened.
OURS = ("best_epochs", "folds", "metrics", "objectives", "reason", "repeats", "seconds", "values")
WIDEST = 90  # characters of a trial's attribute; more make the page wider than 1,280 pixels
LONG_NUMBER = re.compile(r"-?\d+\.\d{4,}(e[-+]\d+)?")


def application(storage: BaseStorage, files: Files) -> Application:
    """Return the dashboard as a WSGI application.

    Args:
        storage: the studies.
        files: the artifacts.
    """
    _look_up_notes_by_trial()
    _show_trials_at_once()
    app: Application = wsgi(storage, artifact_store=files)
    return app


def _trials(_cache: object, storage: BaseStorage, study_id: int) -> list[FrozenTrial]:
    """Read the trials without optuna-dashboard's cache, which is up to 10 s old."""
    return storage.get_all_trials(study_id, deepcopy=False)


def _show_trials_at_once() -> None:
    application = private_names.find(private_names.DASHBOARD)
    if hasattr(application, "get_trials"):
        application.get_trials = _trials


def _look_up_notes_by_trial() -> None:
    """Make optuna-dashboard search only a trial's own notes for that trial.

    It searches all attributes of a study for each of its trials. With a note per trial that takes
    78 s at 10,000 trials; this patch takes well under a second. The page stays the same.
    """
    serializer = private_names.find(private_names.SERIALIZER)
    serialize = getattr(serializer, "serialize_frozen_trial", None)
    if serialize is not None and not hasattr(serialize, "__wrapped__"):
        serializer.serialize_frozen_trial = _narrowed(serialize)


def _narrowed(serialize: Callable[..., Attributes]) -> Callable[..., Attributes]:
    sorted_out: tuple[Attributes, dict[str, Attributes]] = ({}, {})

    @functools.wraps(serialize)
    def serialize_narrowly(study_id: int, trial: Any, attributes: Attributes) -> Attributes:
        nonlocal sorted_out
        whole, by_trial = sorted_out
        if whole is not attributes:
            by_trial = _by_trial(attributes)
            sorted_out = attributes, by_trial
        shown = serialize(study_id, trial, by_trial.get(str(trial._trial_id), {}))
        return {**shown, "user_attrs": [_shortened(each) for each in shown["user_attrs"]]}

    return serialize_narrowly


def _shortened(attribute: Attributes) -> Attributes:
    """Shorten an attribute of ours to the width of the page, which doesn't wrap attributes."""
    value = attribute["value"]
    if attribute["key"] not in OURS or len(value) <= WIDEST:
        return attribute
    rounded = LONG_NUMBER.sub(lambda number: f"{float(number[0]):.4g}", value)
    cut = rounded if len(rounded) <= WIDEST else f"{rounded[: WIDEST - 1]}…"
    return {**attribute, "value": cut}


def _by_trial(attributes: Attributes) -> dict[str, Attributes]:
    """Group ``dashboard:<trial>:note_…`` and ``dashboard:artifacts:<trial>:…`` by trial."""
    found: dict[str, Attributes] = {}
    for key, value in attributes.items():
        first, _, rest = key.removeprefix("dashboard:").partition(":")
        trial = rest.partition(":")[0] if first == "artifacts" else first
        if key.startswith("dashboard:") and trial.isdigit():
            found.setdefault(trial, {})[key] = value
    return found
