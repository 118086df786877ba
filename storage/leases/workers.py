"""The workers of a study, and the list of their last heartbeats, with or without a trial."""

from dataclasses import dataclass

from studyhall.storage.database import Transaction

GONE_S = 86_400.0  # seconds: one day


@dataclass(frozen=True)
class Worker:
    """A process that runs trials.

    Args:
        name: unique in its study.
        host: the machine's name.
        pid: its process id on that machine.
        device: the device that it trains on, as shown to the user: "cpu", "gpu 0", a UUID.
        devices: how many devices it occupies; its GPU seconds are seconds times this number.
        memory_mib: memory of its device that it may use, in MiB; 0 if unknown.
    """

    name: str
    host: str
    pid: int
    device: str
    devices: float = 1.0
    memory_mib: int = 0


def note(transaction: Transaction, study_id: int, worker: Worker) -> None:
    """Record that a worker is alive now."""
    transaction.run(
        """
        INSERT INTO studyhall_workers (study_id, name, host, pid, device, memory_mib, started_at,
            seen_at)
        VALUES (:study_id, :name, :host, :pid, :device, :memory_mib, {now}, {now})
        ON CONFLICT (study_id, name) DO UPDATE SET host = excluded.host, pid = excluded.pid,
            device = excluded.device, memory_mib = excluded.memory_mib,
            seen_at = excluded.seen_at""",
        study_id=study_id,
        name=worker.name,
        host=worker.host,
        pid=worker.pid,
        device=worker.device,
        memory_mib=worker.memory_mib,
    )


def forget_gone(transaction: Transaction, study_id: int) -> None:
    """Delete workers from the list that have not been seen for a day."""
    transaction.run(
        """
        DELETE FROM studyhall_workers
        WHERE study_id = :study_id AND abs({now} - seen_at) > :gone_s""",
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
