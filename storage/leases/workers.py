"""When each worker was last seen, whether it holds a trial or waits for one."""

from studyhall.storage.database import Transaction
from studyhall.storage.leases.leases import Worker

GONE_S = 86_400.0


def note(transaction: Transaction, study_id: int, worker: Worker) -> None:
    """Notes that a worker is alive."""
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
    """Takes workers off the list that have not been seen for so long that nobody asks for them."""
    transaction.run(
        """
        DELETE FROM studyhall_workers
        WHERE study_id = :study_id AND seen_at < {now} - :gone_s""",
        study_id=study_id,
        gone_s=GONE_S,
    )


def forget_named(transaction: Transaction, study_id: int, name: str) -> None:
    """Takes a worker that is known to be dead off the list."""
    transaction.run(
        "DELETE FROM studyhall_workers WHERE study_id = :study_id AND name = :name",
        study_id=study_id,
        name=name,
    )


def forget(transaction: Transaction, study_id: int, worker: Worker) -> None:
    """Takes a worker that leaves off the list."""
    transaction.run(
        """
        DELETE FROM studyhall_workers
        WHERE study_id = :study_id AND name = :name AND host = :host AND pid = :pid""",
        study_id=study_id,
        name=worker.name,
        host=worker.host,
        pid=worker.pid,
    )
