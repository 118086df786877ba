"""Deleted studies wait in the trash with all that belongs to them."""

import optuna
import pytest

from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageError
from studyhall.storage.studies import studies, trash
from studyhall.storage.studies.rows import Study
from studyhall.storage.studies.trash import Deleted
from studyhall.storage.trials import control


@pytest.fixture
def study(db: Database) -> Study:
    return studies.create(db, "digits", config={"artifacts": "/a"}, seed=7, trials=4)[0]


def deleted(db: Database) -> Deleted:
    (found,) = trash.contents(db)
    return found


def stop(db: Database, study: Study) -> int:
    return db.snapshot(
        lambda t: t.value(
            "SELECT stop FROM studyhall_budget WHERE study_id = :id", id=study.study_id
        )
    )


def test_no_command_finds_a_study_in_the_trash_and_its_workers_leave(db, study):
    assert trash.put(db, study.study_id, "ann") == "digits"
    assert studies.names(db) == [] and studies.find(db, "digits") is None
    assert stop(db, study) == 1
    found = deleted(db)
    assert (found.name, found.deleted_by, found.trials) == ("digits", "ann", 0)
    assert (found.study_id, found.artifacts) == (study.study_id, "/a")
    assert found.deleted_at > study.created_at - 1


def test_a_study_that_is_restored_is_what_it_was(db, study):
    control.set_stop(db, study, True)
    studies.set_fact(db, study, "proof", {"good": True})
    trash.put(db, study.study_id, "ann")
    trash.restore(db, deleted(db))
    assert trash.contents(db) == []
    assert studies.find(db, "digits") == study
    assert stop(db, study) == 1  # as it had been before
    assert studies.facts(db, study) == {"proof": {"good": True}}


def test_its_workers_may_go_on_once_it_is_restored(db, study):
    trash.put(db, study.study_id, "ann")
    trash.restore(db, deleted(db))
    assert stop(db, study) == 0


def test_its_name_is_free_meanwhile(db, study):
    trash.put(db, study.study_id, "ann")
    other, created = studies.create(db, "digits", config={}, seed=0, trials=1)
    assert created
    with pytest.raises(StorageError, match="received 'digits', expected an unused name"):
        trash.restore(db, deleted(db))
    trash.put(db, other.study_id, "bob")
    latest, first = trash.contents(db)
    assert (latest.study_id, first.study_id) == (other.study_id, study.study_id)


def test_a_study_can_go_for_good(db, study):
    trash.put(db, study.study_id, "ann")
    found = deleted(db)
    trash.purge(db, found)
    assert trash.contents(db) == []
    for gone in (trash.restore, trash.purge):
        with pytest.raises(LookupError):
            gone(db, found)


def test_what_is_not_there_cant_be_deleted(db, study):
    with pytest.raises(LookupError):
        trash.put(db, 12345, "ann")
    trash.put(db, study.study_id, "ann")
    with pytest.raises(LookupError):
        trash.put(db, study.study_id, "ann")


def test_another_clients_study_comes_and_goes_alike(db):
    storage = db.optuna_storage()
    plain = optuna.create_study(study_name="plain", storage=storage)
    plain.add_trial(optuna.trial.create_trial(value=0.5))
    trash.put(db, plain._study_id, "ann")
    assert (deleted(db).trials, deleted(db).artifacts) == (1, None)
    trash.restore(db, deleted(db))
    assert optuna.load_study(study_name="plain", storage=storage).best_value == 0.5
    storage.engine.dispose()
