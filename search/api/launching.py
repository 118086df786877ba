"""The launch of a study from Python: as by the command, with exceptions instead of exit codes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from studyhall.search.api import settings
from studyhall.search.cli import launch, lifecycle
from studyhall.search.cli.options import find, storage_option
from studyhall.search.display import live
from studyhall.search.display.live import View
from studyhall.search.display.terminal import out
from studyhall.search.evaluation import no_result
from studyhall.search.launcher import early, places
from studyhall.search.process import handover, wire
from studyhall.search.process.device import Device
from studyhall.search.process.wire import WorkerProcess
from studyhall.search.scripts import continuation, script
from studyhall.search.study import chosen_backend, creation, inspection, record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import builder_forms
from studyhall.storage.database import Database
from studyhall.storage.queries import status
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.queries.status import Status
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study

INTERRUPTED = 128 + signal.SIGINT


@dataclass
class Launch:
    """A launch of a study by this process.

    Attributes:
        file: the study file.
        folder: the folder that its paths start from.
        url: URL of the database.
        given: keys of ``[workers]`` for this launch.
        handed: what the study file can't name, by what stands for it there.
        quiet: print remarks and the result only.
    """

    file: StudyFile
    folder: Path
    url: str
    given: dict[str, Any] = field(default_factory=dict)
    handed: dict[str, Any] = field(default_factory=dict)
    quiet: bool = False

    def run(self) -> None:
        """Run workers until the budget is spent; prove the best model and print it.

        Raises:
            UserCodeError: the builder takes other arguments.
            KeyboardInterrupt: it was interrupted; the trials under way are saved.
            ConfigError: a mistake of the user's, or no trial has completed.
            RuntimeError: a worker has failed; the message is the end of its log.
        """
        check_alone(self.url, self.file.study.name)
        family = self.file.model.family
        if family in self.handed:  # so that nothing is written for one that can't be called
            builder_forms.adapted(self.handed[family], family)
        self.file = chosen_backend.of_file(self.file, Path(self.file.study.name), self.url)
        offer = handover.offered(self.handed) if self.handed else nullcontext()
        with settings.as_path(self.file, self.folder) as path, offer:
            devices = places.devices(self.file, self.given, self.file.study.name)
            inspection.glance(self.file, path)
            if self.handed and len(devices) == 1:
                self._run_here(path, devices)
            else:
                self._launch(path, devices)

    def _launch(self, path: Path, devices: list[Device]) -> None:
        file, name = self.file, self.file.study.name
        cluster = launch.cluster_of(file, self.given, None, self.url, name)
        with early.workers(name, [] if cluster else devices, self.url) as waiting:
            study_of = self._inspected(path, waiting)
            with closing(Database.open(self.url)) as db:
                study, view = study_of(db), Telling(live.view(out, name, quiet=self.quiet))
                code = lifecycle.run(
                    db, study, self.url, devices, quiet=self.quiet, early=waiting,
                    cluster=cluster, view=view,
                )  # fmt: skip
                judge(db, study, self.url, code, view.complaints)

    def _run_here(self, path: Path, devices: list[Device]) -> None:
        from studyhall.search.api import in_process

        study_of = self._inspected(path, [])
        with closing(Database.open(self.url)) as db:
            study = study_of(db)
            code = in_process.work(db, study, self.url, quiet=self.quiet)
            if code == INTERRUPTED:
                raise KeyboardInterrupt
            code = lifecycle.ended(db, study, self.url, devices, code, quiet=self.quiet)
            judge(db, study, self.url, code)

    def _inspected(
        self, path: Path, waiting: Sequence[WorkerProcess]
    ) -> Callable[[Database], Study]:
        """Inspect data and code; return what opens or creates the study."""
        if inspection.needs_keras(self.file):
            early.let_load(waiting)  # while another process inspects the data
        found = inspection.inspect_apart(self.file, path)
        creation.check_artifacts(self.file, path.name)
        early.let_load(waiting)
        return lambda db: lifecycle.open_or_create(db, self.file, path, found)


def check_alone(url: str, name: str) -> None:
    """Check that this process is no worker of another study, which runs the program for that one.

    Raises:
        ConfigError: it is, and this study is not finished.
    """
    if wire.LAUNCHED not in os.environ:
        return
    with closing(Database.open(url)) as db:
        study = studies.find(db, name)
        if study is None or not status.status(db, study).spent:
            received = "received a call in a worker of another study"
            raise ConfigError([f"{name}: run(): {received}, expected this study to be finished"])


def go_on(url: str, name: str, trials: int | None, given: dict[str, Any], *, quiet: bool) -> None:
    """Continue a study from its database alone; see `Launch.run`.

    Args:
        url: URL of the database.
        name: the study's name.
        trials: number of trials in all; None: as before.
        given: keys of ``[workers]`` for this launch.
        quiet: print remarks and the result only.

    Raises:
        KeyboardInterrupt, ConfigError, RuntimeError: as `Launch.run`.
    """
    with closing(Database.open(url, create=False)) as db:
        study = find(db, name)
        continuation.check(study)
        chosen_backend.of_study(study)
        file, limit = record.stored(study).file, status.status(db, study).limit
        devices = places.devices(file, given, name)
        cluster = launch.cluster_of(file, given, None, url, name)
        if trials is not None:
            if trials < limit:
                raise ConfigError([f"{name}: trials: received {trials}, expected at least {limit}"])
            studies.extend(db, study, trials=trials - limit)
        view = Telling(live.view(out, name, quiet=quiet))
        # The models of a script's trials are its own business: nothing is proven.
        work = lifecycle.run if script.recorded(study) is None else lifecycle.run_workers
        code = work(db, study, url, devices, quiet=quiet, cluster=cluster, view=view)
        judge(db, study, url, code, view.complaints)


def judge(db: Database, study: Study, url: str, code: int, complaints: Sequence[str] = ()) -> None:
    """Raise what the exit code of a launch stands for, unless the study has a best trial.

    Args:
        complaints: what the workers that failed have said.

    Raises:
        KeyboardInterrupt, ConfigError, RuntimeError: as `Launch.run`.
    """
    state = status.status(db, study)
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code == 2:
        raise ConfigError([*complaints])
    if state.spent and state.incumbent is None:
        raise ConfigError([*no_result.lines(db, study, storage_option(url))])
    if not state.spent and code == 1:
        raise RuntimeError("\n".join(complaints))


class Telling:
    """A view that keeps what is said behind its end: the complaints of workers that failed.

    Args:
        view: shows everything else.

    Attributes:
        complaints: the lines.
    """

    def __init__(self, view: View) -> None:
        self.complaints: list[str] = []
        self._view, self._ended = view, False

    def __enter__(self) -> Self:
        self._view.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended = True
        self._view.__exit__(kind, error, traceback)

    def update(self, status: Status, finished: Sequence[TrialRecord]) -> None:
        """Show the study's status, and the trials that finished since the last call."""
        self._view.update(status, finished)

    def say(self, line: str) -> None:
        """Show a remark, or keep a complaint."""
        if self._ended:
            self.complaints.append(line)
        else:
            self._view.say(line)

    def note(self, text: str) -> None:
        """Show a state of the launch."""
        self._view.note(text)
