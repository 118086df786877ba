"""The feed of finished trials: what a worker reads to know what the others have found out."""

from dataclasses import dataclass, field

from studyhall.storage.database import Transaction

COLUMNS = (
    "sequence, trial_id, number, state, value, last_step, last_value, params, distributions, "
    "attributes, reports"
)

_FINISHED = f"""
    SELECT {COLUMNS} FROM studyhall_done
    WHERE study_id = :study_id AND sequence > :seen ORDER BY sequence"""
_RUNGS = """
    SELECT sequence, number, rung, value FROM studyhall_rungs
    WHERE study_id = :study_id AND sequence > :seen ORDER BY sequence"""


@dataclass(slots=True)
class Finished:
    """One finished trial, still packed; most of them are never looked into."""

    sequence: int
    trial_id: int
    number: int
    state: str
    value: float | None
    last_step: int | None
    last_value: float | None
    params: str
    distributions: str
    attributes: str
    reports: bytes | None


@dataclass(slots=True)
class Rung:
    """The value with which a trial passed a rung of successive halving."""

    sequence: int
    number: int
    rung: int
    value: float


@dataclass(frozen=True, slots=True)
class Seen:
    """How far a worker has read: sequence numbers of the last finished trial and the last rung."""

    finished: int = 0
    rungs: int = 0


@dataclass(slots=True)
class News:
    """What has happened in a study since a worker last looked."""

    finished: list[Finished] = field(default_factory=list)
    rungs: list[Rung] = field(default_factory=list)
    reaches: int = 0  # the feed's last number at the time

    def after(self, seen: Seen) -> Seen:
        """How far the worker has read with these."""
        return Seen(
            max(self.finished[-1].sequence if self.finished else 0, self.reaches, seen.finished),
            self.rungs[-1].sequence if self.rungs else seen.rungs,
        )


def read(transaction: Transaction, study_id: int, seen: Seen, *, with_rungs: bool) -> News:
    """Reads what the feed holds beyond what has been seen."""
    return News(
        finished(transaction, study_id, seen),
        rungs(transaction, study_id, seen) if with_rungs else [],
    )


def finished(transaction: Transaction, study_id: int, seen: Seen) -> list[Finished]:
    """Trials that have ended."""
    rows = transaction.rows(_FINISHED, study_id=study_id, seen=seen.finished)
    return [Finished(*row) for row in rows]


def rungs(transaction: Transaction, study_id: int, seen: Seen) -> list[Rung]:
    """Rungs that have been reached."""
    rows = transaction.rows(_RUNGS, study_id=study_id, seen=seen.rungs)
    return [Rung(*row) for row in rows]
