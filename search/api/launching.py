"""The launch of a study from Python: as by the command, with exceptions instead of exit codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studyhall.search.api import launch_checks, notation, outcomes, settings
from studyhall.search.cli import launch, lifecycle, opening
from studyhall.search.cli.options import find
from studyhall.search.display import live
from studyhall.search.display.terminal import out
from studyhall.search.launcher import early, places
from studyhall.search.process import gpus as usable
from studyhall.search.process import handover
from studyhall.search.process.device import Device
from studyhall.search.process.wire import WorkerProcess
from studyhall.search.scripts import continuation, script
from studyhall.search.study import (
    chosen_backend,
    creation,
    fingerprints,
    inspection,
    record,
    unchanged,
)
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import MOST_WORKERS, StudyFile
from studyhall.spaces import builder_forms
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url
from studyhall.storage.queries import status
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study


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
        path: where the study file lies; None if Python describes the study.
        found: the inspection of its data and code, if that is done already.
        opened: called once the study is in the database.
    """

    file: StudyFile
    folder: Path
    url: str
    given: dict[str, Any] = field(default_factory=dict)
    handed: Mapping[str, Any] = field(default_factory=dict)
    quiet: bool = False
    path: Path | None = None
    found: fingerprints.Inspection | None = None
    opened: Callable[[], object] = lambda: None

    def run(self) -> None:
        """Run workers until the budget is spent; prove the best model and print it.

        Raises:
            UserCodeError: the builder takes other arguments.
            KeyboardInterrupt: it was interrupted; the trials under way are saved.
            ConfigError: a mistake of the user's, or no trial has completed.
            RuntimeError: a worker has failed; the message is the end of its log.
        """
        launch_checks.check_alone(self.url, self.file.study.name)
        family = self.file.model.family
        if family in self.handed:  # so that nothing is written for one that can't be called
            builder_forms.adapted(self.handed[family], family)
        if self.handed:
            launch_checks.check_local(self.file)
        named = self.path or Path(self.file.study.name)
        self.file = chosen_backend.of_file(self.file, named, self.url)
        with self._place() as path, handover.offered(self.handed, self.file.study.name):
            devices = places.devices(self.file, self.given, named.name)
            inspection.glance(self.file, path)
            if self.handed and len(devices) == 1:
                self._run_here(path, devices)
            else:
                self._launch(path, devices)

    def _place(self) -> AbstractContextManager[Path]:
        """Return the study file's path; one that Python describes lies there for a while."""
        if self.path is not None:
            return nullcontext(self.path)
        return settings.as_path(self.file, self.folder)

    def _launch(self, path: Path, devices: list[Device]) -> None:
        file, name = self.file, self.file.study.name
        cluster = launch.cluster_of(file, self.given, None, self.url, name)
        with early.workers(name, [] if cluster else devices, self.url) as waiting:
            study_of = self._inspected(path, waiting)
            with closing(Database.open(self.url)) as db:
                study, view = study_of(db), outcomes.Telling(live.view(out, name, quiet=self.quiet))
                code = lifecycle.run(
                    db, study, self.url, devices, quiet=self.quiet, early=waiting,
                    cluster=cluster, view=view,
                )  # fmt: skip
                outcomes.judge(db, study, self.url, code, view.complaints)

    def _run_here(self, path: Path, devices: list[Device]) -> None:
        from studyhall.search.api import in_process

        study_of = self._inspected(path, [])
        with closing(Database.open(self.url)) as db:
            study = study_of(db)
            code = in_process.work(db, study, self.url, quiet=self.quiet)
            if code == outcomes.INTERRUPTED:
                raise KeyboardInterrupt
            code = lifecycle.ended(db, study, self.url, devices, code, quiet=self.quiet)
            outcomes.judge(db, study, self.url, code)

    def _inspected(
        self, path: Path, waiting: Sequence[WorkerProcess]
    ) -> Callable[[Database], Study]:
        """Inspect data and code; return what opens or creates the study."""
        found = self.found or early.inspected(self.file, path, waiting)
        creation.check_artifacts(self.file, path.name)
        early.let_load(waiting)

        def make(db: Database) -> Study:
            study = opening.open_or_create(db, self.file, path, found)
            self.opened()
            return study

        return make


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
            if cluster is None and trials > limit:
                unchanged.check(study, url)
            studies.extend(db, study, trials=trials - limit)
        view = outcomes.Telling(live.view(out, name, quiet=quiet))
        # The models of a script's trials are its own business: nothing is proven.
        work = lifecycle.run if script.recorded(study) is None else lifecycle.run_workers
        code = work(db, study, url, devices, quiet=quiet, cluster=cluster, view=view)
        outcomes.judge(db, study, url, code, view.complaints)


def given(workers: int | None, gpus: str | Sequence[int] | None) -> places.Given:
    """Return the arguments of a call as keys of ``[workers]``.

    Raises:
        ConfigError: there can't be so many workers, or there are no such GPUs.
    """
    count = notation.plain(workers)
    if count is not None and not (type(count) is int and 1 <= count <= MOST_WORKERS):
        expected = f"expected a whole number from 1 to {MOST_WORKERS}"
        raise ConfigError([f"workers: received {workers!r}, {expected}"])
    chosen = gpus if gpus is None or isinstance(gpus, str) else [*gpus]
    if isinstance(chosen, str) and chosen not in ("all", "none"):
        expected = 'expected "all", "none" or a list of numbers'
        raise ConfigError([f"gpus: received {chosen!r}, {expected}"])
    if chosen is not None:
        usable.choose(chosen, "gpus")
    keys = {"count": count, "gpus": chosen}
    return {key: value for key, value in keys.items() if value is not None}


def launched(
    path: Path,
    study: Mapping[str, Any],
    workers: int | None,
    gpus: str | Sequence[int] | None,
    *,
    quiet: bool,
) -> tuple[str, str]:
    """Run the study of a file until its budget is spent; return its name and its database's URL.

    Args:
        path: the study file.
        study: keys of ``[study]`` that replace the file's; None is no value.
        workers, gpus: as in `given`.
        quiet: print remarks and the result only.

    Raises:
        ConfigError, UserCodeError, RuntimeError, KeyboardInterrupt: as `Launch.run`.
    """
    chosen = {key: value for key, value in study.items() if value is not None}
    return run_file(config.load(path, {"study": chosen}), path, workers, gpus, quiet=quiet)


def run_file(
    file: StudyFile,
    path: Path,
    workers: int | None,
    gpus: str | Sequence[int] | None,
    *,
    quiet: bool,
    found: fingerprints.Inspection | None = None,
    opened: Callable[[], object] = lambda: None,
) -> tuple[str, str]:
    """Run the study of a study file that has been read; see `launched`.

    Args:
        found: the inspection of its data and code, if that is done already.
        opened: called once the study is in the database.
    """
    url = file.study.storage or default_url()
    keys = given(workers, gpus)
    chosen = Launch(
        file, path.parent, url, keys, quiet=quiet, path=path, found=found, opened=opened
    )
    chosen.run()
    return file.study.name, url
