"""The metrics of every study for Prometheus: trials, workers, heartbeats, budget, best value."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from studyhall.storage.database import Database
from studyhall.storage.queries import status
from studyhall.storage.queries.status import Status
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study

CONTENT_TYPE = CONTENT_TYPE_LATEST

Standing = list[tuple[Study, Status]]


class Studies(Collector):
    """The collector of all studies of a database, which reads them at each scrape."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics, each with a sample per study, state or worker."""
        standing = self._standing()
        yield _by_study(standing, "trials_limit", "Trials that the budget allows.", _limit)
        yield _by_study(
            standing, "trials_left", "Trials of the budget that have not finished.", _trials_left
        )
        yield _by_study(standing, "seconds_left", "Wall-clock time left.", _seconds_left)
        yield _by_study(standing, "gpu_seconds_left", "Device time left.", _gpu_seconds_left)
        yield _by_study(standing, "incumbent_value", "The best value so far.", _incumbent)
        yield _by_study(standing, "workers", "Registered worker processes.", _workers)
        yield _states(standing)
        yield _heartbeats(standing)

    def _standing(self) -> Standing:
        found = (studies.find(self._db, name) for name in studies.names(self._db))
        return [(study, status.status(self._db, study)) for study in found if study is not None]


def text(db: Database) -> bytes:
    """Return the page that Prometheus scrapes, in its text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Studies(db))
    return generate_latest(registry)


def _by_study(standing: Standing, name: str, meaning: str, read: object) -> GaugeMetricFamily:
    assert callable(read)
    family = GaugeMetricFamily(f"studyhall_{name}", meaning, labels=["study"])
    for study, state in standing:
        value = read(state)
        if value is not None:
            family.add_metric([study.name], value)
    return family


def _states(standing: Standing) -> GaugeMetricFamily:
    family = GaugeMetricFamily("studyhall_trials", "Trials by state.", labels=["study", "state"])
    for study, state in standing:
        for name, count in state.counts.items():
            family.add_metric([study.name, name.lower()], count)
    return family


def _heartbeats(standing: Standing) -> GaugeMetricFamily:
    meaning = "Seconds since a worker's last heartbeat."
    labels = ["study", "worker", "host"]
    family = GaugeMetricFamily("studyhall_heartbeat_age_seconds", meaning, labels=labels)
    for study, state in standing:
        for worker in state.workers:
            family.add_metric([study.name, worker.name, worker.host], worker.silent_s)
    return family


def _limit(state: Status) -> float:
    return state.limit


def _trials_left(state: Status) -> float:
    return max(state.limit - state.finished, 0)


def _seconds_left(state: Status) -> float | None:
    return _left(state.seconds_limit, state.seconds_used)


def _gpu_seconds_left(state: Status) -> float | None:
    return _left(state.gpu_seconds_limit, state.gpu_seconds_used)


def _left(limit: float | None, used: float) -> float | None:
    return None if limit is None else max(limit - used, 0.0)


def _incumbent(state: Status) -> float | None:
    return None if state.incumbent is None else state.incumbent.value


def _workers(state: Status) -> float:
    return len(state.workers)
