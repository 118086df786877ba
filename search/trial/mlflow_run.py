"""A trial as a run of MLflow: hyperparameters, metrics by epoch, tags.

The experiment is named after the study. A run is known by its tags, so that a worker that takes a
trial over goes on with it, and a repeated export writes nothing twice.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, RunTag
from mlflow.environment_variables import (
    MLFLOW_HTTP_REQUEST_MAX_RETRIES,
    MLFLOW_HTTP_REQUEST_TIMEOUT,
)
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from studyhall.search.trial.listening import Told
from studyhall.storage.studies.rows import Study

PREFIX = "studyhall."  # of our tags
VALUE = "value"  # the metric that holds a trial's value
PAUSE_S = 2.0  # between two deliveries: each takes some ten milliseconds
MOST = 900  # metrics, parameters or tags in one delivery; MLflow takes a thousand and a hundred
MOST_PARAMS = 100
LONGEST = 5000  # characters of a value
_STATES = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}


class MlflowRun:
    """The run of one trial; a listener of its epochs.

    Its methods raise an OSError where MLflow can't be reached or refuses something.

    Args:
        uri: MLflow's tracking URI.
        study: the study.
        number: the trial's number.
        moments: epoch seconds of its beginning and its end; None: as it happens.
    """

    def __init__(
        self, uri: str, study: Study, number: int, moments: tuple[float, float] | None = None
    ) -> None:
        _hurry()
        self._uri, self._study, self._number, self._moments = uri, study, number, moments
        self._waiting: list[Metric] = []
        self._delivered_at = time.monotonic()
        self._run_id = ""

    def begin(self, params: Mapping[str, Any], past: Sequence[Told]) -> None:
        """Create the run, or go on with it; log what it lacks of the epochs so far."""
        with _reported():
            self._client = MlflowClient(tracking_uri=self._uri)
            known = self._found() or self._created(params)
            self._run_id = known.info.run_id
            logged = self._logged(known, past)
        for told in past:
            if (told.part, told.number) not in logged:
                self._add(told)
        self._deliver()

    def epoch(self, told: Told) -> None:
        """Log an epoch, with others every two seconds."""
        self._add(told)
        if time.monotonic() - self._delivered_at > PAUSE_S:
            self._deliver()

    def end(self, state: str, value: float | None) -> None:
        """Log the value, and end the run."""
        if value is not None:
            self._waiting.append(Metric(VALUE, value, self._now(), 0))
        self._deliver()
        self.tag({"state": state.lower()})
        with _reported():
            self._client.set_terminated(self._run_id, _STATES[state], self._now())

    def tag(self, tags: Mapping[str, Any]) -> None:
        """Set tags of studyhall; those that are None are left out."""
        found = [RunTag(PREFIX + key, _text(value)) for key, value in tags.items() if value]
        with _reported():
            self._client.log_batch(self._run_id, tags=found)

    def store(self, file: Path) -> None:
        """Store a file as an artifact."""
        with _reported():
            self._client.log_artifact(self._run_id, str(file), "model")

    @property
    def _own(self) -> dict[str, str]:
        """The tags by which the run is known.

        Studies of one name may be in several databases, and a copied study was created when its
        original was, but has a place for artifacts of its own.
        """
        place = hashlib.sha256(str(self._study.config.get("artifacts")).encode()).hexdigest()
        known = {
            "study": self._study.name,
            "identity": f"{self._study.created_at:.3f}-{place[:12]}",
            "trial": str(self._number),
        }
        return {PREFIX + key: value for key, value in known.items()}

    def _found(self) -> Any:
        """Return the run, if there is one already."""
        query = " and ".join(f"tags.`{key}` = '{value}'" for key, value in self._own.items())
        runs = self._client.search_runs([self._experiment()], query, max_results=1)
        return runs[0] if runs else None

    def _created(self, params: Mapping[str, Any]) -> Any:
        began = None if self._moments is None else round(1000 * self._moments[0])
        run = self._client.create_run(
            self._experiment(), began, dict(self._own), run_name=f"trial-{self._number}"
        )
        found = [Param(_name(name), _text(value)) for name, value in params.items()]
        for start in range(0, len(found), MOST_PARAMS):
            self._client.log_batch(run.info.run_id, params=found[start : start + MOST_PARAMS])
        return run

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(self._study.name)
        if found is not None:
            return str(found.experiment_id)
        try:
            return str(self._client.create_experiment(self._study.name))
        except MlflowException:  # another worker has been faster
            found = self._client.get_experiment_by_name(self._study.name)
            if found is None:
                raise
            return str(found.experiment_id)

    def _logged(self, run: Any, past: Sequence[Told]) -> set[tuple[str, int]]:
        """Return the epochs of the past that the run has, by part and number."""
        firsts = {told.part: _key(told.part, next(iter(told.metrics), "loss")) for told in past}
        return {
            (part, metric.step)
            for part, key in firsts.items()
            if key in run.data.metrics
            for metric in self._client.get_metric_history(self._run_id, key)
        }

    def _add(self, told: Told) -> None:
        self._waiting += [
            Metric(_key(told.part, name), float(value), self._now(), told.number)
            for name, value in told.metrics.items()
            if isinstance(value, int | float)
        ]

    def _deliver(self) -> None:
        with _reported():
            while self._waiting:
                some, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                self._client.log_batch(self._run_id, metrics=some)
        self._delivered_at = time.monotonic()

    def _now(self) -> int:
        """Return the time in milliseconds, or that of the end of a trial of the past."""
        return round(1000 * (time.time() if self._moments is None else self._moments[1]))


@contextmanager
def _reported() -> Iterator[None]:
    """Turn errors of MLflow into an OSError with one line."""
    try:
        yield
    except MlflowException as error:
        lines = str(error).strip().splitlines() or ["no reason given"]
        masked = re.sub(r":[^:/@\s]*@", ":***@", lines[0])  # the URI may have a password
        raise ConnectionError(f"MLflow: {masked}") from error


def _hurry() -> None:
    """Give up on a server after seconds instead of minutes: a trial waits, unless told otherwise.

    MLflow's own messages on every migration of a new database are of no use here.
    """
    if not MLFLOW_HTTP_REQUEST_MAX_RETRIES.is_set():
        MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(1)
    if not MLFLOW_HTTP_REQUEST_TIMEOUT.is_set():
        MLFLOW_HTTP_REQUEST_TIMEOUT.set(10)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _key(part: str, name: str) -> str:
    return _name(f"{part}/{name}" if part else name)


def _name(name: str) -> str:
    """Return a name with the characters that MLflow allows."""
    return re.sub(r"[^\w\-. :/]", "_", name)


def _text(value: Any) -> str:
    return (value if isinstance(value, str) else json.dumps(value))[:LONGEST]
