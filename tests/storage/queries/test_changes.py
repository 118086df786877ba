"""A study's state differs whenever its page does."""

import pytest

from studyhall.search.display import notes
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import changes
from studyhall.storage.studies import rows, studies, trash
from tests.plain_store import plain_store


@pytest.fixture
def study(db):
    return studies.create(db, "digits", config={}, seed=0, trials=4)[0]


@pytest.fixture
def store(db, study):
    made = plain_store(db, study, Worker("one", "here", 1, "cpu"))
    yield made
    made.close()


def test_nothing_changes_as_long_as_nothing_happens(db, study, store):
    store.claim()
    assert changes.state(db, study.study_id) == changes.state(db, study.study_id)


def test_each_thing_that_a_page_shows_changes_it(db, study, store):
    optunas = db.optuna_storage()
    seen = [changes.state(db, study.study_id)]

    def note(version, body):
        for key, value in {**notes.note(body), "dashboard:note_ver": version}.items():
            optunas.set_study_system_attr(study.study_id, key, value)

    claim = store.claim()
    trial_id = claim.lease.trial_id
    seen.append(changes.state(db, study.study_id))
    for happens in (
        lambda: store.report(claim, 1, 0.5, {"val_loss": 0.5}),
        lambda: store.report(claim, 2, 0.4, {"val_loss": 0.4}),
        lambda: note(1, "good"),
        lambda: note(2, "poor"),
        lambda: optunas.set_study_user_attr(study.study_id, "owner", "ann"),
        lambda: optunas.set_trial_system_attr(trial_id, "artifacts:1", "{}"),
        lambda: store.tell(claim, "COMPLETE", 0.4),
        lambda: rows.rename(db, study.study_id, "numbers"),
    ):
        happens()
        seen.append(changes.state(db, study.study_id))
    optunas.engine.dispose()
    assert len({*seen}) == len(seen) == 10


def test_a_study_that_is_gone_deleted_or_not_ours_has_none(db, study):
    assert changes.state(db, 12345) is None
    trash.put(db, study.study_id, "ann")
    assert changes.state(db, study.study_id) is None
    storage = db.optuna_storage()
    assert changes.state(db, storage.create_new_study([], "plain")) is None
    storage.engine.dispose()
