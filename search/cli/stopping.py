"""Orders from outside: all workers of a study are asked to leave, or one trial to end."""

from __future__ import annotations

import time

from studyhall.search.display.terminal import say
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.queries import status
from studyhall.storage.queries.status import Running, Status
from studyhall.storage.studies import retrainings
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import control

STILL_BUSY = 3  # exit code: the time to wait is over, and somebody still works
POLL_S = 0.2


def stop(db: Database, study: Study, wait_s: float, go_on: str) -> int:
    """Ask every worker, on all machines, to hand its trial back and leave.

    Args:
        db: where the study is.
        study: it.
        wait_s: how long to wait for them, in seconds.
        go_on: the command that lets the study go on.

    Returns:
        Exit code: 0, or 3 if some still work after ``wait_s``.
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
    say(*_waited(left, wait_s), f"it goes on with: {go_on}")
    return STILL_BUSY if left and wait_s else 0


def stop_trial(db: Database, study: Study, number: int) -> None:
    """End one trial that is under way; its best epoch so far becomes its value.

    Raises:
        ConfigError: no such trial is under way.
    """
    running = {one.number: one for one in status.status(db, study).running}
    if not control.stop_trial(db, study, number):
        under_way = ", ".join(map(str, running)) or "one under way; there is none"
        raise ConfigError([f"command line: --trial: received {number}, expected {under_way}"])
    one = running.get(number)
    if one is None or one.held:
        say(f"trial {number} is asked to end as pruned after its epoch")
    else:
        say(f"trial {number}, which no worker had, has ended as pruned")


def lift(db: Database, study: Study) -> None:
    """Let the workers of a study work again, and say so, if they were asked to stop."""
    if status.status(db, study).stopping:
        control.set_stop(db, study, False)
        say(f'study "{study.name}" was stopped, and goes on')


def _states(db: Database, study: Study) -> list[tuple[Study, Status]]:
    """How it stands, and so what is trained beside its search."""
    all_of_it = [study, *retrainings.opened(db, study)]
    return [(each, status.status(db, each)) for each in all_of_it]


def _everyone(states: list[tuple[Study, Status]]) -> dict[str, str]:
    """What each worker does that has not left."""
    return dict(item for study, state in states for item in busy(state, study).items())


def busy(state: Status, study: Study) -> dict[str, str]:
    """What each worker does that has not left: by its name; one that fell silent is gone."""
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
    """Who is still busy, at the latest after ``wait_s``."""
    deadline = time.monotonic() + wait_s
    while left := _everyone(_states(db, study)):
        if time.monotonic() >= deadline:
            break
        time.sleep(POLL_S)
    return left


def _asked(study: Study, workers: dict[str, str]) -> list[str]:
    if not workers:
        return [f'no worker is on study "{study.name}"; none will begin a trial']
    return [
        f"asked to end the epoch, save a checkpoint and leave: {_count(workers)}",
        *(f"  {name}: {what}" for name, what in workers.items()),
    ]


def _waited(left: dict[str, str], wait_s: float) -> list[str]:
    if not wait_s:
        return []
    if not left:
        return ["all have left"]
    names = ", ".join(f"{name} ({what})" for name, what in left.items())
    return [f"still busy after {wait_s:g} s: {names}"]


def _count(workers: dict[str, str]) -> str:
    return f"{len(workers)} worker{'s' * (len(workers) != 1)}"
