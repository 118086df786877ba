"""A checked study file becomes a study in the database, or goes on with the one that is there."""

from __future__ import annotations

import contextlib
import itertools
import os
import uuid
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from studyhall.search.study import inspection
from studyhall.search.study.inspection import Inspection
from studyhall.search.study.record import stored
from studyhall.search.study_file import config, objectives, paths
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.differences import Change
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import fixed, hyperparameters, spelling
from studyhall.spaces.space import read_space
from studyhall.storage.artifacts import bucket
from studyhall.storage.database import Database
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Queued, Study

SECONDS_PER_HOUR = 3600.0


def create(db: Database, file: StudyFile, folder: Path, found: Inspection) -> Study:
    """Write the study down; of several launches at once, one does and the others find it.

    Raises:
        ConfigError: there is no study to learn from as the file says.
    """
    from studyhall.search.study import warm_start  # which reads other studies as Optuna does

    learned = warm_start.known(db, file, found)
    place = _new_place(file)
    record = {
        "file": config.to_dict(file),
        "folder": str(folder.resolve()),
        "artifacts": place,
        "inspection": asdict(found),
        "warm_start": learned,
    }
    study, created = studies.create(
        db,
        file.study.name,
        config=record,
        seed=file.study.seed,
        directions=objectives.directions(dict(file.study)),
        queue=_first(file, learned),
        **budget(file),
    )
    if created:
        axis = "study:metric_names"  # where Optuna's clients look for what a value is called
        named = objectives.of_file(dict(file.study))
        db.optuna_storage().set_study_system_attr(study.study_id, axis, named)
    elif not bucket.is_bucket(place):
        Path(place).rmdir()
    return study


def compare(
    study: Study, file: StudyFile, found: Inspection, name: str, *, begun: bool = True
) -> list[Change]:
    """What a changed study file would change in a study that exists.

    Args:
        study: the one in the database.
        file: what is launched now.
        found: the data and the code beside it.
        name: of the file, for messages.
        begun: whether a trial has a value; until then the user's code may be mended.

    Raises:
        ConfigError: another space, model, training, other data or code: it needs another name.
    """
    before = stored(study)
    changes = config.differences(before.file, file)
    refused = [change for change in changes if change.effect == "refused"]
    problems = [*_refusals(refused, name)]
    if not refused:
        known = before.inspection if begun else replace(before.inspection, code=found.code)
        problems += [f"{name}: {line}" for line in inspection.differing(known, found)]
    if problems:
        ending = f'study "{study.name}" exists: what it was begun with stays; for the change, give '
        raise ConfigError([*problems, f"{name}: {ending}[study] name another value"])
    return changes


def apply(
    db: Database, study: Study, file: StudyFile, changes: list[Change], found: Inspection
) -> Study:
    """Write what applies of a changed file, and code that was mended, into the study."""
    keys = [change.key for change in changes if change.effect == "applies"]
    record = {**study.config, "inspection": asdict(found)}
    if not keys and record == study.config:
        return study
    before = stored(study).file
    added = config.added_trials(before, file)
    record["file"] = _replaced(record["file"], config.to_dict(file), keys)
    record["file"]["trials"] = before.trials + added
    changed = studies.change_config(db, study, record, _queued(file, added))
    if changed.config != record:  # another launch was a moment faster
        return apply(db, changed, file, config.differences(stored(changed).file, file), found)
    if any(key.startswith("study.") for key in keys):
        studies.set_limits(db, study, **budget(file))
    return changed


def budget(file: StudyFile) -> dict[str, Any]:
    """The limits of a study file, in the units of the database."""
    hours, gpu_hours = file.study.hours, file.study.gpu_hours
    return {
        "trials": file.study.trials,
        "seconds": None if hours is None else hours * SECONDS_PER_HOUR,
        "gpu_seconds": None if gpu_hours is None else gpu_hours * SECONDS_PER_HOUR,
    }


def check_artifacts(file: StudyFile, name: str) -> None:
    """See that the place of checkpoints and models can be written to, and leave nothing there.

    Raises:
        ConfigError: it can't.
        ArtifactError: likewise, of a bucket.
    """
    if bucket.is_bucket(file.study.artifacts):
        bucket.probe(file.study.artifacts)
        return
    folder = paths.expanded(file.study.artifacts).resolve() / file.study.name
    there = next(parent for parent in (folder, *folder.parents) if os.path.lexists(parent))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        why = "can't be written to" if there.is_dir() else "is no folder"
        received = f'received "{file.study.artifacts}", but {there} {why}'
        raise ConfigError([f"{name}: [study] artifacts: {received}, expected a folder to write to"])


def with_seed(file: StudyFile, seed: int) -> StudyFile:
    """The same file with another seed."""
    section = file.study.model_copy(update={"seed": seed})
    return file.model_copy(update={"study": section})


def written(value: Any) -> str:
    """A value as a study file has it; nothing where it is not written."""
    return "nothing" if value is None else spelling.as_toml(value)


def _new_place(file: StudyFile) -> str:
    """A place of its own for checkpoints and models: another database may know the name too."""
    if bucket.is_bucket(file.study.artifacts):
        return f"{file.study.artifacts.rstrip('/')}/{file.study.name}-{uuid.uuid4().hex[:8]}"
    parent, name = paths.expanded(file.study.artifacts).resolve(), file.study.name
    for count in itertools.count(2):
        with contextlib.suppress(FileExistsError):
            (parent / name).mkdir(parents=True)
            break
        name = f"{file.study.name}-{count}"
    return str(parent / name)


def _first(file: StudyFile, learned: dict[str, Any]) -> list[Queued]:
    """What runs before the search: the fixed trials; then, unless on a grid, the best that another
    study has found, or the family's textbook configuration."""
    queued = _queued(file, file.trials)
    if file.search.first == "none" or file.search.sampler == "grid":
        return queued
    if learned.get("trials"):
        return [*queued, Queued(learned["trials"][0]["params"])]
    family = file.model.family
    space = read_space(dict(file.space), family=family)
    return [*queued, Queued(space.params(dict(hyperparameters.textbook(family))))]


def _queued(file: StudyFile, trials: list[dict[str, Any]]) -> list[Queued]:
    """Fixed trials of a study file as its queue takes them."""
    space = read_space(dict(file.space), family=file.model.family)
    return [
        Queued(trial.params, {fixed.NAME: trial.name} if trial.name else {})
        for trial in fixed.read(trials, space)
    ]


def _refusals(changes: list[Change], name: str) -> Iterator[str]:
    for change in changes:
        table, _, key = change.key.partition(".")
        new, old = written(change.new), written(change.old)
        yield f"{name}: [{table}] {key}: received {new}, expected {old}"


def _replaced(old: dict[str, Any], new: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    tables = {
        table: dict(content) if isinstance(content, dict) else content
        for table, content in old.items()
    }
    for key in keys:
        table, _, name = key.partition(".")
        if name:
            tables[table][name] = new[table].get(name)
    return tables
