"""The trash: deleted studies that can be restored, until they are deleted for good.

A study in the trash is renamed, so that its name is unused and no command finds it. Its row of
`studyhall_studies` is deleted and its content kept as a fact. Its workers are asked to stop.
"""

import json
from dataclasses import dataclass
from typing import Any

from studyhall.storage.database import Database, Transaction, companions
from studyhall.storage.database.urls import StorageError
from studyhall.storage.studies import deletion
from studyhall.storage.studies.retiring import MOVED

PREFIX = "trash/"  # unmistakable: a study's name can't contain a slash
_FACT = "trash"
_RECORD = ("seed", "config", "created_at", "token")


@dataclass(frozen=True)
class Deleted:
    """A study in the trash.

    Attributes:
        study_id: Optuna's identifier.
        name: the name before it was deleted.
        deleted_at: epoch seconds of the database's clock.
        deleted_by: the user who deleted it.
        trials: how many trials it has.
        artifacts: location of its checkpoints and models; None if studyhall has not created it, or
            if its copy in another database uses them.
    """

    study_id: int
    name: str
    deleted_at: float
    deleted_by: str
    trials: int
    artifacts: str | None


def holds(name: str) -> bool:
    """Tell whether a study with this stored name is in the trash."""
    return name.startswith(PREFIX)


def put(db: Database, study_id: int, who: str) -> str:
    """Move a study to the trash and ask its workers to stop.

    Args:
        db: the database of the study.
        study_id: Optuna's identifier; the study need not have been created by studyhall.
        who: the user who deletes it.

    Returns:
        The study's name.

    Raises:
        LookupError: there is no such study, or it is in the trash already.
    """

    def work(transaction: Transaction) -> str:
        name = _name(transaction, study_id)
        if name is None or holds(name):
            raise LookupError(f"no study has the identifier {study_id}")
        record = _record(transaction, study_id)
        about = {"name": name, "by": who, "record": record, **_stop(transaction, study_id)}
        _remember(transaction, study_id, about)
        transaction.run("DELETE FROM studyhall_studies WHERE study_id = :id", id=study_id)
        _rename(transaction, study_id, f"{PREFIX}{study_id}/{name}")
        return name

    return db.transaction(work)


def contents(db: Database) -> list[Deleted]:
    """Return the studies in the trash, the last deleted first."""
    found = db.snapshot(
        lambda transaction: transaction.rows(
            """
            SELECT s.study_id, f.value,
                (SELECT count(*) FROM trials t WHERE t.study_id = s.study_id),
                (SELECT count(*) FROM studyhall_facts m WHERE m.study_id = s.study_id
                    AND m.key = :moved)
            FROM studies s JOIN studyhall_facts f ON f.study_id = s.study_id AND f.key = :key
            WHERE s.study_name LIKE :like""",
            key=_FACT,
            moved=MOVED,
            like=f"{PREFIX}%",
        )
    )
    deleted = [_deleted(row[0], json.loads(row[1]), row[2], bool(row[3])) for row in found]
    return sorted(deleted, key=lambda each: (-each.deleted_at, -each.study_id))


def restore(db: Database, deleted: Deleted) -> None:
    """Restore a study from the trash, under its old name.

    Raises:
        LookupError: the study is not in the trash any more.
        StorageError: another study has the name now.
    """

    def work(transaction: Transaction) -> None:
        about = _about(transaction, deleted.study_id)
        taken = transaction.row(
            "SELECT study_id FROM studies WHERE study_name = :name", name=deleted.name
        )
        if taken is not None:
            raise StorageError(
                f"study: received {deleted.name!r}, expected an unused name: "
                "rename or delete the study that has it now"
            )
        _restore_record(transaction, deleted.study_id, about)
        _rename(transaction, deleted.study_id, deleted.name)
        transaction.run(
            "DELETE FROM studyhall_facts WHERE study_id = :id AND key = :key",
            id=deleted.study_id,
            key=_FACT,
        )

    db.transaction(work)


def purge(db: Database, deleted: Deleted) -> None:
    """Delete all rows of a study in the trash; the caller deletes its files.

    Raises:
        LookupError: the study is not in the trash any more.
    """

    def work(transaction: Transaction) -> None:
        _about(transaction, deleted.study_id)
        deletion.delete_study(transaction, deleted.study_id)

    db.transaction(work)


def _name(transaction: Transaction, study_id: int) -> str | None:
    row = transaction.row("SELECT study_name FROM studies WHERE study_id = :id", id=study_id)
    return None if row is None else str(row[0])


def _record(transaction: Transaction, study_id: int) -> dict[str, Any] | None:
    columns = ", ".join(_RECORD)
    row = transaction.row(
        f"SELECT {columns} FROM studyhall_studies WHERE study_id = :id", id=study_id
    )
    return None if row is None else dict(zip(_RECORD, row, strict=True))


def _stop(transaction: Transaction, study_id: int) -> dict[str, Any]:
    """Ask the workers to stop; return the stop flag from before ("stop") and the time ("at")."""
    before = transaction.row("SELECT stop FROM studyhall_budget WHERE study_id = :id", id=study_id)
    family = companions.family(":id")
    transaction.run(f"UPDATE studyhall_budget SET stop = 1 WHERE study_id IN {family}", id=study_id)
    now = transaction.value("SELECT {now}")
    return {"stop": 0 if before is None else int(before[0]), "at": float(now)}


def _remember(transaction: Transaction, study_id: int, about: dict[str, Any]) -> None:
    transaction.run(
        """
        INSERT INTO studyhall_facts (study_id, key, value) VALUES (:id, :key, :value)
        ON CONFLICT (study_id, key) DO UPDATE SET value = excluded.value""",
        id=study_id,
        key=_FACT,
        value=json.dumps(about),
    )


def _rename(transaction: Transaction, study_id: int, name: str) -> None:
    transaction.run(
        "UPDATE studies SET study_name = :name WHERE study_id = :id", id=study_id, name=name
    )


def _about(transaction: Transaction, study_id: int) -> dict[str, Any]:
    """Return the fact that holds the content of a study in the trash.

    Raises:
        LookupError: the study is not in the trash.
    """
    name = _name(transaction, study_id)
    row = transaction.row(
        "SELECT value FROM studyhall_facts WHERE study_id = :id AND key = :key",
        id=study_id,
        key=_FACT,
    )
    if name is None or not holds(name) or row is None:
        raise LookupError(f"the study {study_id} is not in the trash")
    about: dict[str, Any] = json.loads(row[0])
    return about


def _restore_record(transaction: Transaction, study_id: int, about: dict[str, Any]) -> None:
    """Insert the deleted row of `studyhall_studies` again, and restore the stop flag."""
    if about["record"] is not None:
        transaction.run(
            f"""
            INSERT INTO studyhall_studies (study_id, {", ".join(_RECORD)})
            VALUES (:id, {", ".join(f":{name}" for name in _RECORD)})""",
            id=study_id,
            **about["record"],
        )
    transaction.run(
        f"UPDATE studyhall_budget SET stop = :stop WHERE study_id IN {companions.family(':id')}",
        id=study_id,
        stop=about["stop"],
    )


def _deleted(study_id: int, about: dict[str, Any], trials: int, moved: bool) -> Deleted:
    config = json.loads(about["record"]["config"]) if about["record"] else {}
    where = None if moved else config.get("artifacts")  # those of a moved study are its copy's
    return Deleted(study_id, about["name"], about["at"], about["by"], trials, where)
