"""The retention of objects: delete those that nothing points to, then enough to fit a size limit.

An object is kept while the database points to it: the checkpoint of a running trial, the models of
the best trials and their out-of-fold predictions. To delete an object, its pointer is deleted first
and the object second: a kill in between leaves an object without a pointer, which the next run
deletes.
"""

import functools
import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from studyhall.storage.artifacts.artifact_store import ArtifactStore, StoredObject
from studyhall.storage.database import Database, Transaction, companions
from studyhall.storage.studies.directions import REST
from studyhall.storage.studies.rows import Study

IN_FLIGHT_S = 1800.0  # longer than a pointer waits for a database that is unreachable
_PATIENCE_S = 5.0  # short: deleting can wait for the next time


@dataclass(frozen=True)
class Kept:
    """An object that a finished trial points to: its model, or its out-of-fold predictions."""

    trial_id: int
    number: int
    value: float
    rest: float  # the sum of its costs in further objectives
    stored: StoredObject


@dataclass
class Survey:
    """The objects of a study by purpose; `other_bytes` is the size of all other files."""

    checkpoints: list[StoredObject] = field(default_factory=list)  # of running trials
    in_flight: list[StoredObject] = field(
        default_factory=list
    )  # written, but the pointer is not in the database yet
    models: list[Kept] = field(default_factory=list)  # the best trial's first
    predictions: list[Kept] = field(default_factory=list)  # the best trial's first
    retrained: list[StoredObject] = field(default_factory=list)  # models of confirmations
    orphans: list[StoredObject] = field(default_factory=list)  # that nothing points to
    other_bytes: int = 0

    @property
    def needed_bytes(self) -> int:
        """The bytes that can't be freed: all but orphans and the objects after the best trial's."""
        first = _objects([*self.models[:1], *self.predictions[:1]])
        kept = [*self.checkpoints, *self.in_flight, *self.retrained, *first]
        return self.other_bytes + sum(stored.size for stored in kept)

    def beaten(self, keep_models: int, keep_predictions: int, max_bytes: int) -> list[Kept]:
        """Return the objects to delete, the worst trial's first; predictions before models.

        Args:
            keep_models: how many models to keep at most; the best trial's is always kept.
            keep_predictions: how many trials' predictions to keep at most; the best trial's are
                always kept.
            max_bytes: the size limit of all files of the study.
        """
        free = max_bytes - self.needed_bytes
        models = 1 + _fitting(self.models[1:keep_models], free)
        free -= sum(kept.stored.size for kept in self.models[1:models])
        predictions = 1 + _fitting(self.predictions[1:keep_predictions], free)
        return [*self.predictions[predictions:][::-1], *self.models[models:][::-1]]


def survey(db: Database, study: Study, store: ArtifactStore) -> Survey:
    """List a study's objects by purpose.

    Objects are listed before pointers are read, so that an object whose pointer is written in
    between is not taken for an orphan.

    Raises:
        StorageError: the database is unreachable, or the store can't be read.
    """
    objects = store.objects()
    found = db.snapshot(
        lambda transaction: _sorted(transaction, study.study_id, objects, store),
        patience_s=_PATIENCE_S,
    )
    ours = [*found.checkpoints, *found.in_flight, *found.retrained, *found.orphans]
    sizes = [stored.size for stored in [*ours, *_objects(found.models + found.predictions)]]
    found.other_bytes = store.total_bytes() - sum(sizes)
    return found


def tidy(
    db: Database,
    study: Study,
    store: ArtifactStore,
    *,
    keep_models: int,
    keep_predictions: int = 1,
    max_bytes: int,
) -> int:
    """Delete objects that nothing points to, then trials' objects, the worst first, until all fit.

    Args:
        db: the database of the study.
        study: the study.
        store: the study's objects.
        keep_models: how many of the best trials' models are kept at most, 1 or more.
        keep_predictions: how many of the best trials' out-of-fold predictions are kept at most.
        max_bytes: the size limit of all files of the study.

    Returns:
        The bytes by which the objects that must be kept exceed `max_bytes`; 0 if they fit.

    Raises:
        StorageError: the database is unreachable, or the folder can't be written to.
    """
    found = survey(db, study, store)
    beaten = found.beaten(keep_models, keep_predictions, max_bytes)
    if beaten:
        db.transaction(lambda transaction: _forget(transaction, beaten), patience_s=_PATIENCE_S)
    for stored in [*found.orphans, *_objects(beaten)]:
        store.remove(stored.name)
    store.sweep()
    return max(0, found.needed_bytes - max_bytes)


def is_among_best(db: Database, study: Study, value: float, number: int, models: int) -> bool:
    """Tell whether a trial that ends with this value (a cost) is among the `models` best.

    With several objectives an equal one is, too: the others may rank it first.
    """
    row = db.snapshot(
        lambda transaction: transaction.row(
            """
            SELECT value, number FROM studyhall_done
            WHERE study_id = :study_id AND state = 'COMPLETE'
            ORDER BY value, number LIMIT 1 OFFSET :better""",
            study_id=study.study_id,
            better=models - 1,
        )
    )
    if row is None or (value, number) < (row.value, row.number):
        return True
    return len(study.directions) > 1 and value == row.value


def _objects(kept: Iterable[Kept]) -> list[StoredObject]:
    return [each.stored for each in kept]


def _fitting(kept: Iterable[Kept], free: int) -> int:
    """Count how many of these objects, from the first one on, fit into `free` bytes."""
    sizes = itertools.accumulate(each.stored.size for each in kept)
    return sum(size <= free for size in sizes)


def _sorted(
    transaction: Transaction,
    study_id: int,
    objects: Iterable[StoredObject],
    store: ArtifactStore,
) -> Survey:
    """Sort objects by purpose; those of no known kind are left out, as they are not ours."""
    pointers = _checkpoints(transaction, study_id)
    retrained, continued, in_hand = _retrained(transaction, study_id)
    is_young = _Young(store)
    found = Survey()
    with_trials = {"model": found.models, "predictions": found.predictions}
    for stored in objects:
        # A running trial writes the object first and the pointer later: a young one is no orphan.
        begun = stored.trial in pointers or stored.trial in in_hand
        kept = _kept(transaction, study_id, stored) if stored.kind in with_trials else None
        if kept is not None:
            with_trials[stored.kind].append(kept)
        elif stored.name in retrained:
            found.retrained.append(stored)
        elif stored.name in continued or (
            stored.kind == "checkpoint" and pointers.get(stored.trial) == stored.name
        ):
            found.checkpoints.append(stored)
        elif stored.kind in ("checkpoint", "model", "predictions"):
            (found.in_flight if begun and is_young(stored) else found.orphans).append(stored)
    for each in with_trials.values():
        each.sort(key=lambda kept: (kept.value, kept.rest, kept.number))
    return found


class _Young:
    """Tells objects that were written a moment ago, by the clock that dates them."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    @functools.cached_property
    def _now(self) -> float | None:
        return self._store.clock()

    def __call__(self, stored: StoredObject) -> bool:
        """Tell whether this one was; True if the clock can't be read."""
        return self._now is None or self._now - stored.modified_at < IN_FLIGHT_S


def _checkpoints(transaction: Transaction, study_id: int) -> dict[int | None, str | None]:
    """Return the checkpoint of each running trial by number; None before its first checkpoint."""
    rows = transaction.rows(
        "SELECT number, checkpoint FROM studyhall_leases WHERE study_id = :study_id",
        study_id=study_id,
    )
    return {row.number: row.checkpoint for row in rows}


def _retrained(transaction: Transaction, study_id: int) -> tuple[set[str], set[str], set[int]]:
    """Return models and checkpoints (by name) and numbers of running trials of hidden studies."""
    models = transaction.rows(
        f"""
        SELECT a.value_json FROM studyhall_done d
            JOIN trial_user_attributes a ON a.trial_id = d.trial_id AND a.key = 'model'
        WHERE d.study_id IN {companions.hidden()}""",
        study_id=study_id,
    )
    begun = transaction.rows(
        f"""
        SELECT number, checkpoint FROM studyhall_leases WHERE study_id IN {companions.hidden()}""",
        study_id=study_id,
    )
    checkpoints = {row.checkpoint for row in begun if row.checkpoint is not None}
    return {json.loads(row[0]) for row in models}, checkpoints, {row.number for row in begun}


def _kept(transaction: Transaction, study_id: int, stored: StoredObject) -> Kept | None:
    """Return this object with the complete trial that points to it; None if there is no such."""
    row = transaction.row(
        f"""
        SELECT studyhall_done.trial_id, number, value, {REST} AS rest, a.value_json
        FROM studyhall_done
        JOIN trial_user_attributes a ON a.trial_id = studyhall_done.trial_id AND a.key = :kind
        WHERE study_id = :study_id AND number = :number AND state = 'COMPLETE'""",
        study_id=study_id,
        number=stored.trial,
        kind=stored.kind,
    )
    if row is None or json.loads(row.value_json) != stored.name:
        return None
    return Kept(row.trial_id, row.number, row.value, float(row.rest), stored)


def _forget(transaction: Transaction, beaten: Iterable[Kept]) -> None:
    for each in beaten:
        transaction.run(
            "DELETE FROM trial_user_attributes WHERE trial_id = :trial_id AND key = :kind",
            trial_id=each.trial_id,
            kind=each.stored.kind,
        )
