"""Stop requests: ask all workers of a study to stop, or end a single trial."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Annotated

import typer

from studyhall.search.cli.options import Name, Storage, find, finite, storage_option
from studyhall.search.display.terminal import say
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.limits import MOST, MOST_TIME
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url
from studyhall.storage.queries import status
from studyhall.storage.queries.at_work import Running
from studyhall.storage.queries.status import Status
from studyhall.storage.studies import retrainings
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import control

STILL_BUSY = 3  # exit code: workers are still busy after the time to wait
POLL_S = 0.2


def stop_study(db: Database, study: Study, wait_s: float, go_on: str) -> int:
    """Ask every worker, on all machines, to save and release its trial and to stop.

    Args:
        db: the database of the study.
        study: the study to stop.
        wait_s: how long to wait for the workers, in seconds.
        go_on: the command that continues the study, to show.

    Returns:
        The exit code: 0, or 3 if workers are still busy after ``wait_s``.
    """
    states = _states(db, study)
    held = [each for each, state in states if state.held]
    if states[0][1].spent and not held:
        say(f'study "{study.name}" has spent its budget: there is nothing to stop')
        return 0
    control.set_stop(db, study, True)
    say(*_asked(study, _everyone(states)))
    left = _wait(db, study, wait_s)
    if states[0][1].spent and held[0].purpose is not None:
        go_on = go_on.replace(" resume ", f" {held[0].purpose} ", 1)
    say(*_waited(left, wait_s), f"to continue: {go_on}")
    return STILL_BUSY if left and wait_s else 0


def stop_trial(db: Database, study: Study, number: int) -> None:
    """End one running trial as pruned; the value of its best epoch so far becomes its value.

    Raises:
        ConfigError: no such trial is running.
    """
    running = {one.number: one for one in status.status(db, study).running}
    if not control.stop_trial(db, study, number):
        under_way = ", ".join(map(str, running)) or "a running trial; there is none"
        raise ConfigError([f"command line: --trial: received {number}, expected {under_way}"])
    one = running.get(number)
    if one is None or one.held:
        say(f"trial {number} will end as pruned after its current epoch")
    else:
        say(f"trial {number} had no worker and has ended as pruned")


def lift(db: Database, study: Study) -> None:
    """Withdraw a stop request, if there is one, and say so."""
    if status.status(db, study).stopping:
        control.set_stop(db, study, False)
        say(f'study "{study.name}" was stopped and continues')


def _states(db: Database, study: Study) -> list[tuple[Study, Status]]:
    """Return the study and its retrainings (confirmation, data curve), each with its status."""
    all_of_it = [study, *retrainings.opened(db, study)]
    return [(each, status.status(db, each)) for each in all_of_it]


def _everyone(states: list[tuple[Study, Status]]) -> dict[str, str]:
    """Return what each remaining worker is doing, by its name, over all the studies."""
    return dict(item for study, state in states for item in busy(state, study).items())


def busy(state: Status, study: Study) -> dict[str, str]:
    """Return what each worker is doing, by name; leave out those without a recent heartbeat."""
    silence_s = record.stored(study).file.workers.silence
    idle = {one.name: "between two trials" for one in state.workers if one.silent_s < silence_s}
    training = {
        one.worker: f"{_what(one, study)}, epoch {one.epoch}"
        for one in state.held
        if one.silent_s < silence_s
    }
    return idle | training


def _what(one: Running, study: Study) -> str:
    return f"trial {one.number}" if study.purpose is None else f"a training for {study.purpose}"


def _wait(db: Database, study: Study, wait_s: float) -> dict[str, str]:
    """Wait until no worker is busy, at most ``wait_s`` seconds; return those that still are."""
    deadline = time.monotonic() + wait_s
    while left := _everyone(_states(db, study)):
        if time.monotonic() >= deadline:
            break
        time.sleep(POLL_S)
    return left


def _asked(study: Study, workers: dict[str, str]) -> list[str]:
    if not workers:
        return [f'no worker is on study "{study.name}"; none will start a trial']
    return [
        f"asked to finish the epoch, save a checkpoint and stop: {_count(workers)}",
        *(f"  {name}: {what}" for name, what in workers.items()),
    ]


def _waited(left: dict[str, str], wait_s: float) -> list[str]:
    if not wait_s:
        return []
    if not left:
        return ["all workers have stopped"]
    names = ", ".join(f"{name} ({what})" for name, what in left.items())
    return [f"still busy after {wait_s:g} s: {names}"]


def _count(workers: dict[str, str]) -> str:
    return f"{len(workers)} worker{'s' * (len(workers) != 1)}"


def stop(
    name: Name,
    storage: Storage = None,
    trial: Annotated[
        int | None, typer.Option(min=0, max=MOST, help="End only this trial, as pruned.")
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            min=0,
            max=MOST_TIME,
            callback=finite,
            metavar="SECONDS",
            help="Wait up to this long for the workers to stop.",
        ),
    ] = 0,
) -> None:
    """Ask all workers of a study, on all machines, to save a checkpoint and stop."""
    url = storage or default_url()
    with closing(Database.open(url, create=False)) as db:
        study = find(db, name)
        if trial is not None:
            stop_trial(db, study, trial)
            return
        go_on = f"studyhall resume {name}{storage_option(url)}"
        code = stop_study(db, study, wait, go_on)
    raise typer.Exit(code)
