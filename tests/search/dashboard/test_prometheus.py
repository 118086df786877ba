"""The metrics for Prometheus."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from studyhall.search.dashboard import prometheus
from studyhall.storage.leases.workers import Worker
from studyhall.storage.studies import studies
from tests.plain_store import plain_store


@pytest.fixture
def store(db):
    """A worker on a study with limits, with one trial done and one in hand."""
    limits = {"trials": 4, "seconds": 3600.0, "gpu_seconds": 7200.0}
    study, _ = studies.create(db, 'digits "1"', config={}, seed=0, **limits)
    made = plain_store(db, study, Worker("worker-1", "here", 1, "cpu"))
    yield made
    made.close()


def read(db):
    """Samples by name and labels."""
    families = text_string_to_metric_families(prometheus.text(db).decode())
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_study_under_way(db, store):
    claim = store.claim()
    store.report(claim, 1, 0.25, {"val_loss": 0.25})
    store.tell(claim, "COMPLETE", 0.25)
    store.claim()
    store._holding.heartbeat._beat()
    found, study = read(db), ("study", 'digits "1"')
    assert found["studyhall_trials", ("state", "complete"), study] == 1
    assert found["studyhall_trials", ("state", "running"), study] == 1
    assert found["studyhall_trials_limit", study] == 4
    assert found["studyhall_trials_left", study] == 3
    assert found["studyhall_incumbent_value", study] == 0.25
    assert found["studyhall_workers", study] == 1
    assert 3500 < found["studyhall_seconds_left", study] <= 3600
    assert 7100 < found["studyhall_gpu_seconds_left", study] <= 7200
    age = found["studyhall_heartbeat_age_seconds", ("host", "here"), study, ("worker", "worker-1")]
    assert 0 <= age < 60


def test_a_study_without_limits_and_without_trials(db):
    studies.create(db, "new", config={}, seed=0, trials=4)
    found = read(db)
    assert found["studyhall_trials", ("state", "fail"), ("study", "new")] == 0
    assert not any(
        name in ("studyhall_seconds_left", "studyhall_incumbent_value") for name, *_ in found
    )


def test_an_empty_database(db):
    assert read(db) == {}
