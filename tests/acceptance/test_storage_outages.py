"""The database goes away and comes back: nothing is lost, doubled, or taken for dead."""

import random
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from studyhall.storage.database import Database
from studyhall.storage.leases.silence import Terms
from studyhall.storage.queries import records, status
from studyhall.storage.studies import rows, studies
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import control
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore
from tests.plain_store import plain_store

OUTAGE_S = 10.0


class Cutting(threading.Thread):
    """A proxy in front of PostgreSQL that now and then cuts the line instead of answering.

    The server has done what it was asked for by then; the client cannot know.

    Args:
        target: the server's socket.
    """

    def __init__(self, target: Path) -> None:
        super().__init__(daemon=True)
        self._target = target
        self.rate = 0.0  # of the answers that are cut off
        self._random = random.Random(0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.cuts = 0
        self.start()

    def run(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(str(self._target))
            while True:
                readable, _, _ = select.select([client, server], [], [])
                for one in readable:
                    data = one.recv(65536)
                    if not data or (one is server and self._cuts()):
                        return
                    (server if one is client else client).sendall(data)

    def _cuts(self) -> bool:
        cut = self._random.random() < self.rate
        self.cuts += cut
        return cut

    def stop(self) -> None:
        """Takes no more connections."""
        self._listener.close()


@pytest.mark.timeout(180)
def test_postgres_stopped_for_ten_seconds(own_postgres: Any, crew: Callable[..., Any]) -> None:
    db = Database.open(own_postgres.get_uri())
    study, _ = studies.create(db, "study", config={}, seed=0, trials=12)
    workers = crew(db, epochs=40, epoch_s=0.3, silence_s=30.0, heartbeat_s=0.5)
    workers.start(3)
    while len(status.status(db, study).running) < 3:
        time.sleep(0.1)
    own_postgres.stop()
    time.sleep(OUTAGE_S)
    own_postgres.start()
    found = records.trials(db, study)
    assert {record.attempt for record in found} == {1}, "a live trial was declared dead"
    _wait(lambda: all(one.epoch >= 15 for one in status.status(db, study).running))
    control.set_stop(db, study, True)
    workers.join()
    for record in records.trials(db, study):
        lines = records.history(db, record.trial_id)
        assert [row["epoch"] for row in lines] == list(range(1, len(lines) + 1))
    db.close()


def test_a_lost_answer_neither_doubles_nor_loses(postgres_url: str) -> None:
    direct = Database.open(postgres_url)
    study, _ = studies.create(
        direct, "study", config={}, seed=0, trials=15, queue=[rows.Queued({"x": 1.0})]
    )
    folder = Path(psycopg.conninfo.conninfo_to_dict(postgres_url)["host"])
    proxy = Cutting(folder / ".s.PGSQL.5432")
    name = psycopg.conninfo.conninfo_to_dict(postgres_url)["dbname"]
    db = Database.open(f"postgresql://postgres@127.0.0.1:{proxy.port}/{name}")
    proxy.rate = 1 / 14
    _run_all(db, study)
    db.close()
    proxy.stop()
    assert proxy.cuts > 20
    found = records.trials(direct, study)
    assert [record.number for record in found] == list(range(15))
    for record in found:
        assert (record.state, record.attempt, record.epochs) == ("COMPLETE", 1, 4)
    state = status.status(direct, study)
    assert (state.used, state.queued, state.running) == (15, 0, [])
    direct.close()


def test_what_a_crashed_server_has_forgotten_is_told_again(own_postgres: Any) -> None:
    """Reports are committed without waiting for the disk; a crash forgets the last of them."""
    url = own_postgres.get_uri()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
        connection.execute("SELECT pg_reload_conf()")
    db = Database.open(url)
    study, _ = studies.create(db, "study", config={}, seed=0, trials=1)
    store = _store(db, study, heartbeat_s=60.0)  # whose commit would wait for the disk
    claim = store.claim()
    assert isinstance(claim, Claim)
    x = claim.trial.suggest_float("x", 0.0, 1.0)
    for epoch in range(1, 5):
        store.report(claim, epoch, x + 1 / epoch, {"val_loss": x})
    _crash(own_postgres)
    watcher = Database.open(url)
    assert len(records.history(watcher, claim.lease.trial_id)) < 4, "nothing was forgotten"
    store.tell(claim, "COMPLETE", x + 0.25)
    (record,) = records.trials(watcher, study)
    assert (record.epochs, record.params) == (4, {"x": x})
    lines = records.history(watcher, record.trial_id)
    assert [row["epoch"] for row in lines] == [1, 2, 3, 4]
    store.close()
    db.close()
    watcher.close()


def _crash(server: Any) -> None:
    """Ends the server at once, without writing anything more, and starts it again."""
    process = psutil.Process(server.get_pid())
    process.send_signal(signal.SIGQUIT)
    process.wait(20)
    server.start()


def _store(db: Database, study: Study, heartbeat_s: float = 0.2) -> TrialStore:
    return plain_store(db, study, terms=Terms(heartbeat_s=heartbeat_s))


def _run_all(db: Database, study: Study) -> None:
    store = _store(db, study)
    while isinstance(claim := store.claim(), Claim):
        x = claim.trial.suggest_float("x", 0.0, 1.0)
        store.write_params(claim)
        for epoch in range(1, 5):
            store.report(claim, epoch, x + 1 / epoch, {"val_loss": x})
            store.checkpoint(claim, str(epoch), epoch)
        store.tell(claim, "COMPLETE", x + 0.25, attributes={"reason": "end"})
    store.close()


def _wait(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "it has not come about"
        time.sleep(0.1)
