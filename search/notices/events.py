"""The events that cause a notice: a new best trial, and a study that ends, stalls or fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.queries.status import Status

IN_A_ROW = 3  # failed trials in a row; a worker gives up at the same number
STALLED_S = 300.0  # without any heartbeat


@dataclass(frozen=True)
class Event:
    """An event.

    Attributes:
        key: identifies the event, so that several observers queue it only once.
        said: the JSON-able content of its notice.
    """

    key: str
    said: dict[str, Any]


def found(name: str, state: Status, latest: Sequence[TrialRecord]) -> Iterator[Event]:
    """Yield the current events of a study.

    Args:
        name: the name of the study.
        state: the status of the study.
        latest: the trials that ended last, in the order of their end.
    """
    about = {"study": name, "finished": state.finished, "of": state.limit}
    best = state.incumbent
    if best is not None:
        said = {"event": "incumbent", **about, "trial": best.number, "value": best.value}
        yield Event(f"incumbent:{best.number}", {**said, "params": best.params})
    if state.spent and not state.running:
        value = None if best is None else best.value
        yield Event(f"finished:{state.limit}", {"event": "finished", **about, "value": value})
    elif _stalls(state):
        yield Event(f"stalled:{state.used}:{state.finished}", {"event": "stalled", **about})
    last = latest[-IN_A_ROW:]
    if len(last) == IN_A_ROW and all(trial.state == "FAIL" for trial in last):
        reasons = [trial.attributes.get("reason") for trial in last]
        yield Event(f"failing:{_streak(latest)}", {"event": "failing", **about, "reasons": reasons})


def _stalls(state: Status) -> bool:
    """Return True if no worker has sent a heartbeat for a while although no stop was requested."""
    heard_s = [worker.silent_s for worker in state.workers]
    heard_s += [running.silent_s for running in state.running]
    return bool(heard_s) and not state.stopping and min(heard_s) > STALLED_S


def _streak(latest: Sequence[TrialRecord]) -> int:
    """Return the number of the first trial of the failures in a row."""
    first = latest[-1]
    for trial in reversed(latest):
        if trial.state != "FAIL":
            break
        first = trial
    return first.number
