"""Workers killed at any moment: exact budgets, gapless curves, and the very values of no kill."""

import os
import random
import signal
import subprocess
import sysconfig
import time
from pathlib import Path

import pytest

from studyhall.storage.artifacts import retention
from studyhall.storage.artifacts.artifact_store import ArtifactStore
from studyhall.storage.database import Database
from studyhall.storage.queries import records, status
from studyhall.storage.studies import studies

pytestmark = pytest.mark.slow
STUDYHALL = Path(sysconfig.get_path("scripts")) / "studyhall"  # the command as it is installed
DEADLINE_S = 300.0
TRIALS, EPOCHS, WORKERS, KILLS = 24, 100, 4, 4

# What is tried does not depend on what came out before, so that any order gives the same study.
SHORT = {
    "study": {"name": "short", "trials": TRIALS, "seed": 5},
    "data": {"source": "sklearn:digits", "samples": 400},
    "training": {
        "epochs": EPOCHS,
        "patience": "none",
        "checkpoint_every_s": 0,
        "checkpoint_every_epochs": 10,
    },
    "search": {"sampler": "random", "first": "none", "pruner": "none"},
    "space": {
        "width": {"low": 4, "high": 16},
        "dropout": {"low": 0.0, "high": 0.3},
        "learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
    },
    "workers": {"heartbeat": 1.0, "silence": 8.0, "retries": 50},
}


class Watched:
    """A study as its database tells of it."""

    def __init__(self, url, name="short"):
        self.db, self.name = Database.open(url), name

    @property
    def study(self):
        return studies.find(self.db, self.name)

    def status(self):
        return None if self.study is None else status.status(self.db, self.study)

    def under_way(self):
        """The trials in hand of which an epoch has been reported."""
        state = self.status()
        return [one for one in state.running if one.held and one.epoch] if state else []

    def trials(self):
        return records.trials(self.db, self.study)

    def curve(self, trial):
        """Everything that is known of each epoch, but for the time it took."""
        rows = records.history(self.db, trial.trial_id)
        return [(row["epoch"], row["value"], row["metrics"]) for row in rows]


@pytest.fixture
def watch():
    opened = []

    def make(url):
        opened.append(Watched(url))
        return opened[-1]

    yield make
    for each in opened:
        each.db.close()


def start(folder, *arguments, **environment):
    with (folder.path / "printed").open("ab") as out:
        return subprocess.Popen(
            [STUDYHALL, *arguments],
            cwd=folder.path,
            env={**folder.environment, **environment},
            stdout=out,
            stderr=out,
        )


def until(condition, process, folder):
    """Wait until a condition gives something, while the process lives, and return it."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert process.poll() is None, (folder.path / "printed").read_text()
        assert time.monotonic() < deadline, "it has not come about"
        time.sleep(0.05)
    return found


def check_whole(watched, trials):
    """Each trial ended once, with a gapless curve whose best epoch is its value."""
    found = watched.trials()
    assert [trial.number for trial in found] == [*range(trials)]
    assert {trial.state for trial in found} == {"COMPLETE"}
    for trial in found:
        curve = watched.curve(trial)
        assert [epoch for epoch, _, _ in curve] == [*range(1, EPOCHS + 1)], trial
        assert trial.value == min(value for _, value, _ in curve)
    state = watched.status()
    assert (state.used, state.running, state.finished) == (trials, [], trials)


def differing(watched, untouched):
    """Return the differences from trials that nobody has disturbed: number, epoch, both."""
    found = []
    for trial in watched.trials():
        params, curve = untouched[trial.number]
        epochs = zip(curve, watched.curve(trial), strict=True)
        found += [(trial.number, one[0], one, other) for one, other in epochs if one != other][:1]
        assert trial.params == params
    return found


@pytest.fixture(scope="module")
def untouched(new_folder):
    """The same study, by one worker that nobody has disturbed: values and curves."""
    folder = new_folder()
    folder.study(**SHORT)
    folder.create("study.toml")
    worker = start(folder, "worker", "short")
    try:
        assert worker.wait(DEADLINE_S) == 0
    finally:
        worker.kill()
        worker.wait()
    watched = Watched(f"sqlite:///{folder.path}/studyhall.db")
    check_whole(watched, TRIALS)
    yield {trial.number: (trial.params, watched.curve(trial)) for trial in watched.trials()}
    watched.db.close()


@pytest.mark.timeout(600)
def test_workers_killed_at_random_end_with_the_same_study(folder, database_url, watch, untouched):
    """Four at a time; whoever comes next goes on with what the dead have left."""
    folder.environment["STUDYHALL_STORAGE"] = database_url
    folder.study(**SHORT)
    watched, chance = watch(database_url), random.Random(0)
    launch = start(folder, "launch", "study.toml", "--workers", str(WORKERS), "--quiet")
    try:
        killed = set()
        while len(killed) < KILLS:
            time.sleep(chance.uniform(0.0, 1.0))
            pids = until(lambda: {one.pid for one in watched.under_way()} - killed, launch, folder)
            victim = chance.choice(sorted(pids))
            os.kill(victim, signal.SIGKILL)
            killed.add(victim)
        launch.wait(DEADLINE_S)
    finally:
        launch.kill()
        launch.wait()
    assert launch.returncode == 0, (folder.path / "printed").read_text()
    check_whole(watched, TRIALS)
    assert differing(watched, untouched) == []
    state = watched.status()
    assert 1 <= state.takeovers <= KILLS  # a kill may have hit between two trials
    assert state.repeated_epochs <= 10 * state.takeovers
    objects = ArtifactStore(folder.path / "studyhall-artifacts" / "short")
    left = retention.survey(watched.db, watched.study, objects)
    assert (left.orphans, left.in_flight, left.checkpoints, len(left.models)) == ([], [], [], 1)


@pytest.mark.timeout(600)
def test_another_machine_goes_on_where_one_has_died(new_folder, postgres_url, watch, untouched):
    """Other working and home folders; they share the database and the folder of objects."""
    one, other = new_folder(), new_folder()
    shared = new_folder().path / "objects"
    file = {**SHORT, "study": {**SHORT["study"], "artifacts": str(shared), "trials": 6}}
    one.study(**file)
    watched = watch(postgres_url)
    here, there = ({"HOME": str(each.path)} for each in (one, other))
    one.environment["STUDYHALL_STORAGE"] = postgres_url
    processes = [start(one, "launch", "study.toml", "--workers", "1", **here)]
    try:
        (held,) = until(watched.under_way, processes[0], one)
        for pid in (processes[0].pid, held.pid):  # the power is cut
            os.kill(pid, signal.SIGKILL)
        processes[0].wait()
        by_hand = ("worker", "short", "--storage", postgres_url, "--folder", str(other.path))
        processes.append(start(other, *by_hand, **there))
        assert processes[1].wait(DEADLINE_S) == 0, (other.path / "printed").read_text()
    finally:
        for process in processes:
            process.kill()
            process.wait()
    check_whole(watched, 6)
    found = watched.trials()
    taken = [trial for trial in found if trial.attempt > 1]
    assert [trial.attempt for trial in taken] == [2]
    assert taken[0].worker.endswith(f":{processes[1].pid}")
    assert differing(watched, untouched) == []
