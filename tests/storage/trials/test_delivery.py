"""Reports and checkpoints arrive: rung by rung, and all of them after an outage."""

import pytest

from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageAway
from studyhall.storage.leases.orders import Order
from studyhall.storage.queries import records, status
from studyhall.storage.sampling.pruning import Halving
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import outbox
from tests.storage.trials.test_trial_store import Away, Make, claimed


def test_a_report_far_from_the_last_passes_rungs_until_it_is_too_poor(
    db: Database, study: Study, store: Make
) -> None:
    """As in Optuna's pruners, rung 2 sees only those whom rung 1 has let pass."""
    passed = []
    for worker, value in ((store(pruner=Halving()), 0.1), (store(pruner=Halving()), 0.5)):
        claim = claimed(worker)
        worker.report(claim, 17, value, {})
        passed.append(worker.should_prune(claim, 17))
    assert passed == [False, True]
    lines = db.snapshot(
        lambda t: t.rows("SELECT number, rung, value FROM studyhall_rungs ORDER BY sequence")
    )
    assert lines == [(0, 0, 0.1), (0, 1, 0.1), (0, 2, 0.1), (1, 0, 0.5)]


def test_reports_wait_while_the_database_is_away(
    store: Make, db: Database, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_RETRY_S", 0.0)
    worker = store()
    claim = claimed(worker)
    away = Away(worker)
    for epoch in (1, 2, 3):
        assert worker.report(claim, epoch, 1 / epoch, {"val_loss": 1 / epoch}) is Order.GO_ON
    assert records.trials(db, study)[0].epochs == 0
    away.end()
    worker.report(claim, 4, 1 / 4, {"val_loss": 1 / 4})
    lines = records.history(db, claim.lease.trial_id)
    assert [row["epoch"] for row in lines] == [1, 2, 3, 4]
    away = Away(worker)
    monkeypatch.setattr(outbox, "OUTAGE_S", 0.0)
    with pytest.raises(StorageAway):
        worker.report(claim, 5, 1 / 5, {})
    away.end()


def test_a_checkpoint_waits_while_the_database_is_away(
    store: Make, db: Database, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_RETRY_S", 0.0)
    worker = store()
    claim = claimed(worker)
    worker.report(claim, 1, 0.5, {})
    assert worker.checkpoint(claim, "one", 1) is None
    away = Away(worker)
    worker.report(claim, 2, 0.5, {})
    assert worker.checkpoint(claim, "two", 2) is None
    worker.report(claim, 3, 0.5, {})
    assert worker.checkpoint(claim, "three", 3) is None
    assert status.status(db, study).running[0].checkpoint == "one"
    away.end()
    worker.report(claim, 4, 0.5, {})
    assert status.status(db, study).running[0].checkpoint == "three" == claim.checkpoint
    removed = {worker.checkpoint(claim, "four", 4), worker.checkpoint(claim, "five", 4)}
    removed.add(worker.checkpoint(claim, "six", 4))
    assert removed == {"one", "two", "three"}
    assert status.status(db, study).running[0].checkpoint == "six"
