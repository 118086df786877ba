"""Creation of a study in the database from a checked study file, and changes of an existing one."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from studyhall.search.study import chosen_backend, fingerprints
from studyhall.search.study.fingerprints import Inspection
from studyhall.search.study.record import stored
from studyhall.search.study_file import config, objectives, own_code, paths
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.differences import Change
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import fixed, hyperparameters, spelling
from studyhall.spaces.space import read_space
from studyhall.storage.artifacts import bucket, marker
from studyhall.storage.database import Database, private_files
from studyhall.storage.leases.goal import Goal
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Queued, Study

SECONDS_PER_HOUR = 3600.0


def create(
    db: Database,
    file: StudyFile,
    folder: Path,
    found: Inspection,
    *,
    further: Mapping[str, Any] | None = None,
    queue: Sequence[Queued] = (),
) -> Study:
    """Create the study in the database; of several simultaneous launches, only one creates it.

    Args:
        db: the database.
        file: the checked study file.
        folder: the study file's folder.
        found: the inspection of its data and code.
        further: what else the study's record holds.
        queue: configurations to run first, besides those of the file.

    Returns:
        The study, whether created now or by another launch.

    Raises:
        ConfigError: ``warm_start`` names a study that does not exist or is not comparable.
    """
    from studyhall.search.study import warm_start  # which reads other studies as Optuna does

    file = chosen_backend.settled(file)
    learned = warm_start.known(db, file, found)
    place = new_place(file.study.artifacts, file.study.name)
    record = {
        "file": config.to_dict(file),
        "folder": str(folder.resolve()),
        "artifacts": place,
        "artifacts_marker": marked(place),
        "inspection": asdict(found),
        "warm_start": learned,
        **(further or {}),
    }
    study, created = studies.create(
        db,
        file.study.name,
        config=record,
        seed=file.study.seed,
        directions=objectives.directions(dict(file.study)),
        queue=[*queue, *_first(file, learned)],
        **budget(file),
    )
    if created:
        axis = "study:metric_names"  # Optuna's attribute for the names of the objectives
        named = [*map(own_code.name_of, objectives.of_file(dict(file.study)))]
        if objectives.is_value(named[0]):  # Optuna calls it so by itself
            return study
        db.optuna_storage().set_study_system_attr(study.study_id, axis, named)
    elif not bucket.is_bucket(place):  # another launch was faster: remove the unused folder
        shutil.rmtree(place)
    return study


def compare(
    study: Study, file: StudyFile, found: Inspection, name: str, *, begun: bool = True
) -> list[Change]:
    """Return the differences between a study file and the existing study of that name.

    Args:
        study: the study in the database.
        file: the study file that is launched now.
        found: the inspection of its data and code.
        name: the file's name, for messages.
        begun: True if a trial has a value; before that, the user's code may still change.

    Raises:
        ConfigError: space, model, training, data or code differ, so the study needs another name.
    """
    before = stored(study)
    changes = config.differences(before.file, file)
    refused = [change for change in changes if change.effect == "refused"]
    problems = [*_refusals(refused, name)]
    if not refused:
        known = before.inspection if begun else replace(before.inspection, code=found.code)
        problems += [f"{name}: {line}" for line in fingerprints.differing(known, found)]
    if problems:
        ending = f'study "{study.name}" already exists with the expected values; '
        raise ConfigError([*problems, f"{name}: {ending}to change them, use another [study] name"])
    return changes


def apply(
    db: Database, study: Study, file: StudyFile, changes: list[Change], found: Inspection
) -> Study:
    """Write the applicable changes of a study file, and changed code, into the study's record."""
    keys = [change.key for change in changes if change.effect == "applies"]
    record = {**study.config, "inspection": asdict(found)}
    if not keys and record == study.config:
        return study
    before = stored(study).file
    added = config.added_trials(before, file)
    record["file"] = _replaced(record["file"], config.to_dict(file), keys)
    record["file"]["trials"] = before.trials + added
    changed = studies.change_config(db, study, record, _queued(file, added))
    if changed.config != record:  # another launch changed the record first: compare with it again
        return apply(db, changed, file, config.differences(stored(changed).file, file), found)
    if any(key.startswith("study.") for key in keys):
        studies.set_limits(db, study, **budget(file))
    return changed


def budget(file: StudyFile) -> dict[str, Any]:
    """Return the budget and the goal of a study file, as `studies.create` takes them."""
    hours, gpu_hours, target = file.study.hours, file.study.gpu_hours, file.study.target
    turned = objectives.sign(objectives.directions(dict(file.study))[0])
    cost = None if target is None else turned * target
    return {
        "goal": Goal(cost, file.study.stop_after, file.study.min_improvement),
        "trials": file.study.trials,
        "seconds": None if hours is None else hours * SECONDS_PER_HOUR,
        "gpu_seconds": None if gpu_hours is None else gpu_hours * SECONDS_PER_HOUR,
    }


def marked(place: str) -> str | None:
    """Return the name of a new marker in a folder of artifacts; None for a bucket."""
    return None if bucket.is_bucket(place) else marker.make(Path(place))


def check_artifacts(file: StudyFile, name: str) -> None:
    """Check that checkpoints and models can be written, without leaving anything behind.

    Raises:
        ConfigError: the folder is not writable.
        ArtifactError: the bucket is not writable.
    """
    if bucket.is_bucket(file.study.artifacts):
        bucket.probe(file.study.artifacts)
        return
    folder = Path(usual_place(file))
    there = next(parent for parent in (folder, *folder.parents) if os.path.lexists(parent))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        why = "is not writable" if there.is_dir() else "is not a folder"
        received = f'received "{file.study.artifacts}", but {there} {why}'
        raise ConfigError([f"{name}: [study] artifacts: {received}, expected a writable folder"])


def with_seed(file: StudyFile, seed: int) -> StudyFile:
    """Return a copy of the file with another seed."""
    section = file.study.model_copy(update={"seed": seed})
    return file.model_copy(update={"study": section})


def written(value: Any) -> str:
    """Return a value as TOML, or "nothing" for None, for messages."""
    return "nothing" if value is None else spelling.as_toml(value)


def usual_place(file: StudyFile) -> str:
    """Return where the artifacts of a file's study lie if its name is free there."""
    if bucket.is_bucket(file.study.artifacts):
        return file.study.artifacts
    return str(paths.expanded(file.study.artifacts).resolve() / file.study.name)


def new_place(artifacts: str, name: str) -> str:
    """Return a new folder or prefix for artifacts; another database may have a study so named.

    Args:
        artifacts: `[study] artifacts`; a folder is created in it.
        name: the study's name.
    """
    if bucket.is_bucket(artifacts):
        return f"{artifacts.rstrip('/')}/{name}-{uuid.uuid4().hex[:8]}"
    parent, own = paths.expanded(artifacts).resolve(), name
    for count in itertools.count(2):
        with contextlib.suppress(FileExistsError):
            # Atomic: only one launch gets the folder.
            private_files.make_folder(parent / own, exist_ok=False)
            break
        own = f"{name}-{count}"
    return str(parent / own)


def _first(file: StudyFile, learned: dict[str, Any]) -> list[Queued]:
    """Return the trials that run before the search.

    First the fixed trials; then, unless the sampler is grid, the best trial of ``warm_start``, or
    the family's textbook configuration.
    """
    queued = _queued(file, file.trials)
    if file.search.first == "none" or file.search.sampler == "grid":
        return queued
    if learned.get("trials"):
        return [*queued, Queued(learned["trials"][0]["params"])]
    family = file.model.family
    space = read_space(dict(file.space), family=family)
    return [*queued, Queued(space.params(dict(hyperparameters.textbook(family))))]


def _queued(file: StudyFile, trials: list[dict[str, Any]]) -> list[Queued]:
    """Convert fixed trials of a study file to queued trials."""
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
