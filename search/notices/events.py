"""What is worth a notice: a study that has ended, stalls or fails, and a new best trial."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.queries.status import Status

IN_A_ROW = 3  # failed trials, at which a worker gives up, too
STALLED_S = 300.0  # without anybody at work


@dataclass(frozen=True)
class Event:
    """Something that happened.

    Attributes:
        key: the same whoever notices it, and however often.
        said: what a notice says of it.
    """

    key: str
    said: dict[str, Any]


def found(name: str, state: Status, latest: Sequence[TrialRecord]) -> Iterator[Event]:
    """What there is to tell of a study.

    Args:
        name: of the study.
        state: how it stands.
        latest: trials that have ended last, in the order in which they ended.
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
    """Whether trials are left, and nobody has worked on them for a while, unasked."""
    heard_s = [worker.silent_s for worker in state.workers]
    heard_s += [running.silent_s for running in state.running]
    return bool(heard_s) and not state.stopping and min(heard_s) > STALLED_S


def _streak(latest: Sequence[TrialRecord]) -> int:
    """The first of the failed trials in a row."""
    first = latest[-1]
    for trial in reversed(latest):
        if trial.state != "FAIL":
            break
        first = trial
    return first.number
