"""The command `run`: a script that searches, run unchanged by several workers."""

from __future__ import annotations

import traceback
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from studyhall.search.cli import lifecycle
from studyhall.search.cli.options import Gpus, PerGpu, QuietFlag, Storage, Workers, storage_option
from studyhall.search.display import words
from studyhall.search.display.terminal import remark, say
from studyhall.search.evaluation import proof_result
from studyhall.search.launcher import places
from studyhall.search.process import keras_settings, quiet, stand_ins
from studyhall.search.process.device import Device
from studyhall.search.scripts import call as calls
from studyhall.search.scripts import opening, replay, script, script_proof, session
from studyhall.search.scripts.call import Call
from studyhall.search.scripts.script import Script
from studyhall.search.scripts.session import Searched
from studyhall.search.study import record
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces.failures import UserCodeError, own_part
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageError, default_url
from studyhall.storage.queries import status
from studyhall.storage.studies.rows import Study

TABLES = ("study", "training", "search", "workers")  # that a script may leave to a file


def run(
    file: Annotated[Path, typer.Argument(metavar="SCRIPT", help="The Python script.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- ARGUMENTS]", help="The script's own.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Trials in all; default: the script's.")
    ] = None,
    workers: Workers = None,
    gpus: Gpus = None,
    per_gpu: PerGpu = None,
    storage: Storage = None,
    sampler: Annotated[str | None, typer.Option(help=r"As in \[search]; default: its own.")] = None,
    pruner: Annotated[str | None, typer.Option(help=r"As in \[search]; default: its own.")] = None,
    settings: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Further keys, in the tables of a study file."),
    ] = None,
    silent: QuietFlag = False,
) -> None:
    """Run SCRIPT, which searches by KerasTuner or Optuna: workers run its trials as a study."""
    if file.suffix != ".py" or not file.is_file():
        raise ConfigError([f'command line: SCRIPT: received "{file}", expected a Python file'])
    given: dict[str, dict[str, Any]] = {} if settings is None else config.tables(settings, TABLES)
    typed: dict[str, dict[str, Any]] = {
        "study": {"trials": trials},
        "search": {"sampler": sampler, "pruner": pruner},
    }
    for table, keys in typed.items():
        named = {key: value for key, value in keys.items() if value is not None}
        given = {**given, table: {**given.get(table, {}), **named}}
    mine = Script.at(file, Path.cwd(), arguments or [])
    given["training"] = {**given.get("training", {}), "backend": _backend(mine)}
    asked = places.given(workers, gpus, per_gpu, None)
    launch = Launch(mine, given, asked, storage, quiet=silent)
    session.play(launch)
    if script.uses_keras(mine):
        quiet.import_keras()  # as the workers do
    stand_ins.install()
    try:
        script.execute(mine)
    except (ConfigError, UserCodeError, StorageError):
        raise
    except Exception as error:
        traceback.print_exception(error.with_traceback(own_part(error)))
        raise typer.Exit(1) from None
    if not launch.studies:
        remark(f"{mine.path} has ended, and searched nothing by KerasTuner or Optuna")


def _backend(mine: Script) -> str:
    """Return the Keras backend of a script: its own, or that of this machine.

    Raises:
        ConfigError: there is no such backend here.
    """
    chosen = script.backend(mine) or keras_settings.backend_here()[0]
    try:
        keras_settings.choose_backend(chosen)
    except ValueError as error:
        received = f'received KERAS_BACKEND "{chosen}"'
        raise ConfigError([f"{mine.path}: {received}, expected {error}"]) from error
    return chosen


class Launch:
    """The part of the process that the user has started: workers search, then the script goes on.

    Args:
        script: the script.
        given: keys of a study file that go before the script's, by table.
        workers: the workers that the command line asks for.
        url: the database that it names, or None.
        quiet: print only remarks and the result.

    Attributes:
        studies: the names of those that the script has searched.
    """

    def __init__(
        self,
        script: Script,
        given: dict[str, dict[str, Any]],
        workers: places.Given,
        url: str | None,
        *,
        quiet: bool,
    ) -> None:
        self._script, self._given, self._workers = script, given, workers
        self._url, self._quiet = url, quiet
        self.studies: list[str] = []
        self._asked = False

    def search(self, call: Call, url: str | None) -> Searched:
        """Let workers bring a study to its end.

        Raises:
            SystemExit: they did not: they were interrupted, or failed.
            ConfigError: the call or its study can't be used.
        """
        if self._asked:
            received = "received study.ask before study.optimize, which workers can't pass by"
            expected = "expected one of them, or: python SCRIPT, with from studyhall import optuna"
            raise ConfigError([f"{self._script.path}: {received}, {expected}"])
        found = self.open(call, url)
        with closing(Database.open(found.url)) as db:
            if not opening.is_over(found.study, call):
                file = record.stored(found.study).file
                self._run(db, found.study, self._devices(file, call), found.url)
            if call.measure is not None:
                _prove(db, found, call)
            shown = replay.ended(db, found.study, call)
        return replace(found, shown=shown)

    def database(self, url: str | None) -> str:
        """Return the URL of the database of a script's study: the command line's comes first."""
        return self._url or url or default_url()

    def open(self, call: Call, url: str | None) -> Searched:
        """Return the study of a script that asks for its trials, without running any.

        Raises:
            ConfigError: the call or its study can't be used.
        """
        if "trials" in self._given.get("study", {}):  # which are trials in all
            call = replace(call, adds=False)
        file = calls.study_file(call, self._script, self._given)
        url = self.database(url)
        with closing(Database.open(url)) as db:
            study = opening.opened(db, file, call, self._script, say)
        self.studies.append(study.name)
        self._asked = self._asked or call.asks
        return Searched(url, study, call.ordinal)

    def _devices(self, file: StudyFile, call: Call) -> list[Device]:
        given = self._workers
        if call.workers is not None and "count" not in given:
            given = {**given, "count": call.workers}
        return places.devices(file, given, self._script.path)

    def _run(self, db: Database, study: Study, devices: list[Device], url: str) -> None:
        code = lifecycle.run_workers(db, study, url, devices, quiet=self._quiet)
        if not status.status(db, study).spent:
            again = f"studyhall resume {study.name}{storage_option(url)}"
            say(f"to continue: the same command, or {again}")
            raise SystemExit(code or 1)
        if code:
            raise SystemExit(code)


def _prove(db: Database, found: Searched, call: Call) -> None:
    """Prove the best model, as `prove` does.

    Raises:
        SystemExit: it is not proven: it differs from what was recorded.
    """
    if not prove(db, found, call):
        raise SystemExit(proof_result.NOT_PROVEN)


def prove(db: Database, found: Searched, call: Call) -> bool:
    """Measure the best model again in this process, which has not trained it, and say the result.

    Returns:
        False if it differs from what was recorded.
    """
    state = status.status(db, found.study)
    if state.incumbent is None or "model" not in state.incumbent.attributes:
        return True
    try:
        card = script_proof.prove(db, found, call)
    except ConfigError as error:
        say(f"not proven: {error.problems[0]}")
        return True
    if not card["proven"]:
        say(f"NOT PROVEN: {proof_result.why_not(card['proof'])}; it is not exported")
        return False
    value = words.number(card["proof"]["reloaded"])
    said = f"proven: the model of trial {card['trial']}, loaded again, scores {value}"
    if card["value"] != card["proof"]["recorded"]:
        said += f"; it is that of one training, and {words.number(card['value'])} the mean of all"
    say(said)
    return True
