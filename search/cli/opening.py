"""The study of a file: created, or opened with what the file changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from studyhall.search.display.terminal import say
from studyhall.search.study import creation, fingerprints, inspection, record
from studyhall.search.study_file import config
from studyhall.search.study_file.sections import StudyFile
from studyhall.storage.database import Database
from studyhall.storage.queries import status
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study


def open_or_create(
    db: Database,
    file: StudyFile,
    path: Path,
    found: fingerprints.Inspection,
    tell: Callable[[str], None] = say,
) -> Study:
    """Create the study of a file, or open it and apply what the file changes.

    Args:
        path: the study file's path.
        found: the inspected data and code.
        tell: prints a line on a change, and on what was left out or changed in the data.

    Raises:
        ConfigError: a study of that name exists, and the file describes a different one.
    """
    study = studies.find(db, file.study.name)
    if study is None:
        _tell_notes(found, tell)
        return creation.create(db, file, path.parent, found)
    record.check_trainable(db, study)
    if study.seed != file.study.seed:  # the data were split by the stored seed
        found = inspection.inspect_apart(creation.with_seed(file, study.seed), path)
    _tell_notes(found, tell)
    counts = status.status(db, study).counts
    begun = counts["COMPLETE"] + counts["PRUNED"] > 0
    changes = creation.compare(study, file, found, path.name, begun=begun)
    if changes:
        tell(f'study "{study.name}" exists and continues; {path.name} differs:')
        for change in changes:
            tell(_change(change))
    return creation.apply(db, study, file, changes, found)


def _tell_notes(found: fingerprints.Inspection, tell: Callable[[str], None]) -> None:
    for note in found.about.get("notes", []):
        tell(f"data: {note}")


def _change(change: config.Change) -> str:
    effect = {"applies": "applies from now on", "kept": "ignored, the stored value is kept"}
    old, new = (creation.written(value) for value in (change.old, change.new))
    return f"  {change.key}: {old} → {new}: {effect[change.effect]}"
