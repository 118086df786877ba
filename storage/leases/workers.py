"""The list of workers with the time of their last heartbeat, also of those that hold no trial."""

from studyhall.storage.database import Transaction
from studyhall.storage.leases.leases import Worker

GONE_S = 86_400.0  # seconds: one day


def note(transaction: Transaction, study_id: int, worker: Worker) -> None:
    """Record that a worker is alive now."""
    transaction.run(
        """
        INSERT INTO studyhall_workers (study_id, name, host, pid, device, started_at, seen_at)
        VALUES (:study_id, :name, :host, :pid, :device, {now}, {now})
        ON CONFLICT (study_id, name) DO UPDATE SET host = excluded.host, pid = excluded.pid,
            device = excluded.device, seen_at = excluded.seen_at""",
        study_id=study_id,
        name=worker.name,
        host=worker.host,
        pid=worker.pid,
        device=worker.device,
    )


def forget_gone(transaction: Transaction, study_id: int) -> None:
    """Delete workers from the list that have not been seen for a day."""
    transaction.run(
        """
        DELETE FROM studyhall_workers
        WHERE study_id = :study_id AND seen_at < {now} - :gone_s""",
        study_id=study_id,
        gone_s=GONE_S,
    )


def forget_named(transaction: Transaction, study_id: int, name: str) -> None:
    """Delete a worker that is known to be dead from the list."""
    transaction.run(
        "DELETE FROM studyhall_workers WHERE study_id = :study_id AND name = :name",
        study_id=study_id,
        name=name,
    )


def forget(transaction: Transaction, study_id: int, worker: Worker) -> None:
    """Delete a worker that exits from the list.

    Host and process id must match too: another worker may have taken the name meanwhile.
    """
    transaction.run(
        """
        DELETE FROM studyhall_workers
        WHERE study_id = :study_id AND name = :name AND host = :host AND pid = :pid""",
        study_id=study_id,
        name=worker.name,
        host=worker.host,
        pid=worker.pid,
    )
