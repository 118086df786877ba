"""The running trials and the workers of a study, as they were last heard of."""

import json
from dataclasses import dataclass, replace

from studyhall.storage.database import Transaction, companions
from studyhall.storage.studies import directions


@dataclass(frozen=True)
class Running:
    """A trial that has started and not ended; `held` is False if it waits to be continued."""

    number: int
    worker: str
    host: str
    pid: int
    device: str
    epoch: int
    value: float | None  # of the last epoch
    best: float | None  # of all epochs
    silent_s: float  # seconds since the last report or heartbeat
    attempt: int
    held: bool
    lost: int  # how often its worker fell silent or died
    repeated_epochs: int  # trained again after takeovers
    repeated_s: float
    started_at: float  # epoch seconds
    checkpoint: str | None  # name of the last one
    fence: int
    memory_failures: int  # how often its worker ran out of memory
    too_small_mib: int  # the largest memory of these workers; 0 if unknown
    epochs: int  # in its history, all folds
    name: str | None  # the name of a queued configuration, if it has one

    @property
    def needs_larger(self) -> bool:
        """True if it has run out of memory twice, so that only a larger worker may try it."""
        return self.memory_failures > 1 and self.too_small_mib > 0


@dataclass(frozen=True)
class Sight:
    """A worker process as last seen, with or without a trial."""

    name: str
    host: str
    pid: int
    device: str
    started_at: float
    silent_s: float


def trials(transaction: Transaction, study_id: int) -> list[Running]:
    """Return the trials that have started and not ended, sorted by number."""
    rows = transaction.rows(
        f"""
        SELECT number, worker, host, pid, device, epoch, value,
            (SELECT min(h.value) FROM studyhall_history h WHERE h.trial_id = l.trial_id),
            abs({{now}} - heard_at), attempt, held, lost, repeated_epochs, repeated_s, created_at,
            checkpoint, fence, memory_failures, too_small_mib, progress,
            (SELECT a.value_json FROM trial_user_attributes a
                WHERE a.trial_id = l.trial_id AND a.key = 'name'), s.direction
        FROM studyhall_leases l
            JOIN study_directions s
                ON s.study_id = {companions.head("l.study_id")} AND s.objective = 0
        WHERE l.study_id = :study_id ORDER BY number""",
        study_id=study_id,
    )
    return [_read(Running(*row[:-1]), row[-1]) for row in rows]


def _read(running: Running, direction: str) -> Running:
    """Convert a row's costs to values, and columns to types that SQLite does not have."""
    value, best = (directions.turned(cost, direction) for cost in (running.value, running.best))
    name = running.name and json.loads(running.name)
    return replace(running, held=bool(running.held), name=name, value=value, best=best)


def workers(transaction: Transaction, study_id: int) -> list[Sight]:
    """Return all workers that have not exited, sorted by name; a killed one for a day."""
    rows = transaction.rows(
        """
        SELECT name, host, pid, device, started_at, abs({now} - seen_at) FROM studyhall_workers
        WHERE study_id = :study_id ORDER BY name""",
        study_id=study_id,
    )
    return [Sight(*row) for row in rows]
