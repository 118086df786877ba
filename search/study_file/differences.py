"""Differences between a study file and the existing study of that name, and their effects.

The values of all trials must be comparable, or the best trial means nothing. So a change of what
defines the value is refused (the changed study needs another name), a change of how the search
continues applies from now on, and what was fixed at the start is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from studyhall.search.study_file.sections import StudyFile

Effect = Literal["applies", "kept", "refused"]

# Table or "table.key" -> effect; an entry for a key takes precedence over its table's.
EFFECTS: dict[str, Effect | None] = {
    "study": "applies",  # trials, hours, gpu_hours
    "study.name": None,  # another name means another study
    "study.storage": None,  # the study's database; its URL may be written in several ways
    "study.objective": "refused",
    "study.direction": "refused",
    "study.seed": "kept",  # it determined the split and the trials so far
    "study.artifacts": "kept",  # checkpoints and models are there already
    "data": "refused",
    "model": "refused",
    "space": "refused",
    "training": "refused",
    "training.trial_minutes": "applies",  # a safeguard that most trials never reach
    "training.metrics": "applies",  # recorded besides the value
    "training.engine": "applies",  # does not change the results
    "training.xla": "applies",
    "training.checkpoint_every_epochs": "applies",
    "training.checkpoint_every_s": "applies",
    "training.tensorboard": "applies",
    "training.mlflow": "applies",
    "search": "applies",  # any sampler and pruner can use the results so far
    "search.first": "kept",  # decided at the start, when trials were queued
    "search.warm_start": "kept",  # its trials were copied into the study's record at the start
    "workers": "applies",
}


@dataclass(frozen=True)
class Change:
    """One key that differs.

    Attributes:
        key: ``table.key``.
        old, new: Its values in the stored study and in the file; None if it is not written.
        effect: "applies" from now on, "kept" (the old value remains), or "refused" (the change
            needs another study).
    """

    key: str
    old: Any
    new: Any
    effect: Effect


def differences(old: StudyFile, new: StudyFile) -> list[Change]:
    """Return every key that differs between a stored study and a study file, in file order."""
    before, after = dict(_keys(old)), dict(_keys(new))
    found: list[Change] = []
    for key in [*before, *(key for key in after if key not in before)]:
        effect = EFFECTS.get(key, EFFECTS[key.partition(".")[0]])
        if key == "training.backend" and after.get(key) == "auto":
            continue  # that of the study
        if effect and before.get(key) != after.get(key):
            found.append(Change(key, before.get(key), after.get(key), effect))
    return [*found, *_of_fixed_trials(old, new)]


def added_trials(old: StudyFile, new: StudyFile) -> list[dict[str, Any]]:
    """Return the fixed trials in `new` that `old` does not have."""
    return [trial for trial in new.trials if trial not in old.trials]


def _of_fixed_trials(old: StudyFile, new: StudyFile) -> Iterator[Change]:
    """Yield changes of fixed trials: new ones are queued; removed ones remain in the study."""
    if added := added_trials(old, new):
        yield Change("trials", None, added, "applies")
    if gone := added_trials(new, old):
        yield Change("trials", gone, None, "kept")


def _keys(study_file: StudyFile) -> Iterator[tuple[str, Any]]:
    for table, section in study_file.model_dump(mode="json", exclude={"trials"}).items():
        for key, value in section.items():
            yield f"{table}.{key}", value
