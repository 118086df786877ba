"""The feed of finished trials, from which workers learn of each other's results."""

from dataclasses import dataclass, field

from studyhall.storage.database import Transaction
from studyhall.storage.database.urls import StorageReplaced

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
    """One finished trial, with its fields still encoded, since most are never needed.

    Attributes:
        sequence: the trial's place in the feed.
        trial_id: Optuna's identifier.
        number: its number in the study.
        state: COMPLETE, PRUNED or FAIL.
        value: its cost.
        last_step, last_value: the last report, as a cost.
        params, distributions: see `encoding.pack_params`.
        attributes: system attributes, as JSON.
        reports: costs by step, see `encoding.pack_reports`; only of a complete trial.
    """

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
    """The value (a cost) with which a trial reached a rung of successive halving."""

    sequence: int
    number: int
    rung: int
    value: float


@dataclass(frozen=True, slots=True)
class Seen:
    """The sequence numbers of the last finished trial and the last rung that a worker has read."""

    finished: int = 0
    rungs: int = 0


@dataclass(slots=True)
class News:
    """The part of the feed that a worker has not read yet."""

    finished: list[Finished] = field(default_factory=list)
    rungs: list[Rung] = field(default_factory=list)
    reaches: int = 0  # the feed's last sequence number when it was read

    def after(self, seen: Seen) -> Seen:
        """Return how far the worker has read after taking in this news."""
        return Seen(
            max(self.finished[-1].sequence if self.finished else 0, self.reaches, seen.finished),
            self.rungs[-1].sequence if self.rungs else seen.rungs,
        )


def check(seen: Seen, reaches: int) -> None:
    """Check that the feed holds at least what was read from it.

    Args:
        seen: how far it was read.
        reaches: its last sequence number now.

    Raises:
        StorageReplaced: it does not.
    """
    if reaches < seen.finished:
        raise StorageReplaced(
            "the database holds less than it did: an older copy was restored while it was in use"
        )


def read(transaction: Transaction, study_id: int, seen: Seen, *, with_rungs: bool) -> News:
    """Read the part of the feed that a worker has not read yet; rungs only if asked for."""
    return News(
        finished(transaction, study_id, seen),
        rungs(transaction, study_id, seen) if with_rungs else [],
    )


def finished(transaction: Transaction, study_id: int, seen: Seen) -> list[Finished]:
    """Return the trials that have ended since, in the order of the feed."""
    rows = transaction.rows(_FINISHED, study_id=study_id, seen=seen.finished)
    return [Finished(*row) for row in rows]


def rungs(transaction: Transaction, study_id: int, seen: Seen) -> list[Rung]:
    """Return the rungs that have been reached since, in the order of the feed."""
    rows = transaction.rows(_RUNGS, study_id=study_id, seen=seen.rungs)
    return [Rung(*row) for row in rows]
