"""What a changed study file would change in a study that exists, and whether it may.

A trial's value must mean the same from the first trial to the last, or the best of them means
nothing. So what defines the value is refused (give the changed study another name), what only
decides how the search goes on applies from now on, and what was fixed at the start is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from studyhall.search.study_file.sections import StudyFile

Effect = Literal["applies", "kept", "refused"]

# Table or "table.key" -> effect; the longer name wins.
EFFECTS: dict[str, Effect | None] = {
    "study": "applies",  # trials, hours, gpu_hours
    "study.name": None,  # another name is another study
    "study.storage": None,  # where the study was found, however that is spelt
    "study.objective": "refused",
    "study.direction": "refused",
    "study.seed": "kept",  # it has split the data and begun the trials
    "study.artifacts": "kept",  # checkpoints and models lie there
    "data": "refused",
    "model": "refused",
    "space": "refused",
    "training": "refused",
    "training.trial_minutes": "applies",  # a guard: most trials never meet it
    "training.metrics": "applies",  # shown beside the value
    "training.engine": "applies",  # the numbers stay the same
    "training.xla": "applies",
    "training.checkpoint_every_epochs": "applies",
    "training.checkpoint_every_s": "applies",
    "search": "applies",  # the results so far serve any sampler and any pruner
    "search.first": "kept",  # it has been queued, or not, at the start
    "search.warm_start": "kept",  # what it gave has been written down
    "workers": "applies",
}


@dataclass(frozen=True)
class Change:
    """One key that differs, as ``table.key``; None stands for what is not written.

    ``effect``: "applies" from now on, "kept" as it was, or "refused": it needs another study.
    """

    key: str
    old: Any
    new: Any
    effect: Effect


def differences(old: StudyFile, new: StudyFile) -> list[Change]:
    """Every key whose value differs between a stored study and a study file, in file order."""
    before, after = dict(_keys(old)), dict(_keys(new))
    found: list[Change] = []
    for key in [*before, *(key for key in after if key not in before)]:
        effect = EFFECTS.get(key, EFFECTS[key.partition(".")[0]])
        if effect and before.get(key) != after.get(key):
            found.append(Change(key, before.get(key), after.get(key), effect))
    return [*found, *_of_fixed_trials(old, new)]


def added_trials(old: StudyFile, new: StudyFile) -> list[dict[str, Any]]:
    """Fixed trials that a study doesn't know yet."""
    return [trial for trial in new.trials if trial not in old.trials]


def _of_fixed_trials(old: StudyFile, new: StudyFile) -> Iterator[Change]:
    """New ones are queued; those that are gone have been, and stay."""
    if added := added_trials(old, new):
        yield Change("trials", None, added, "applies")
    if gone := added_trials(new, old):
        yield Change("trials", gone, None, "kept")


def _keys(study_file: StudyFile) -> Iterator[tuple[str, Any]]:
    for table, section in study_file.model_dump(mode="json", exclude={"trials"}).items():
        for key, value in section.items():
            yield f"{table}.{key}", value
