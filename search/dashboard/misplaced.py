"""Attachments that lie in another study's folder, where earlier versions stored them.

They would leave with that study. They are moved into the folder of the study that lists them.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from studyhall.storage.artifacts import bucket
from studyhall.storage.artifacts.artifact_store import ArtifactStore
from studyhall.storage.artifacts.atomic_files import ArtifactError
from studyhall.storage.database import Database
from studyhall.storage.studies import studies

UPLOADED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # the name of an attachment
LISTED_BY = """
    SELECT study_id FROM study_system_attributes WHERE key = :key
    UNION
    SELECT trials.study_id FROM trial_system_attributes
    JOIN trials ON trials.trial_id = trial_system_attributes.trial_id
    WHERE trial_system_attributes.key = :key
"""


def bring_home(db: Database) -> int:
    """Move each attachment into its own study's folder; return how many were moved.

    Those whose folder can't be reached from this machine stay where they are.

    Args:
        db: the database of the studies.
    """
    stores = dict(_stores(db))
    moved = 0
    for study_id, store in stores.items():
        for name in _attachments(store):
            home = stores.get(_listed_by(db, name) or study_id)
            if home is not None and home.root != store.root:
                moved += _moved(name, store, home)
    return moved


def _stores(db: Database) -> Iterator[tuple[int, ArtifactStore]]:
    for name in studies.names(db):
        study = studies.find(db, name)
        if study is not None and "artifacts" in study.config:
            yield study.study_id, bucket.looking(study.config["artifacts"])


def _attachments(store: ArtifactStore) -> list[str]:
    with contextlib.suppress(ArtifactError):  # a folder of another machine
        return [each.name for each in store.objects() if UPLOADED.fullmatch(each.name)]
    return []


def _listed_by(db: Database, name: str) -> int | None:
    row = db.snapshot(lambda transaction: transaction.row(LISTED_BY, key=f"artifacts:{name}"))
    return None if row is None else int(row[0])


def _moved(name: str, store: ArtifactStore, home: ArtifactStore) -> int:
    with contextlib.suppress(ArtifactError):
        bucket.put(home, name, store.read(name))  # a kill in between leaves two, and loses none
        store.remove(name)
        return 1
    return 0
