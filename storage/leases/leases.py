"""The leases of trials: the right to run a trial, protected by a fencing token.

A lease is a row of `studyhall_leases` that exists from a trial's claim until its result. `held` is
1 while a worker runs the trial. `fence` grows whenever the holder changes, and every write of a
worker requires its own fence: a worker that was declared dead by mistake can write nothing more
and learns that its lease is lost. It requires the unique token of its claim, too: where a backup
of the database is restored, fences, and identifiers of trials, are given out again.

How long a worker has held a lease it measures by its own clock, which nobody sets; `claimed_at` is
the moment of the last renewal less that time.

Claims and returns run one after the other, as they lock the study's budget; reports lock only
their own lease.
"""

import time
from dataclasses import dataclass, field
from typing import Any

from studyhall.storage.database import Row, Transaction, companions
from studyhall.storage.leases import orders
from studyhall.storage.leases.orders import Order
from studyhall.storage.leases.workers import Worker


@dataclass(frozen=True)
class Lease:
    """The right to run one trial; it is lost when the row in the database has a higher fence.

    Attributes:
        trial_id: Optuna's identifier of the trial.
        number: the trial's number in its study.
        fence: the fencing token.
        token: identifies the claim; no other, before or after, has the same.
        attempt: 1 for the first worker that runs the trial, 2 for the next, …
        draw: how many trials were sampled before this one; None for a queued configuration.
        fixed: the queued configuration, as JSON; None for a sampled trial.
        checkpoint: the name of the last checkpoint; None before the first.
        params, distributions: the hyperparameters suggested so far, see `encoding.pack_params`.
        memory_failures: how often a worker of the trial ran out of memory.
        too_small_mib: the largest device memory of these workers; 0 if unknown.
        taken_at: when this process has claimed it, by `time.monotonic`.
    """

    trial_id: int
    number: int
    fence: int
    attempt: int
    draw: int | None
    fixed: str | None
    checkpoint: str | None
    params: str | None
    distributions: str | None
    memory_failures: int = 0
    too_small_mib: int = 0
    token: str = ""
    taken_at: float = field(default_factory=time.monotonic, compare=False)

    @property
    def held_s(self) -> float:
        """The seconds for which this process has held it so far."""
        return time.monotonic() - self.taken_at

    @property
    def mine(self) -> dict[str, Any]:
        """The values of `MINE` and `RENEWED`."""
        return {
            "trial_id": self.trial_id,
            "fence": self.fence,
            "token": self.token,
            "held_s": self.held_s,
        }


class LeaseLost(Exception):  # noqa: N818 - an event to handle, not an error
    """The signal that the trial is no longer the worker's: drop it and claim another."""


# Of a `Lease`, in its order.
COLUMNS = """trial_id, number, fence, attempt, draw, fixed, checkpoint, params, distributions,
            memory_failures, too_small_mib, token"""
MINE = "trial_id = :trial_id AND fence = :fence AND token = :token"  # true for its holder alone
RENEWED = "heard_at = {now}, claimed_at = {now} - :held_s"
# Not heard of for long; the clock may have been set back meanwhile.
SILENT = "abs({now} - heard_at) > :silence_s"
HOLDER = """worker = :worker, host = :host, pid = :pid, device = :device, devices = :devices,
            memory_mib = :memory_mib"""
# Notes the memory of a holder that ran out of it.
TOO_SMALL = """memory_failures = memory_failures + :out_of_memory, too_small_mib = CASE
            WHEN :out_of_memory = 1 AND memory_mib > too_small_mib THEN memory_mib
            ELSE too_small_mib END"""


def holder(worker: Worker) -> dict[str, Any]:
    """Return the values of a holder's columns."""
    return {
        "worker": worker.name,
        "host": worker.host,
        "pid": worker.pid,
        "device": worker.device,
        "devices": worker.devices,
        "memory_mib": worker.memory_mib,
    }


def survey(transaction: Transaction, study_id: int, silence_s: float) -> Row:
    """Read the leases in summary, and the first row of the queue.

    Returns:
        The counts `held`, `free` and `silent`; `short_mib`, which is above 0 if a free trial has
        run out of a known amount of memory; `gpu_seconds` used by held leases so far; `queue_id`
        of the next queued configuration.
    """
    row = transaction.row(
        f"""
        SELECT coalesce(sum(held), 0) AS held, count(*) - coalesce(sum(held), 0) AS free,
            coalesce(sum(CASE WHEN held = 1 AND {SILENT} THEN 1 ELSE 0 END), 0) AS silent,
            coalesce(sum((1 - held) * too_small_mib), 0) AS short_mib,
            coalesce(sum(held * devices * (heard_at - claimed_at)), 0.0) AS gpu_seconds,
            (SELECT min(queue_id) FROM studyhall_queue WHERE study_id = :study_id) AS queue_id
        FROM studyhall_leases WHERE study_id = :study_id""",
        study_id=study_id,
        silence_s=silence_s,
    )
    assert row is not None
    return row


def grant(
    transaction: Transaction,
    study_id: int,
    worker: Worker,
    token: str,
    *,
    number: int,
    draw: int | None,
    fixed: str | None,
) -> Lease:
    """Create a running trial together with its lease.

    Args:
        transaction: one that holds the lock on the budget.
        study_id: the study's identifier.
        worker: the first holder.
        token: identifies the claim, see `find`.
        number: the trial's number.
        draw: how many trials were sampled before this one; None for a queued configuration.
        fixed: the queued configuration, as JSON.
    """
    trial_id = transaction.value(
        """
        INSERT INTO trials (number, study_id, state, datetime_start)
        VALUES (:number, :study_id, 'RUNNING', {utc}) RETURNING trial_id""",
        number=number,
        study_id=companions.optunas(study_id),
    )
    transaction.run(
        """
        INSERT INTO studyhall_leases (trial_id, study_id, number, draw, fixed, token, worker, host,
            pid, device, devices, memory_mib, created_at, claimed_at, heard_at)
        VALUES (:trial_id, :study_id, :number, :draw, :fixed, :token, :worker, :host,
            :pid, :device, :devices, :memory_mib, {now}, {now}, {now})""",
        trial_id=trial_id,
        study_id=study_id,
        number=number,
        draw=draw,
        fixed=fixed,
        token=token,
        **holder(worker),
    )
    return Lease(trial_id, number, 1, 1, draw, fixed, None, None, None, token=token)


def find(transaction: Transaction, token: str, study_id: int) -> Lease | None:
    """Return the lease that an earlier try of the same claim has committed; None if none was."""
    row = transaction.row(
        f"SELECT {COLUMNS} FROM studyhall_leases WHERE study_id = :study_id AND token = :token",
        study_id=study_id,
        token=token,
    )
    return None if row is None else Lease(*row)


def is_held(transaction: Transaction, lease: Lease) -> bool:
    """Tell whether the lease is still the worker's."""
    row = transaction.row(f"SELECT 1 FROM studyhall_leases WHERE {MINE}", **lease.mine)
    return row is not None


def release(transaction: Transaction, lease: Lease, *, out_of_memory: bool = False) -> Row | None:
    """Hand a trial back.

    Returns:
        `seconds` (GPU seconds used under this lease), `stop` and the new `fence`; None if the
        lease is lost.
    """
    return transaction.row(
        f"""
        UPDATE studyhall_leases SET held = 0, fence = fence + 1, previous_worker = worker,
            {TOO_SMALL}, {RENEWED}, gpu_seconds_used = gpu_seconds_used + devices * :held_s
        WHERE {MINE} RETURNING devices * :held_s AS seconds, stop, fence""",
        out_of_memory=int(out_of_memory),
        **lease.mine,
    )


def beat(transaction: Transaction, lease: Lease) -> Order | None:
    """Renew a lease and return the order to its worker; None if the lease is lost."""
    row = transaction.row(
        f"""
        UPDATE studyhall_leases SET {RENEWED} WHERE {MINE}
        RETURNING {orders.query("studyhall_leases")}""",
        **lease.mine,
    )
    return None if row is None else Order(row[0])


def show_params(transaction: Transaction, lease: Lease, params: str, distributions: str) -> bool:
    """Store a trial's hyperparameters for other workers' samplers; False if the lease is lost."""
    shown = transaction.run(
        f"""
        UPDATE studyhall_leases SET {RENEWED}, params = :params, distributions = :distributions
        WHERE {MINE}""",
        params=params,
        distributions=distributions,
        **lease.mine,
    )
    return shown == 1


def point(transaction: Transaction, lease: Lease, checkpoint: str, progress: int) -> bool:
    """Set the name of the last checkpoint; return False if the lease is lost.

    Args:
        transaction: the one to do it in.
        lease: the trial's lease.
        checkpoint: the object's name.
        progress: how many epochs of the history the checkpoint holds.
    """
    moved = transaction.run(
        f"""
        UPDATE studyhall_leases SET checkpoint = :checkpoint, checkpoint_progress = :progress,
            {RENEWED}
        WHERE {MINE}""",
        checkpoint=checkpoint,
        progress=progress,
        **lease.mine,
    )
    return moved == 1
