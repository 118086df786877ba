"""Optuna's own clients read our studies, even while workers write, and see what we see."""

import io
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import optuna_dashboard
import pytest

from studyhall.storage.database import Database
from studyhall.storage.queries import records, status
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials.claimed_trial import Claim
from tests.plain_store import plain_store

TRIALS = 60
OPTUNA = str(Path(sys.executable).with_name("optuna"))


@pytest.fixture
def written(db: Database, crew: Callable[..., Any]) -> tuple[Study, Any]:
    """A study that eight workers are writing."""
    study, _ = studies.create(db, "study", config={}, seed=1, trials=TRIALS)
    workers = crew(db, epochs=5, epoch_s=0.2, pruner="median")
    workers.start(8)
    while status.status(db, study).finished < 2:
        time.sleep(0.1)
    return study, workers


@pytest.mark.sampled(1)
def test_clients_read_while_eight_workers_write(db: Database, written: tuple[Study, Any]) -> None:
    study, workers = written
    url = db.url.render_as_string(hide_password=False)
    storage = db.optuna_storage()
    looks = 0
    while workers.working():
        theirs = optuna.load_study(study_name="study", storage=storage)
        for trial in theirs.get_trials(deepcopy=False):
            check_gapless(trial)
        looks += 1
        if looks == 2:  # they take longest
            check_command_line(url)
            check_dashboard(storage)
    workers.join()
    assert looks >= 2
    check_same(records.trials(db, study), theirs.get_trials(deepcopy=False), db)
    best = status.status(db, study).incumbent
    assert best is not None
    assert (theirs.best_trial.number, theirs.best_value) == (best.number, best.value)
    storage.remove_session()
    storage.engine.dispose()


def check_gapless(trial: optuna.trial.FrozenTrial) -> None:
    steps = sorted(trial.intermediate_values)
    assert steps == list(range(1, len(steps) + 1))
    if trial.state.is_finished():
        assert trial.value == min(trial.intermediate_values.values())


def check_command_line(url: str) -> None:
    """The `optuna` command lists the trials."""
    command = [OPTUNA, "trials", "--study-name", "study", "--storage", url, "-f", "json"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(json.loads(run.stdout)) >= 2


def check_dashboard(storage: optuna.storages.RDBStorage) -> None:
    """The dashboard's first page of a study has trials with their curves."""
    app = optuna_dashboard.wsgi(storage)
    said: list[str] = []
    body = app(
        {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/api/studies/1",
            "QUERY_STRING": "after=0",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
        },
        lambda state, headers, exc_info=None: said.append(state),
    )
    page = json.loads(b"".join(body))
    assert said == ["200 OK"]
    assert any(trial["intermediate_values"] for trial in page["trials"])


def check_same(
    ours: list[TrialRecord], theirs: list[optuna.trial.FrozenTrial], db: Database
) -> None:
    """States, values, parameters and curves agree."""
    assert [trial.number for trial in theirs] == list(range(TRIALS))
    assert {trial.state.name for trial in theirs} == {"COMPLETE", "PRUNED"}
    for record, trial in zip(ours, theirs, strict=True):
        assert (record.number, record.state) == (trial.number, trial.state.name)
        assert record.value == trial.value
        assert record.params == trial.params
        assert record.attributes == trial.user_attrs
        rows = records.history(db, record.trial_id)
        assert {row["epoch"]: row["value"] for row in rows} == trial.intermediate_values
        assert record.best_epoch == min(
            trial.intermediate_values, key=lambda step: trial.intermediate_values[step]
        )


def test_special_values_and_texts_are_read_as_written(db: Database) -> None:
    study, _ = studies.create(db, "stüdy 'x'", config={"ä": 1}, seed=0, trials=1)
    store = plain_store(db, study)
    claim = store.claim()
    assert isinstance(claim, Claim)
    claim.trial.suggest_categorical("kind", ["a'b", "ü", None, True])
    claim.trial.suggest_int("whole", 1, 10**15)
    for epoch, value in enumerate((math.nan, math.inf, -math.inf, 1e-300), start=1):
        store.report(claim, epoch, value, {"val_loss": value})
    store.tell(claim, "FAIL", None, attributes={"reason": 'it\'s "NaN"', "n": [1, None]})
    store.close()
    storage = db.optuna_storage()
    (trial,) = optuna.load_study(study_name="stüdy 'x'", storage=storage).trials
    (record,) = records.trials(db, study)
    assert trial.params == record.params == claim.trial.params
    assert trial.user_attrs == record.attributes == {"reason": 'it\'s "NaN"', "n": [1, None]}
    values = list(trial.intermediate_values.values())
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf, 1e-300]
    metrics = [row["metrics"]["val_loss"] for row in records.history(db, record.trial_id)]
    assert math.isnan(metrics[0])
    assert metrics[1:] == [math.inf, -math.inf, 1e-300]
    storage.remove_session()
    storage.engine.dispose()
