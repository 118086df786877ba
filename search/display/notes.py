"""The notes and artifacts of trials in optuna-dashboard.

optuna-dashboard keeps notes and artifacts as attributes with fixed names. They are made here as
plain dicts, so that the end of a trial can be written in one transaction. The learning curve and
the history need no files: the trial's id is part of their artifact ids, and the dashboard makes
them when requested (``search.dashboard.files``).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from studyhall.search.display import curves, markdown_text
from studyhall.search.display.curves import Epoch, History
from studyhall.search.study_file import objectives
from studyhall.spaces import spelling

Attributes = dict[str, str | int]
State = Literal["COMPLETE", "PRUNED", "FAIL"]

NOTE_CHUNK = 2045  # characters of a note per attribute; optuna-dashboard splits notes the same way
REASON_LIMIT = 400  # characters of a failure's reason, name or value

CURVE, HISTORY = "curve.png", "history.csv"
# Version-8 UUIDs, whose bits an application may choose: the second group is the kind of artifact,
# the last group the trial's id.
_KINDS = {CURVE: "0001", HISTORY: "0002"}
_MADE = re.compile(r"57d7a11e-(0001|0002)-8000-8000-([0-9a-f]{12})")
_MIMETYPES = {".png": "image/png", ".csv": "text/csv", ".json": "application/json"}


def trial_artifacts(trial_id: int) -> dict[str, str]:
    """Return trial system attributes that link curve and history, like Optuna's upload_artifact."""
    return dict(_artifact(artifact_id(trial_id, name), name) for name in _KINDS)


def stored_artifact(trial_id: int, name: str, filename: str) -> dict[str, str]:
    """Return study system attributes that link a stored object to the study and one of its trials.

    Both links are attributes of the study, because the dashboard reads those of a finished trial
    only once.

    Args:
        trial_id: Optuna's identifier of the trial, such as the winner.
        name: The object's name in the artifact folder.
        filename: The name of the downloaded file, such as ``digits.keras``.

    Raises:
        ValueError: The name has no identifier, so it is no name of a stored object.
    """
    identifiers = re.findall(r"[0-9a-f]{32}", name)
    if not identifiers:
        raise ValueError(f"artifact: received {name!r}, expected the name of a stored object")
    key, meta = _artifact(identifiers[-1], filename)
    return {key: meta, f"dashboard:{key.replace(':', f':{trial_id}:')}": meta}


def artifact_id(trial_id: int, name: str) -> str:
    """Return the artifact id of a trial's ``curve.png`` or ``history.csv``."""
    return f"57d7a11e-{_KINDS[name]}-8000-8000-{trial_id:012x}"


def made_on_demand(identifier: str) -> tuple[int, str] | None:
    """Return the trial id and file name of such an artifact id; None for any other artifact."""
    found = _MADE.fullmatch(identifier.lower())
    if found is None:
        return None
    name = next(name for name, kind in _KINDS.items() if kind == found[1])
    return int(found[2], 16), name


def trial_note(
    study_id: int,
    trial_id: int,
    number: int,
    *,
    state: State,
    history: History,
    params: Mapping[str, Any],
    value: float | None = None,
    stopped: str | None = None,
    reason: str | None = None,
    verdict: Sequence[str] = (),
    objective: str = objectives.LOSS,
    direction: str = objectives.MINIMIZE,
    further: Mapping[str, float] | None = None,
) -> Attributes:
    """Return study system attributes that hold a finished trial's note.

    Args:
        study_id, trial_id: Optuna's identifiers, for the links.
        number: The trial's number.
        state: How it ended.
        history: Its epochs, flat or as in the database.
        params: Its hyperparameters.
        value: Its value; None: the objective at the best epoch of the history.
        stopped: Why training ended: epochs, patience, time, diverged, by hand or by its
            callbacks.
        reason: Why it failed.
        verdict: The verdict on its curves in a sentence, then the advice, a sentence each.
        objective, direction: The metric that is its value, and minimize or maximize.
        further: The values of the other objectives, by name.
    """
    history = curves.flat(history)
    by = objectives.recorded(objective), objectives.sign(direction)
    best = curves.best_epoch(history, *by)
    body = "\n\n".join(
        part
        for part in (
            _outcome(number, state, history, best, value, stopped, reason, objective),
            _further(further or {}),
            _judged(verdict),
            _numbers(history, curves.at_best(history, *by)),
            _links(study_id, trial_id) if history else "",
            _hyperparameters(params),
        )
        if part
    )
    return note(body, trial_id)


def note(body: str, trial_id: int | None = None) -> Attributes:
    """Return a Markdown note on a trial, or on the study itself, as study system attributes."""
    prefix = "dashboard:" if trial_id is None else f"dashboard:{trial_id}:"
    chunks = [body[start : start + NOTE_CHUNK] for start in range(0, len(body), NOTE_CHUNK)]
    texts = {f"{prefix}note_str:{position}": chunk for position, chunk in enumerate(chunks)}
    return {f"{prefix}note_ver": 1, **texts}


def _artifact(identifier: str, filename: str) -> tuple[str, str]:
    ending = filename[filename.rfind(".") :]
    meta = {
        "artifact_id": identifier,
        "filename": filename,
        "mimetype": _MIMETYPES.get(ending, "application/octet-stream"),
        "encoding": None,
    }
    return f"artifacts:{identifier}", json.dumps(meta)


def _outcome(
    number: int,
    state: State,
    history: History,
    best: Epoch | None,
    value: float | None,
    stopped: str | None,
    reason: str | None,
    objective: str,
) -> str:
    known = max((epoch["epoch"] for epoch in history), default=0) <= len(history)
    after = f"after {spelling.counted(len(history), 'epoch' if known else 'report')}"
    if state == "FAIL":
        return f"**Trial {number} failed {after}:** {_escaped(reason or 'no reason given')}"
    least = value if value is not None else (best or {}).get(objectives.recorded(objective))
    at = f" at epoch {best['epoch']}" if best and len(curves.folds(history)) == 1 else ""
    found = f"{_escaped(objectives.shown(objective))} {_short(least)}{at}"
    if state == "PRUNED":
        cause = "stopped by hand" if stopped == "by hand" else "it fell behind"
        return f"**Trial {number} was pruned {after}:** {cause}. Its best: {found}."
    why = {
        "patience": "no more improvement",
        "epochs": "all epochs trained",
        "time": "the time limit was reached",
        "diverged": "the loss became NaN or infinite",
        "by its callbacks": "stopped by its callbacks",
    }.get(stopped or "", "")
    return f"**Trial {number}: {found}**, {after}{f' ({why})' if why else ''}."


def _further(found: Mapping[str, float]) -> str:
    """Return a sentence with the values of the other objectives."""
    if not found:
        return ""
    whole = {name: int(n) if float(n).is_integer() else n for name, n in found.items()}
    units = {name: f" {unit}" for name, unit in objectives.UNITS.items()}
    told = (f"{_escaped(name)} {_short(n)}{units.get(name, '')}" for name, n in whole.items())
    return f"With {', '.join(told)}."


def _judged(verdict: Sequence[str]) -> str:
    """Return the verdict as Markdown, with the advice as a list."""
    if not verdict:
        return ""
    said, *advice = verdict
    return "\n".join([f"**Verdict:** {_escaped(said)}\n", *(f"- {_escaped(a)}" for a in advice)])


def _numbers(history: History, best: Mapping[str, float] | None) -> str:
    """Return a table of the best epoch, a row per metric; means over folds and repeats."""
    if best is None:
        return ""
    rows = [
        (_escaped(name), *(_short(curves.number(best, key)) for key in (name, f"val_{name}")))
        for name in curves.metrics(history)
    ]
    several = len(curves.folds(history)) > 1
    where = "mean of the best epochs" if several else f"epoch {best['epoch']:.0f}"
    return _table((where, "train", "validation"), rows)


def _hyperparameters(params: Mapping[str, Any]) -> str:
    rows = [(_escaped(name), _short(value)) for name, value in params.items()]
    return _table(("hyperparameter", "value"), rows) if rows else ""


def _links(study_id: int, trial_id: int) -> str:
    folder = f"/artifacts/{study_id}/{trial_id}/"
    curve, history = (folder + artifact_id(trial_id, name) for name in (CURVE, HISTORY))
    return f"![learning curve]({curve})\n\n[All epochs as CSV]({history})"


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return markdown_text.table([header, *rows], ["---", *("---:" for _ in header[1:])])


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(_short, value))
    return "–" if value is None else _escaped(str(value))


def _escaped(text: str) -> str:
    return markdown_text.plain(text, REASON_LIMIT)
