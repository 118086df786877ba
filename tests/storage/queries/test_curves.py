"""The curves of running trials: values of their latest epochs, and of no other trial."""

import pytest

from studyhall.storage.database import Database
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import curves
from studyhall.storage.studies import studies
from studyhall.storage.trials.claimed_trial import Claim
from tests.plain_store import plain_store


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_running_trials_have_their_latest_values(db: Database, direction: str) -> None:
    study, _ = studies.create(db, "s", config={}, seed=0, trials=9, directions=[direction])
    other, _ = studies.create(db, "other", config={}, seed=0, trials=9)
    stores = [plain_store(db, study, Worker(name, "h", 1, "cpu")) for name in "abc"]
    stores.append(plain_store(db, other))
    for count, store in enumerate(stores):
        claim = store.claim()
        assert isinstance(claim, Claim)
        for epoch in range(1, 2 * count + 2):
            store.report(claim, epoch, epoch / 4, {})
        if count == 0:
            store.tell(claim, "COMPLETE", 0.25)
    sign = -1 if direction == "maximize" else 1
    found = db.snapshot(lambda t: curves.running(t, study.study_id, epochs=4))
    expected = {1: [0.25, 0.5, 0.75], 2: [0.5, 0.75, 1.0, 1.25]}
    assert found == {number: [sign * v for v in values] for number, values in expected.items()}
    for store in stores:
        store.close()
