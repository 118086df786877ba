"""The writes that studyhall does differently from optuna-dashboard: delete, rename, stop."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from optuna.storages import BaseStorage
from optuna.trial import TrialState
from werkzeug.exceptions import BadRequest, Conflict, NotFound
from werkzeug.wrappers import Request, Response

from studyhall.search.dashboard.login import Visitor
from studyhall.search.dashboard.routes import Write
from studyhall.search.study_file import study_names
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageError
from studyhall.storage.queries import status
from studyhall.storage.studies import retrainings, rows, studies, trash
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import control

SILENT_S = 120.0  # a worker without a heartbeat for this long doesn't block a write
OURS_ALONE = ("attributes", "preference")  # would overwrite what the workers have recorded


@dataclass(frozen=True)
class Writes:
    """The writes that are done here instead of in optuna-dashboard.

    Attributes:
        db: The database to write to.
        storage: The same database as an Optuna storage.
    """

    db: Database
    storage: BaseStorage

    def answer(self, write: Write, request: Request, visitor: Visitor) -> Response | None:
        """Do a write that concerns leases, names or the trash; return None for all others.

        Raises:
            Conflict: workers are on the study, or the dashboard may not write this.
            NotFound: there is no such study or trial.
            BadRequest: the name is invalid.
        """
        self._check_nobody_is_disturbed(write)
        self._check_it_is_there(write)
        study = self._study(write)
        if write.route.what in OURS_ALONE and study is not None:
            raise Conflict("Only workers write the attributes of their trials.")
        own: dict[str, Callable[[], Response | None]] = {
            "delete": lambda: self._delete(write, visitor),
            "rename": lambda: self._rename(write, request),
            "create": lambda: _check_name(request),
            "stop": lambda: None if study is None else self._stop(study, write, request),
            "detach": lambda: self._check_detachable(write),
        }
        return own.get(write.route.what, lambda: None)()

    def _delete(self, write: Write, visitor: Visitor) -> Response:
        assert write.study_id is not None
        try:
            trash.put(self.db, write.study_id, visitor.name)
        except LookupError as error:
            raise NotFound(str(error)) from error
        return Response(status=204)

    def _rename(self, write: Write, request: Request) -> Response:
        """Rename the study in place; optuna-dashboard would copy it without studyhall's tables."""
        assert write.study_id is not None
        try:
            found = rows.rename(self.db, write.study_id, _name(request))
        except StorageError as error:
            raise BadRequest(str(error)) from error
        listed = {study._study_id: study for study in self.storage.get_all_studies()}
        if not found or write.study_id not in listed:
            raise NotFound(f"no study has the identifier {write.study_id}")
        return _json(_shown(listed[write.study_id]), 201)

    def _stop(self, study: Study, write: Write, request: Request) -> Response:
        """Ask a running trial's worker to end it as pruned, as only the worker holds its lease."""
        assert write.trial_id is not None
        if str(_said(request).get("state", "")).lower() != "fail":
            raise Conflict("Only the worker sets a trial's value. To stop the trial, choose Fail.")
        of = rows.of_trial(self.db, write.trial_id)
        if of is None or not control.stop_trial(self.db, study, of[1]):
            raise Conflict("This trial is not running.")
        return Response(status=204)

    def _check_detachable(self, write: Write) -> None:
        """Refuse to delete a finished trial's file before it is gone: its list can't be changed."""
        trial_id = write.trial_id
        if trial_id is not None and self.storage.get_trial(trial_id).state.is_finished():
            raise Conflict("This trial has finished: its files stay until its study is deleted.")

    def _check_it_is_there(self, write: Write) -> None:
        """Refuse writes to what does not exist, and to trials of a hidden study."""
        trial_id, study_id = write.trial_id, write.study_id
        if study_id is not None and rows.name_of(self.db, study_id) is None:
            raise NotFound(f"no study has the identifier {study_id}")
        if trial_id is not None and rows.of_trial(self.db, trial_id) is None:
            raise NotFound(f"no trial has the identifier {trial_id}")

    def _check_nobody_is_disturbed(self, write: Write) -> None:
        names: list[str | None] = []
        if write.route.closed == "study":
            names = [rows.name_of(self.db, write.study_id or 0)]
        elif write.route.closed == "database":
            names = [study.study_name for study in self.storage.get_all_studies()]
        for name in names:
            if name is not None and self._is_busy(name):
                raise Conflict(f'Workers are on study "{name}": stop them first.')

    def _is_busy(self, name: str) -> bool:
        study = studies.find(self.db, name)
        if study is not None:
            of_it = [study, *retrainings.opened(self.db, study)]
            workers = [one for each in of_it for one in status.status(self.db, each).workers]
            return any(worker.silent_s < SILENT_S for worker in workers)
        study_id = self.storage.get_study_id_from_name(name)
        return bool(self.storage.get_all_trials(study_id, states=(TrialState.RUNNING,)))

    def _study(self, write: Write) -> Study | None:
        """Return the study of a write, if studyhall created it."""
        study_id = write.study_id
        if study_id is None and write.trial_id is not None:
            of = rows.of_trial(self.db, write.trial_id)
            study_id = None if of is None else of[0]
        name = None if study_id is None else rows.name_of(self.db, study_id)
        return None if name is None else studies.find(self.db, name)


def _check_name(request: Request) -> None:
    _name(request)


def _name(request: Request) -> str:
    """Return the name that a study is to get.

    Raises:
        BadRequest: a study can't have it.
    """
    try:
        return study_names.check(_said(request).get("study_name"), "study_name")
    except ConfigError as error:
        raise BadRequest(str(error)) from error


def _shown(study: Any) -> dict[str, Any]:
    """Return a study as JSON-able values in the format of optuna-dashboard's API."""
    attributes = study.user_attrs.items()
    return {
        "study_id": study._study_id,
        "study_name": study.study_name,
        "directions": [direction.name.lower() for direction in study.directions],
        "user_attrs": [{"key": key, "value": json.dumps(value)} for key, value in attributes],
        "is_preferential": False,
    }


def _said(request: Request) -> dict[str, Any]:
    said = request.get_json(force=True, silent=True)
    return said if isinstance(said, dict) else {}


def _json(said: dict[str, Any], status_code: int) -> Response:
    return Response(json.dumps(said), status=status_code, mimetype="application/json")
