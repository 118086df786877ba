"""A worker as a task of a Ray cluster: what runs on the node, in a process of Ray's."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from rich.console import Console

from studyhall.search.display.live import Quiet
from studyhall.search.display.terminal import err
from studyhall.search.launcher import dead_workers, launch, places
from studyhall.search.launcher.crew import Crew
from studyhall.search.launcher.places import Place
from studyhall.search.launcher.ray_messages import Sender
from studyhall.search.process import gpus, identity, threads, wire
from studyhall.search.process.device import Device
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database, urls
from studyhall.storage.queries import records
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study


def run(name: str, url: str, sender: Sender, share: float) -> tuple[int, list[str]]:
    """Run one worker until the study is spent; call it in the main thread, for its signals.

    Args:
        name: the study's name.
        url: the database's URL.
        sender: sends its remarks while it runs.
        share: the GPUs that Ray has given it, or its share of one.

    Returns:
        The worker's exit code, and what the user must know of its end.
    """
    sender.begin()
    try:
        with closing(Database.open(url, create=False)) as db:
            study = studies.find(db, name)
            return (0, []) if study is None else _work(db, study, url, sender, share)
    except (ConfigError, urls.StorageError) as mistake:
        return 2, str(mistake).splitlines()


def _work(
    db: Database, study: Study, url: str, sender: Sender, share: float
) -> tuple[int, list[str]]:
    """Run a worker of the study in its folder, or in what Ray has copied of it.

    Raises:
        ConfigError: the study's checkpoints and models can't be reached.
        StorageError: likewise, or the database can't.
    """
    record.check_reach(study)
    there, view = _place(study, url, sender.place, share), _Remarks(err, sender)
    stored = record.stored(study).folder
    folder = stored if stored.is_dir() else Path.cwd()
    os.chdir(folder)  # Ray removes its copy when the node's other processes end
    command = wire.command("worker", "--folder", str(folder), "--", study.name)
    crew = Crew(command, [there], lambda dead: dead_workers.bury(db, study, dead))
    return launch.attend(crew, _Finished(db, study).look, view), view.lines


class _Remarks(Quiet):
    """A view that sends remarks to the user at the other end, and keeps them."""

    def __init__(self, console: Console, sender: Sender) -> None:
        super().__init__(console)
        self.lines: list[str] = []
        self._sender = sender

    def say(self, line: str) -> None:
        """Send a remark; what does not arrive now is shown at the task's end."""
        self.lines.append(line)
        self._sender.say(line)


class _Finished:
    """The trials that have ended, by which a crew tells a worker in a crash loop."""

    def __init__(self, db: Database, study: Study) -> None:
        self._db, self._study = db, study
        _, self._seen = records.finished_since(db, study, None)

    def look(self) -> Sequence[records.TrialRecord]:
        """Return the trials that have ended since the last call."""
        try:  # without patience, as the crew has signals to pass on
            ended, self._seen = records.finished_since(
                self._db, self._study, self._seen, patience_s=0.0
            )
        except urls.StorageAway:
            return []
        return ended


def _place(study: Study, url: str, name: str, share: float) -> Place:
    """Return the place of a task's worker: its device, its CPU threads and its log."""
    found = gpus.visible() if share else []
    device = Device(",".join(found) or None, max(1, math.floor(1 / share)) if share else 1)
    environment = {
        **device.environment(),
        **threads.environment(threads.cores()),  # one thread: Ray gives each task one processor
        "STUDYHALL_STORAGE": url,
        identity.PLACE: name,
    }
    return Place(name, environment, places.logs_of(study) / f"{name}.log")
