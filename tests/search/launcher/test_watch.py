"""A study as its launcher sees it, with its database and without."""

import signal

import psutil

from studyhall.search.launcher import watch
from studyhall.search.launcher.watch import Watched
from studyhall.storage.database import Database
from studyhall.storage.studies import studies


class Heard:
    def __init__(self):
        self.lines, self.finished = [], []

    def say(self, line):
        self.lines.append(line)

    def update(self, state, finished):
        self.finished += [trial.number for trial in finished]


def test_each_trial_that_ends_meanwhile_is_shown_once(studio):
    study, view = studio.study(study={"trials": 3}), Heard()
    worker = studio.worker(study)
    worker.run(worker.context.store.claim())  # before: nobody's business
    watched = Watched(studio.db, study, view)
    assert watched.look() == []
    worker.run(worker.context.store.claim())
    assert [trial.number for trial in watched.look()] == [1] and watched.look() == []
    worker.run(worker.context.store.claim())
    watched.look()
    assert view.finished == [1, 2] and view.lines == []


def test_while_the_database_is_away_nobody_waits(own_postgres, tmp_path, monkeypatch):
    """Said once, and once more when it is back; also where the server lives, but stands still."""
    db = Database.open(own_postgres.get_uri())
    config = {"artifacts": str(tmp_path)}
    study, _ = studies.create(db, "study", config=config, seed=0, trials=3)
    view = Heard()
    watched = Watched(db, study, view)
    own_postgres.stop()
    for _ in range(3):
        assert watched.look() == []
    own_postgres.start()
    watched.look()
    (away, back) = view.lines
    assert "not reachable" in away and away.endswith("; the workers continue training")
    assert back == "the database is back"
    monkeypatch.setattr(watch, "ANSWER_S", 1.0)
    postmaster = psutil.Process(own_postgres.get_pid())
    for process in (frozen := [postmaster, *postmaster.children()]):
        process.send_signal(signal.SIGSTOP)
    try:
        assert [watched.look() for _ in range(2)] == [[], []]
    finally:
        for process in frozen:
            process.send_signal(signal.SIGCONT)
    monkeypatch.undo()
    watched.look()
    (away, back) = view.lines[2:]
    assert away == f"{db}: no answer within 1 s; the workers continue training"
    assert back == "the database is back"
    db.close()
