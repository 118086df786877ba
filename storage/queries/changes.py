"""The check for changes in a study, which takes a few milliseconds."""

import hashlib
from typing import NamedTuple

from studyhall.storage.database import Database, Row, Transaction

_STANDING = """
    SELECT s.study_name, b.sequence, b.used,
        (SELECT coalesce(sum(l.progress), 0) FROM studyhall_leases l WHERE l.study_id = b.study_id),
        (SELECT coalesce(sum(length(a.value_json)), 0) FROM trial_system_attributes a
            JOIN studyhall_leases l ON l.trial_id = a.trial_id WHERE l.study_id = b.study_id)
    FROM studyhall_budget b JOIN studies s ON s.study_id = b.study_id
        JOIN studyhall_studies h ON h.study_id = b.study_id
    WHERE b.study_id = :study_id"""

_ATTRIBUTES = """
    SELECT 1, key, value_json FROM study_system_attributes WHERE study_id = :study_id
    UNION ALL SELECT 2, key, value_json FROM study_user_attributes WHERE study_id = :study_id
    ORDER BY 1, 2"""
_DIGEST = f"""
    SELECT md5(string_agg(md5(key || '=' || value_json), '')) FROM ({_ATTRIBUTES}) attributes"""


class State(NamedTuple):
    """The state of a study: it differs from an earlier one if its dashboard page would.

    Attributes:
        name: the study's name.
        sequence: grows with each trial that ends.
        started: number of trials that have been started.
        progress: number of epochs in the histories of running trials.
        attached: total length of the system attributes of running trials (notes, artifacts).
        attributes: hash of the study's attributes.
    """

    name: str
    sequence: int
    started: int
    progress: int
    attached: int
    attributes: str


def state(db: Database, study_id: int) -> State | None:
    """Return the state of a study; None if studyhall has not created it."""
    return db.snapshot(lambda transaction: _state(transaction, study_id))


def _state(transaction: Transaction, study_id: int) -> State | None:
    row: Row | None = transaction.row(_STANDING, study_id=study_id)
    if row is None:
        return None
    name, sequence, started, progress, attached = row
    attributes = _attributes(transaction, study_id)
    return State(name, sequence, started, progress, attached, attributes)


def _attributes(transaction: Transaction, study_id: int) -> str:
    if transaction.kind == "postgresql":  # hashing on the server saves sending every attribute
        return str(transaction.value(_DIGEST, study_id=study_id))
    digest = hashlib.blake2b(digest_size=16)
    for _, key, value in transaction.rows(_ATTRIBUTES, study_id=study_id):
        digest.update(f"{key}={value}\0".encode())
    return digest.hexdigest()
