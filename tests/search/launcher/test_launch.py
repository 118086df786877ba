"""A launch: what it says of its workers, and what it makes of how they ended."""

import os
import shutil
import signal
import subprocess
from contextlib import contextmanager

import pytest

from studyhall.search.launcher import launch, places
from studyhall.search.launcher.crew import Crew
from studyhall.search.launcher.places import Place
from studyhall.search.launcher.watch import Watched
from studyhall.search.process.device import Device
from studyhall.search.study import record
from studyhall.storage.database.urls import StorageReplaced
from studyhall.storage.queries import status

FOREVER = "while true; do sleep 0.01; done"


class Heard:
    """A view that remembers."""

    def __init__(self):
        self.lines, self.finished, self.updates = [], [], 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def say(self, line):
        self.lines.append(line)

    def update(self, state, finished):
        self.updates += 1
        self.finished += [trial.number for trial in finished]


@pytest.fixture
def launched(studio, monkeypatch):
    """Launches a study whose workers are shell scripts: exit code, and what was said."""
    monkeypatch.setattr(launch, "POLL_S", 0.01)

    def run(script, *, workers=1, study=None):
        monkeypatch.setattr(launch, "command", lambda name: ["sh", "-c", script])
        view = Heard()
        study = study or studio.study()
        url, devices = "sqlite:///x.db", [Device()] * workers
        code = launch.launch(studio.db, study, devices=devices, view=view, url=url)
        return code, view

    return run


@contextmanager
def from_outside(number, file):
    """Sends this process a signal once a file is there."""
    script = f"while ! test -e {file}; do sleep 0.01; done; kill -{number:d} {os.getpid()}"
    with subprocess.Popen(["sh", "-c", script]):
        yield


@pytest.mark.parametrize("code", [0, 2, 130, 143, 1])
def test_the_workers_exit_code_is_the_launchs(launched, code):
    assert launched(f"exit {code}")[0] == code


def test_the_worst_of_several_counts(launched):
    script = 'test "$STUDYHALL_WORKER" = worker-2 && exit 1; exit 0'
    assert launched(script, workers=3)[0] == 1


def test_a_bug_shows_the_end_of_the_log(launched):
    code, view = launched("for n in $(seq 100); do echo line $n; done; exit 1")
    assert code == 1
    assert view.lines[:-1] == [f"line {n}" for n in range(61, 101)]
    assert view.lines[-1].startswith("worker-1: the full log is /")


def test_a_mistake_shows_the_lines_since_the_last_start(launched):
    script = "echo worker started; echo old; echo worker started; echo '[data] x: wrong'; exit 2"
    code, view = launched(script)
    assert (code, view.lines[0]) == (2, "[data] x: wrong") and len(view.lines) == 2


def test_a_worker_that_dies_is_started_again_and_that_is_said(launched, tmp_path):
    script = f"test -e {tmp_path}/again && exit 0; touch {tmp_path}/again; kill -KILL $$"
    code, view = launched(script)
    assert (code, view.lines) == (0, ["worker-1 crashed (SIGKILL); it restarts in 1 s"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_passed_on(launched, tmp_path, number):
    script = f"trap 'exit {128 + number}' INT TERM; touch {tmp_path}/up; {FOREVER}"
    before = signal.getsignal(number)
    with from_outside(number, tmp_path / "up"):
        code, view = launched(script)
    assert code == 128 + number
    assert view.lines == ["stopping after the current epochs; interrupt again to stop at once"]
    assert signal.getsignal(number) == before


def test_a_worker_that_hears_nothing_is_killed_after_the_second_signal(
    launched, tmp_path, monkeypatch
):
    monkeypatch.setattr(launch, "GRACE_S", 0.1)
    script = f"trap '' INT; touch {tmp_path}/up; {FOREVER}"
    said = tmp_path / "said"
    say = Heard.say
    monkeypatch.setattr(Heard, "say", lambda view, line: (say(view, line), said.touch()))
    with (
        from_outside(signal.SIGINT, tmp_path / "up"),
        from_outside(signal.SIGINT, said),
    ):
        code, view = launched(script)
    assert code == 130 and "stopping at once" in view.lines


def test_a_study_that_is_done_starts_nobody(studio, launched, tmp_path):
    study = studio.study()
    studio.finish(study)
    code, _ = launched(f"touch {tmp_path}/up", study=study)
    assert code == 0 and not (tmp_path / "up").exists()


def test_each_trial_that_ends_meanwhile_is_shown_once(studio, launched, tmp_path):
    study = studio.study(study={"trials": 3})
    first = studio.worker(study)
    first.run(first.context.store.claim())  # before the launch: nobody's business
    seen = []

    class Working(Heard):
        def update(self, state, finished):
            super().update(state, finished)
            if len(seen) < 2:
                seen.append(first.run(first.context.store.claim()))
            else:
                (tmp_path / "done").touch()

    view = Working()
    launch_command = ["sh", "-c", f"while ! test -e {tmp_path}/done; do sleep 0.01; done"]
    crew = Crew(launch_command, places.places(study, [Device()], "sqlite:///x.db"))
    launch._watch(crew, Watched(studio.db, study, view).look, [], view)
    assert view.finished == [1, 2] and status.status(studio.db, study).finished == 3


@pytest.mark.parametrize(
    ("code", "expected"),
    [(0, 0), (2, 2), (130, 130), (143, 143), (-2, 130), (-15, 143), (1, 1), (-9, 1), (77, 1)],
)
def test_how_a_worker_ended(code, expected, tmp_path):
    place = Place("worker-1", {}, tmp_path / "log", code=code)
    assert launch._outcome(place) == expected


def test_a_database_that_is_replaced_stops_the_workers_and_names_what_is_kept(
    studio, launched, tmp_path
):
    study = studio.study()
    script = f"trap 'touch {tmp_path}/told; exit 2' TERM; touch {tmp_path}/up; {FOREVER}"
    file, other = studio.db.file, tmp_path / "other.db"
    with subprocess.Popen(
        ["sh", "-c", f"while ! test -e {tmp_path}/up; do sleep 0.01; done; mv {other} {file}"]
    ):
        shutil.copy(file, other)
        with pytest.raises(StorageReplaced) as stopped:
            launched(script, study=study)
    assert (tmp_path / "told").exists()
    kept = record.objects(study).root
    assert f"checkpoints and models are kept in {kept}; to go on: studyhall resume" in str(
        stopped.value
    )
