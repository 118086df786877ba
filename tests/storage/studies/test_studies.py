"""Creating, finding and changing studies."""

import threading
from concurrent.futures import ThreadPoolExecutor

import optuna
import pytest

from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageError
from studyhall.storage.queries import records, status
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Queued, Study
from studyhall.storage.trials import control
from studyhall.storage.trials.claim import Exhausted
from studyhall.storage.trials.claimed_trial import Claim
from tests.plain_store import plain_store
from tests.storage.studies.test_deletion import fill


def test_a_study_is_found_as_it_was_created(db: Database) -> None:
    config = {"training": {"epochs": 10}, "space": {"x": [1, 2.5, "ü", None, True]}}
    study, created = studies.create(db, "digits", config=config, seed=7, trials=3)
    assert created
    assert studies.find(db, "digits") == study
    assert (study.name, study.seed, study.config) == ("digits", 7, config)
    assert studies.find(db, "letters") is None
    assert studies.create(db, "digits", config={}, seed=8, trials=4) == (study, False)
    assert studies.names(db) == ["digits"]


def test_optuna_finds_it_too(db: Database) -> None:
    studies.create(db, "digits", config={}, seed=0, trials=3)
    storage = db.optuna_storage()
    study = optuna.load_study(study_name="digits", storage=storage)
    assert study.direction == optuna.study.StudyDirection.MINIMIZE
    storage.remove_session()
    storage.engine.dispose()


def test_a_config_may_be_replaced(db: Database) -> None:
    study, _ = studies.create(db, "digits", config={"a": 1}, seed=0, trials=3)
    changed = studies.change_config(db, study, {"a": 2})
    assert changed.config == {"a": 2}
    assert studies.find(db, "digits") == changed


def test_a_config_that_changed_meanwhile_stays_and_nothing_is_queued(db: Database) -> None:
    study, _ = studies.create(db, "digits", config={"a": 1}, seed=0, trials=3)
    first = studies.change_config(db, study, {"a": 2}, [Queued({"x": 1})])
    assert studies.change_config(db, study, {"a": 3}, [Queued({"x": 1})] * 2) == first
    assert status.status(db, study).queued == 1


def test_limits_are_added_to_or_set(db: Database) -> None:
    study, _ = studies.create(db, "digits", config={}, seed=0, trials=3, seconds=60.0)
    studies.extend(db, study, trials=2, seconds=30.0, gpu_seconds=5.0)
    state = status.status(db, study)
    assert (state.limit, state.seconds_limit, state.gpu_seconds_limit) == (5, 90.0, None)
    studies.set_limits(db, study, trials=1, gpu_seconds=7.0)
    state = status.status(db, study)
    assert (state.limit, state.seconds_limit, state.gpu_seconds_limit) == (1, None, 7.0)


def test_a_limit_below_what_was_started_only_stops_new_trials(db: Database) -> None:
    study, _ = studies.create(db, "digits", config={}, seed=0, trials=5)
    fill(db, study, finish=2)
    studies.set_limits(db, study, trials=1)
    state = status.status(db, study)
    assert (state.used, state.limit, state.finished) == (3, 1, 2)


def test_facts_are_remembered(db: Database) -> None:
    study, _ = studies.create(db, "digits", config={}, seed=0, trials=3)
    studies.set_fact(db, study, "proof", {"difference": 0.0, "at": [1, None]})
    studies.set_fact(db, study, "fingerprint", "abc")
    studies.set_fact(db, study, "fingerprint", "def")
    assert studies.facts(db, study) == {
        "proof": {"difference": 0.0, "at": [1, None]},
        "fingerprint": "def",
    }


def test_a_configuration_may_be_put_in_front_later(db: Database) -> None:
    study, _ = studies.create(db, "digits", config={}, seed=0, trials=1)
    study = studies.change_config(db, study, {}, [Queued({"x": 0.125})])
    assert status.status(db, study).queued == 1
    store = plain_store(db, study)
    claim = store.claim()
    assert isinstance(claim, Claim)
    assert claim.trial.suggest_float("x", 0.0, 1.0) == 0.125
    store.tell(claim, "COMPLETE", 0.5)
    assert store.claim() == Exhausted("trials")
    store.close()


def test_a_trial_without_a_worker_is_stopped_at_once(db: Database) -> None:
    study, _ = studies.create(db, "digits", config={}, seed=0, trials=1)
    fill(db, study, finish=0)
    db.transaction(lambda t: t.run("UPDATE studyhall_leases SET held = 0"))
    assert control.stop_trial(db, study, 0)
    record = records.trial(db, study, 0)
    assert record is not None
    assert (record.state, record.value, record.attributes) == (
        "PRUNED",
        0.5,
        {"stopped": "by hand"},
    )
    assert not control.stop_trial(db, study, 0)
    assert not control.stop_trial(db, study, 1)


def test_of_many_creators_at_once_exactly_one_creates(database_url: str) -> None:
    Database.open(database_url).close()
    barrier = threading.Barrier(6)

    def create(seed: int) -> tuple[Study, bool]:
        db = Database.open(database_url)
        try:
            barrier.wait()
            queue = [Queued({"x": 0.5})]
            return studies.create(db, "raced", config={}, seed=seed, trials=3, queue=queue)
        finally:
            db.close()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(create, range(6)))
    (creator,) = [seed for seed, (_, created) in enumerate(answers) if created]
    assert {study.seed for study, _ in answers} == {creator}
    assert len({study.study_id for study, _ in answers}) == 1
    db = Database.open(database_url)
    assert status.status(db, answers[0][0]).queued == 1
    db.close()


def test_the_name_of_a_study_that_optuna_has_made_is_refused(db: Database) -> None:
    storage = db.optuna_storage()
    optuna.create_study(study_name="theirs", storage=storage)
    storage.remove_session()
    storage.engine.dispose()
    with pytest.raises(StorageError, match="'theirs' belongs to a study that studyhall has not"):
        studies.create(db, "theirs", config={}, seed=0, trials=1)
    assert studies.find(db, "theirs") is None
    assert studies.names(db) == []
