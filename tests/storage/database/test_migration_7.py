"""A database whose confirmations have a table of their own is brought to version 7."""

import json

import pytest

from studyhall.storage.artifacts import retention
from studyhall.storage.artifacts.artifact_store import open_store
from studyhall.storage.database import Database, Transaction
from studyhall.storage.database.companions import CONFIRM, DATACURVE
from studyhall.storage.leases.workers import Worker
from studyhall.storage.sampling import pruning, samplers
from studyhall.storage.studies import retrainings, studies, trash
from studyhall.storage.trials.claim import Exhausted
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore
from tests.storage.database.test_migration_8 import back_to_7

# As version 6 has made it.
_TABLE = """
    CREATE TABLE studyhall_retrainings (study_id INTEGER NOT NULL, purpose TEXT NOT NULL,
        trial INTEGER NOT NULL, repeat INTEGER NOT NULL, percent INTEGER NOT NULL,
        seed BIGINT NOT NULL, worker TEXT, host TEXT, pid INTEGER, heard_at DOUBLE PRECISION,
        gpu_seconds DOUBLE PRECISION DEFAULT 0 NOT NULL, checkpoint TEXT, result TEXT,
        finished_at DOUBLE PRECISION, PRIMARY KEY (study_id, purpose, trial, repeat, percent))"""
_ROW = """
    INSERT INTO studyhall_retrainings VALUES (:study_id, :purpose, :trial, :repeat, 100, 5,
        :worker, 'here', 1, 1.0, :gpu_seconds, :checkpoint, :result, 2.0)"""

VALUE = {"value": 0.9, "train": 0.95, "best_epoch": 4, "epochs": 6, "metrics": {"accuracy": 0.9},
         "samples": 90, "parameters": 31, "stopped": None}  # fmt: skip
MODEL = {"model": f"model-old-3-{'0' * 32}.keras", "model_sha256": "12", "model_fold": 0}
REASON = {"reason": "validation loss nan at epoch 1"}


@pytest.fixture
def database_url(db):
    """The URL of the database."""
    return db.url.render_as_string(hide_password=False)


@pytest.fixture
def old(db, database_url):
    """Studies as version 6 has left them, opened by this version; the first of them."""
    study, _ = studies.create(db, "old", config={}, seed=0, trials=4, directions=["maximize"])
    binned, _ = studies.create(db, "binned", config={}, seed=0, trials=4)
    trash.put(db, binned.study_id, "ann")

    def row(transaction: Transaction, study_id: int, purpose: str, *place: int, **about: object):
        text = about.pop("result", None)
        known = {"worker": None, "gpu_seconds": 0.0, "checkpoint": None, **about}
        known |= {"trial": place[0], "repeat": place[1], "purpose": purpose}
        result = None if text is None else json.dumps(text)
        transaction.run(_ROW, study_id=study_id, result=result, **known)

    def back(transaction: Transaction) -> None:
        back_to_7(transaction)
        transaction.run(_TABLE)
        done = {"worker": "ann", "gpu_seconds": 8.0}
        row(transaction, study.study_id, CONFIRM, 3, 0, result={**VALUE, **MODEL}, **done)
        row(transaction, study.study_id, CONFIRM, 7, 0, result=REASON, **done)
        row(transaction, study.study_id, CONFIRM, 3, 1, checkpoint="c", **done)
        row(transaction, study.study_id, CONFIRM, 7, 1)
        row(transaction, study.study_id, DATACURVE, 3, 0, result=VALUE, **done)
        row(transaction, binned.study_id, CONFIRM, 1, 0, result=VALUE, **done)
        row(transaction, 99, CONFIRM, 1, 0, result=VALUE, **done)  # deleted by another client
        transaction.run("UPDATE studyhall_schema SET version = 6")

    db.transaction(back)
    Database.open(database_url).close()
    Database.open(database_url).close()
    return study


def test_what_had_ended_keeps_its_result_and_its_time(db, old):
    one, failed, *_ = retrainings.read(db, old, CONFIRM)
    assert (one.id, one.seed, one.worker, one.gpu_seconds) == ((3, 0, 100), 5, "ann", 8.0)
    assert one.result == {**VALUE, **MODEL, "seed": 5}
    assert (failed.id, failed.result, failed.gpu_seconds) == ((7, 0, 100), REASON, 8.0)
    (curve,) = retrainings.read(db, old, DATACURVE)
    assert curve.result == {**VALUE, "seed": 5}


def test_what_was_under_way_begins_anew(db, old):
    *_, begun, waiting = retrainings.read(db, old, CONFIRM)
    assert (begun.id, begun.gpu_seconds) == ((3, 1, 100), 8.0)  # which it has taken all the same
    assert (waiting.id, waiting.gpu_seconds) == ((7, 1, 100), 0.0)
    assert {each.result or each.worker or each.checkpoint for each in (begun, waiting)} == {None}
    about = Worker("bob", "here", 2, "cpu"), samplers.named("random", study_seed=0)
    store = TrialStore(
        db, retrainings.hidden(old, CONFIRM), *about, pruning.Never(), trial_seed=int
    )
    for one in (begun, waiting):
        claim = store.claim()
        assert isinstance(claim, Claim)
        assert retrainings.of_trial(db, old, CONFIRM, claim.lease.trial_id).id == one.id
        store.tell(claim, "COMPLETE", -0.5)
    assert store.claim() == Exhausted("trials")
    store.close()
    assert [
        one.result["value"] for one in retrainings.read(db, old, CONFIRM) if one.trial == 3
    ] == [
        0.9,
        0.5,
    ]


def test_its_model_stays_and_its_checkpoint_goes(db, old, tmp_path):
    store = open_store(tmp_path / "artifacts")
    checkpoint = f"checkpoint-old-confirm-1-100-3-{'0' * 32}.bin"
    for name in (MODEL["model"], checkpoint):
        store.path(name).write_bytes(b"x")
    found = retention.survey(db, old, store)
    assert [one.name for one in found.retrained] == [MODEL["model"]]
    assert [one.name for one in found.orphans] == [checkpoint]


def test_that_of_a_study_in_the_trash_waits_with_it(db, old):
    (deleted,) = trash.contents(db)
    trash.restore(db, deleted)
    (one,) = retrainings.read(db, studies.find(db, "binned"), CONFIRM)
    assert one.result["value"] == 0.9
    text = "SELECT count(*) FROM studyhall_done"
    assert db.snapshot(lambda transaction: transaction.value(text)) == 4
