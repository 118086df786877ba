"""Which objects a study needs and which may go: retention by pointers and in bytes.

An object is needed while something in the database points to it: the checkpoint of a trial under
way, the models of the best trials and what their folds predict. What goes loses its pointer first
and the object then, so that a kill in between leaves an object without a pointer, which goes the
next time.
"""

import itertools
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from studyhall.storage.artifacts.artifact_store import ArtifactStore, StoredObject
from studyhall.storage.database import Database, Transaction, companions
from studyhall.storage.studies.rows import Study

IN_FLIGHT_S = 1800.0  # a pointer waits that long at most for a database that is away
_PATIENCE_S = 5.0  # tidying can wait


@dataclass(frozen=True)
class Kept:
    """What a finished trial points to: its saved model, or what its folds predict."""

    trial_id: int
    number: int
    value: float
    stored: StoredObject


@dataclass
class Survey:
    """The objects of a study by what they are for; `other_bytes` are files of other kinds."""

    checkpoints: list[StoredObject] = field(default_factory=list)  # of what is under way
    in_flight: list[StoredObject] = field(
        default_factory=list
    )  # written, the pointer is on its way
    models: list[Kept] = field(default_factory=list)  # the best trial's first
    predictions: list[Kept] = field(default_factory=list)  # likewise
    retrained: list[StoredObject] = field(default_factory=list)  # models of confirmations
    orphans: list[StoredObject] = field(default_factory=list)  # nothing points to them
    other_bytes: int = 0

    @property
    def needed_bytes(self) -> int:
        """What can't be done without: all but orphans and what further trials have kept."""
        first = _objects([*self.models[:1], *self.predictions[:1]])
        kept = [*self.checkpoints, *self.in_flight, *self.retrained, *first]
        return self.other_bytes + sum(stored.size for stored in kept)

    def beaten(self, keep_models: int, keep_predictions: int, max_bytes: int) -> list[Kept]:
        """What may go, the worst first: all beyond these numbers, and what does not fit.

        Predictions go before models.
        """
        free = max_bytes - self.needed_bytes
        models = 1 + _fitting(self.models[1:keep_models], free)
        free -= sum(kept.stored.size for kept in self.models[1:models])
        predictions = 1 + _fitting(self.predictions[1:keep_predictions], free)
        return [*self.predictions[predictions:][::-1], *self.models[models:][::-1]]


def survey(db: Database, study: Study, store: ArtifactStore) -> Survey:
    """Looks at the objects first and at the pointers then: what is pointed to meanwhile stays."""
    objects = store.objects()
    newest = max((stored.modified_at for stored in objects), default=0.0)
    now = max(newest, time.time())  # the file system's clock may be ahead of ours
    found = db.snapshot(
        lambda transaction: _sorted(transaction, study.study_id, objects, now),
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
    """Removes what nothing points to, and what trials keep from the worst on until the rest fits.

    Args:
        keep_models: how many of the best trials' models may stay at most, 1 or more.
        keep_predictions: likewise of what their folds predict.
        max_bytes: what all files of the study may take.

    Returns:
        By how many bytes that which must stay is too large; 0 if it fits.

    Raises:
        StorageError: the database is away, or the folder can't be written to.
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
    """Whether a trial that ends with this value is one of the best so many."""
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
    return row is None or (value, number) < (row.value, row.number)


def _objects(kept: Iterable[Kept]) -> list[StoredObject]:
    return [each.stored for each in kept]


def _fitting(kept: Iterable[Kept], free: int) -> int:
    """How many of them fit, from the first one on."""
    sizes = itertools.accumulate(each.stored.size for each in kept)
    return sum(size <= free for size in sizes)


def _sorted(
    transaction: Transaction, study_id: int, objects: Iterable[StoredObject], now: float
) -> Survey:
    pointers = _checkpoints(transaction, study_id)
    retrained, continued, in_hand = _retrained(transaction, study_id)
    found = Survey()
    with_trials = {"model": found.models, "predictions": found.predictions}
    for stored in objects:
        begun = stored.trial in pointers or stored.trial in in_hand
        young = begun and now - stored.modified_at < IN_FLIGHT_S
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
            (found.in_flight if young else found.orphans).append(stored)
    for each in with_trials.values():
        each.sort(key=lambda kept: (kept.value, kept.number))
    return found


def _checkpoints(transaction: Transaction, study_id: int) -> dict[int | None, str | None]:
    """The pointer of each trial under way, by number; None before its first checkpoint."""
    rows = transaction.rows(
        "SELECT number, checkpoint FROM studyhall_leases WHERE study_id = :study_id",
        study_id=study_id,
    )
    return {row.number: row.checkpoint for row in rows}


def _retrained(transaction: Transaction, study_id: int) -> tuple[set[str], set[str], set[int]]:
    """Names of what is kept beside the search: models, checkpoints; numbers of what is begun."""
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
    """The complete trial that points to this object, if there is one."""
    row = transaction.row(
        """
        SELECT d.trial_id, d.number, d.value, a.value_json FROM studyhall_done d
        JOIN trial_user_attributes a ON a.trial_id = d.trial_id AND a.key = :kind
        WHERE d.study_id = :study_id AND d.number = :number AND d.state = 'COMPLETE'""",
        study_id=study_id,
        number=stored.trial,
        kind=stored.kind,
    )
    if row is None or json.loads(row.value_json) != stored.name:
        return None
    return Kept(row.trial_id, row.number, row.value, stored)


def _forget(transaction: Transaction, beaten: Iterable[Kept]) -> None:
    for each in beaten:
        transaction.run(
            "DELETE FROM trial_user_attributes WHERE trial_id = :trial_id AND key = :kind",
            trial_id=each.trial_id,
            kind=each.stored.kind,
        )
