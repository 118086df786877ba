"""Budgets, trials and curves stay whole while workers are killed, frozen and restarted."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from typing import Any

import pytest

from studyhall.storage.database import Database
from studyhall.storage.queries import records, status
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import control

EPOCHS = 6


def check_whole(db: Database, study: Study, trials: int, epochs: int = EPOCHS) -> None:
    """Exactly so many results, each with a gapless curve whose best epoch is its value."""
    found = records.trials(db, study)
    assert [record.number for record in found] == list(range(trials))
    assert {record.state for record in found} == {"COMPLETE"}
    for record in found:
        rows = records.history(db, record.trial_id)
        assert [row["epoch"] for row in rows] == list(range(1, epochs + 1)), record
        assert record.value == min(row["value"] for row in rows)
        attempts = [row["metrics"]["attempt"] for row in rows]
        assert attempts == sorted(attempts), "an earlier worker has written after a later one"
    state = status.status(db, study)
    assert (state.used, state.running) == (trials, [])


@pytest.mark.timeout(600)
def test_exactly_200_results_with_a_kill_every_second(
    db: Database, crew: Callable[..., Any]
) -> None:
    study, _ = studies.create(db, "study", config={}, seed=3, trials=200)
    workers = crew(db, epochs=EPOCHS, epoch_s=0.05)
    workers.start(8)
    kills, next_kill = 0, time.monotonic() + 2.0
    while status.status(db, study).finished < 190:
        time.sleep(0.2)
        if time.monotonic() > next_kill and workers.kill_one():
            kills, next_kill = kills + 1, next_kill + 1.0
        workers.start(8 - len(workers.working()))
    workers.join()
    check_whole(db, study, 200)
    assert workers.said("twice") == []
    taken_over = [record for record in records.trials(db, study) if record.attempt > 1]
    assert kills >= 3
    assert taken_over, "no kill has hit a running trial"


def test_a_frozen_worker_finds_its_lease_lost_and_harms_nothing(
    db: Database, crew: Callable[..., Any]
) -> None:
    study, _ = studies.create(db, "study", config={}, seed=0, trials=6)
    workers = crew(db, epochs=EPOCHS, epoch_s=0.15, silence_s=1.0, heartbeat_s=0.2)
    workers.start(2)
    frozen = _frozen_in_a_trial(db, study)
    _wait_until(lambda: status.status(db, study).finished == 6)
    os.kill(frozen, signal.SIGCONT)
    workers.join()
    assert [line.split()[1] for line in workers.said("lost")] == [str(frozen)]
    check_whole(db, study, 6)


def test_a_finished_study_runs_nothing_more_until_it_is_extended(
    db: Database, crew: Callable[..., Any]
) -> None:
    study, _ = studies.create(db, "study", config={}, seed=0, trials=3)
    for _ in range(2):
        again = crew(db)
        again.start(2)
        again.join()
        check_whole(db, study, 3)
    studies.extend(db, study, trials=2)
    more = crew(db)
    more.start(2)
    more.join()
    check_whole(db, study, 5)


def test_two_launches_share_one_budget(db: Database, crew: Callable[..., Any]) -> None:
    study, created = studies.create(db, "study", config={}, seed=0, trials=20)
    assert created
    assert studies.create(db, "study", config={}, seed=0, trials=20) == (study, False)
    launches = crew(db), crew(db)
    for launch in launches:
        launch.start(3)
    for launch in launches:
        launch.join()
    check_whole(db, study, 20)


def test_the_last_trial_is_taken_over_by_a_waiting_worker(
    db: Database, crew: Callable[..., Any]
) -> None:
    study, _ = studies.create(db, "study", config={}, seed=0, trials=1)
    workers = crew(db, epochs=EPOCHS, epoch_s=0.2, silence_s=1.0, heartbeat_s=0.2)
    workers.start(1)
    victim = _first_that_runs_a_trial(db, study, epoch=3)
    workers.start(1)
    time.sleep(0.5)
    os.kill(victim, signal.SIGKILL)
    workers.join()
    check_whole(db, study, 1)
    (record,) = records.trials(db, study)
    assert record.attempt == 2
    assert record.repeated_epochs <= 2, "it went on from its checkpoint"


def test_stopping_hands_trials_back_and_they_are_continued(
    db: Database, crew: Callable[..., Any]
) -> None:
    study, _ = studies.create(db, "study", config={}, seed=0, trials=4)
    workers = crew(db, epochs=EPOCHS, epoch_s=0.1)
    workers.start(2)
    _first_that_runs_a_trial(db, study)
    control.set_stop(db, study, True)
    workers.join()
    state = status.status(db, study)
    assert state.running
    assert not any(one.held for one in state.running)
    control.set_stop(db, study, False)
    more = crew(db, epochs=EPOCHS)
    more.start(2)
    more.join()
    check_whole(db, study, 4)


OPENS = """
from studyhall.storage.studies import studies
from studyhall.storage.database import Database
db = Database.open(url)
created = studies.create(db, "study", config={}, seed=0, trials=1)[1]
raise SystemExit(11 if created else 10)
"""


def test_sixteen_processes_open_one_new_database(
    database_url: str, forks: ForkServerContext
) -> None:
    work = (OPENS, {"url": database_url})
    processes = [forks.Process(target=exec, args=work) for _ in range(16)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(200)
    assert sorted(process.exitcode for process in processes) == [*15 * [10], 11]


def test_workers_may_live_in_different_time_zones(db: Database, crew: Callable[..., Any]) -> None:
    study, _ = studies.create(db, "study", config={}, seed=0, trials=12)
    workers = crew(db, epochs=EPOCHS, silence_s=2.0)
    workers.start(1, TZ="Pacific/Kiritimati")
    workers.start(1, TZ="Pacific/Midway")
    workers.join()
    check_whole(db, study, 12)
    assert workers.said("lost") == []
    storage = db.optuna_storage()
    for record, trial in zip(
        records.trials(db, study), storage.get_all_trials(study.study_id), strict=True
    ):
        assert record.started_at is not None
        assert trial.datetime_start.timestamp() == pytest.approx(record.started_at, abs=1.0)
        assert trial.datetime_complete.timestamp() == pytest.approx(record.finished_at, abs=1.0)
    storage.remove_session()
    storage.engine.dispose()


def test_a_locked_file_only_delays(sqlite_url: str, crew: Callable[..., Any]) -> None:
    db = Database.open(sqlite_url)
    study, _ = studies.create(db, "study", config={}, seed=0, trials=6)
    workers = crew(db, epochs=EPOCHS, silence_s=8.0)
    workers.start(2)
    _first_that_runs_a_trial(db, study)
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(3.0)
    other.close()
    workers.join()
    check_whole(db, study, 6)
    assert workers.said("lost") == []
    db.close()


def _first_that_runs_a_trial(db: Database, study: Study, epoch: int = 1) -> int:
    """The process id of a worker that has reported an epoch."""
    found: list[int] = []

    def look() -> bool:
        running = status.status(db, study).running
        found.extend(one.pid for one in running if one.epoch >= epoch)
        return bool(found)

    _wait_until(look)
    return found[0]


def _frozen_in_a_trial(db: Database, study: Study) -> int:
    """The process id of a worker that is stopped in a trial: it may just have ended one."""
    while True:
        found = _first_that_runs_a_trial(db, study)
        os.kill(found, signal.SIGSTOP)
        if found in [one.pid for one in status.status(db, study).running]:
            return found
        os.kill(found, signal.SIGCONT)


def _wait_until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "it has not come about"
        time.sleep(0.05)
