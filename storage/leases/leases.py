"""Who may run which trial: fenced leases, given out one at a time, and taken over from the dead.

A lease is a row of `studyhall_leases`, there from a trial's claim until its result. `held` says
whether somebody runs it; `fence` grows whenever that changes, and every write of a worker asks for
its own fence: a worker that was declared dead by mistake finds out and changes nothing.

Claims and returns follow one another, as they lock the study's budget; reports touch their own
lease only.
"""

from dataclasses import dataclass
from typing import Any

from studyhall.storage.database import Row, Transaction, companions
from studyhall.storage.leases import orders
from studyhall.storage.leases.orders import Order


@dataclass(frozen=True)
class Worker:
    """A process that runs trials.

    Args:
        name: unique in its study.
        host: the machine's name.
        pid: its process id there.
        device: where it trains, as shown to the user: "cpu", "gpu 0", a UUID.
        devices: how many devices it occupies, by which its seconds count as GPU seconds.
    """

    name: str
    host: str
    pid: int
    device: str
    devices: float = 1.0


@dataclass(frozen=True)
class Terms:
    """How leases of a study are given and kept.

    Args:
        silence_s: seconds without a sign of life after which another worker may take over.
        retries: takeovers in a row without a new epoch until the trial is failed.
        heartbeat_s: seconds between renewals.
    """

    silence_s: float = 90.0
    retries: int = 3
    heartbeat_s: float = 15.0

    @property
    def grace_s(self) -> float:
        """Seconds that a database must have been back before silence counts."""
        return min(2 * self.heartbeat_s, self.silence_s)


@dataclass(frozen=True)
class Lease:
    """The right to run one trial, until somebody else is given a higher fence."""

    trial_id: int
    number: int
    fence: int
    attempt: int
    draw: int | None
    fixed: str | None
    checkpoint: str | None
    params: str | None
    distributions: str | None
    memory_failures: int = 0  # how often it was handed back since its worker ran out of memory


@dataclass(frozen=True)
class Silent:
    """A lease whose holder fell silent or was seen to die, as it was left."""

    trial_id: int
    number: int
    fence: int  # under which it is free now
    worker: str
    host: str
    progress: int
    barren: int
    seconds: float  # how long it was held, times devices
    memory_failures: int
    stop: int  # 1: somebody wants it ended as pruned


class LeaseLost(Exception):  # noqa: N818 - what happened, not what went wrong
    """Another worker holds the trial now: drop it, write nothing, take the next."""


_LEASE = """trial_id, number, fence, attempt, draw, fixed, checkpoint, params, distributions,
            memory_failures"""

_GRACE = {  # a server that was away a moment ago has heard nobody
    "sqlite": "1 = 1",
    "postgresql": "extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()) > :grace_s",
}


def _holder(worker: Worker) -> dict[str, Any]:
    return {
        "worker": worker.name,
        "host": worker.host,
        "pid": worker.pid,
        "device": worker.device,
        "devices": worker.devices,
    }


def survey(transaction: Transaction, study_id: int, silence_s: float) -> Row:
    """Counts the leases: held, silent, free; what the held ones have used; the queue's head."""
    row = transaction.row(
        """
        SELECT coalesce(sum(held), 0) AS held, count(*) - coalesce(sum(held), 0) AS free,
            coalesce(sum(CASE WHEN held = 1 AND heard_at < {now} - :silence_s THEN 1 ELSE 0 END), 0)
                AS silent,
            coalesce(sum(held * devices * (heard_at - claimed_at)), 0.0) AS gpu_seconds,
            max(heard_at) AS heard_at,
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
    """Creates a running trial together with its lease."""
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
            pid, device, devices, created_at, claimed_at, heard_at)
        VALUES (:trial_id, :study_id, :number, :draw, :fixed, :token, :worker, :host,
            :pid, :device, :devices, {now}, {now}, {now})""",
        trial_id=trial_id,
        study_id=study_id,
        number=number,
        draw=draw,
        fixed=fixed,
        token=token,
        **_holder(worker),
    )
    return Lease(trial_id, number, 1, 1, draw, fixed, None, None, None)


def take_free(transaction: Transaction, study_id: int, worker: Worker, token: str) -> Lease:
    """Takes over the earliest trial that was handed back or reclaimed.

    What its history holds beyond its checkpoint counts as repeated.
    """
    (taken,) = transaction.rows(
        f"""
        UPDATE studyhall_leases SET held = 1, fence = fence + 1, attempt = attempt + 1,
            token = :token, worker = :worker, host = :host, pid = :pid, device = :device,
            devices = :devices, claimed_at = {{now}}, heard_at = {{now}},
            progress_at_claim = progress,
            repeated_epochs = repeated_epochs + progress - checkpoint_progress,
            repeated_s = repeated_s + (
                SELECT coalesce(sum(h.seconds), 0) FROM (
                    SELECT seconds, row_number() OVER (ORDER BY fold, epoch) AS place
                    FROM studyhall_history WHERE trial_id = studyhall_leases.trial_id) h
                WHERE h.place > studyhall_leases.checkpoint_progress)
        WHERE trial_id = (SELECT trial_id FROM studyhall_leases
            WHERE study_id = :study_id AND held = 0 ORDER BY number LIMIT 1)
        RETURNING {_LEASE}""",
        study_id=study_id,
        token=token,
        **_holder(worker),
    )
    return Lease(*taken)


def find(transaction: Transaction, token: str, study_id: int) -> Lease | None:
    """The lease that an earlier try of the same claim has taken, if its COMMIT got through."""
    row = transaction.row(
        f"SELECT {_LEASE} FROM studyhall_leases WHERE study_id = :study_id AND token = :token",
        study_id=study_id,
        token=token,
    )
    return None if row is None else Lease(*row)


_FREE = """
    UPDATE studyhall_leases SET held = 0, fence = fence + 1, lost = lost + 1,
        previous_worker = worker, memory_failures = memory_failures + :out_of_memory,
        gpu_seconds_used = gpu_seconds_used + devices * (heard_at - claimed_at),
        barren = CASE WHEN progress > progress_at_claim THEN 0 ELSE barren + 1 END
    WHERE study_id = :study_id AND held = 1 AND {which}
    RETURNING trial_id, number, fence, worker, host, progress, barren,
        devices * (heard_at - claimed_at), memory_failures, stop"""


def reclaim(
    transaction: Transaction, study_id: int, *, silence_s: float, grace_s: float
) -> list[Silent]:
    """Frees every lease whose holder fell silent, and fences the holder off."""
    silent = f"heard_at < {{now}} - :silence_s AND {_GRACE[transaction.kind]}"
    rows = transaction.rows(
        _FREE.format(which=silent),
        study_id=study_id,
        out_of_memory=0,
        silence_s=silence_s,
        grace_s=grace_s,
    )
    return sorted((Silent(*row) for row in rows), key=lambda silent: silent.number)


def free(
    transaction: Transaction, study_id: int, worker: str, *, out_of_memory: bool
) -> Silent | None:
    """Frees the lease of a worker that is known to be dead, if it holds one."""
    row = transaction.row(
        _FREE.format(which="worker = :worker"),
        study_id=study_id,
        worker=worker,
        out_of_memory=int(out_of_memory),
    )
    return None if row is None else Silent(*row)


def is_held(transaction: Transaction, lease: Lease) -> bool:
    """Whether the lease is good."""
    row = transaction.row(
        "SELECT 1 FROM studyhall_leases WHERE trial_id = :trial_id AND fence = :fence",
        trial_id=lease.trial_id,
        fence=lease.fence,
    )
    return row is not None


def release(transaction: Transaction, lease: Lease, *, out_of_memory: bool = False) -> Row | None:
    """Hands a trial back; None if it is lost.

    Returns:
        seconds: what was used, times devices; stop, and the fence under which it is free now.
    """
    return transaction.row(
        """
        UPDATE studyhall_leases SET held = 0, fence = fence + 1, previous_worker = worker,
            memory_failures = memory_failures + :out_of_memory, heard_at = {now},
            gpu_seconds_used = gpu_seconds_used + devices * ({now} - claimed_at)
        WHERE trial_id = :trial_id AND fence = :fence
        RETURNING devices * (heard_at - claimed_at) AS seconds, stop, fence""",
        trial_id=lease.trial_id,
        fence=lease.fence,
        out_of_memory=int(out_of_memory),
    )


def beat(transaction: Transaction, trial_id: int, fence: int) -> Order | None:
    """Renews a lease and hears what to do; None if it is lost."""
    row = transaction.row(
        f"""
        UPDATE studyhall_leases SET heard_at = {{now}}
        WHERE trial_id = :trial_id AND fence = :fence
        RETURNING {orders.query("studyhall_leases")}""",
        trial_id=trial_id,
        fence=fence,
    )
    return None if row is None else Order(row[0])


def show_params(transaction: Transaction, lease: Lease, params: str, distributions: str) -> bool:
    """Lets the others' samplers see what this trial tries; False if the lease is lost."""
    shown = transaction.run(
        """
        UPDATE studyhall_leases SET heard_at = {now}, params = :params,
            distributions = :distributions
        WHERE trial_id = :trial_id AND fence = :fence""",
        trial_id=lease.trial_id,
        fence=lease.fence,
        params=params,
        distributions=distributions,
    )
    return shown == 1


def point(transaction: Transaction, lease: Lease, checkpoint: str, progress: int) -> bool:
    """Moves the pointer to the last checkpoint; False if the lease is lost."""
    moved = transaction.run(
        """
        UPDATE studyhall_leases SET checkpoint = :checkpoint, checkpoint_progress = :progress,
            heard_at = {now}
        WHERE trial_id = :trial_id AND fence = :fence""",
        trial_id=lease.trial_id,
        fence=lease.fence,
        checkpoint=checkpoint,
        progress=progress,
    )
    return moved == 1
