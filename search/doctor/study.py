"""The findings on a study: its workers, abandoned trials, artifacts and proof."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from studyhall.search.display import words
from studyhall.search.doctor.finding import Finding, size
from studyhall.search.evaluation import proof_result, winner
from studyhall.search.process import disk, keras_settings
from studyhall.search.study import record
from studyhall.search.trial import disk_quota
from studyhall.spaces import spelling
from studyhall.storage.artifacts import bucket, retention
from studyhall.storage.artifacts.atomic_files import ArtifactError
from studyhall.storage.artifacts.retention import Survey
from studyhall.storage.database import Database, urls
from studyhall.storage.queries import records, status
from studyhall.storage.queries.at_work import Running
from studyhall.storage.queries.status import Status
from studyhall.storage.studies import studies
from studyhall.storage.studies.adoption import FOREIGN
from studyhall.storage.studies.rows import Study

COPY_DIFFERS = "copy_differs"  # attribute of a trial whose compiled copy predicted differently


@dataclass(frozen=True)
class Examined:
    """The examined state of a study.

    Attributes:
        study: the study.
        status: its status.
        go_on: the command that continues it.
        silence_s: seconds without a heartbeat after which a worker counts as gone.
        objects: the artifacts in its folder; None if this machine can't read them.
        copies_differ: the number of trials whose compiled copies differed from their models.
        proof: the proof of its current best model, or None.
        moved_to: the database to which it has been moved, or None.
        storage: options that a command needs to find the same database.
    """

    study: Study
    status: Status
    go_on: str
    silence_s: float
    objects: Survey | None
    copies_differ: int = 0
    proof: dict[str, Any] | None = None
    moved_to: str | None = None
    storage: str = ""

    @property
    def alive(self) -> list[str]:
        """The names of the workers with a recent heartbeat."""
        seen = [(one.name, one.silent_s) for one in self.status.workers]
        seen += [(one.worker, one.silent_s) for one in self.status.held]
        return sorted({name for name, silent_s in seen if silent_s < self.silence_s})

    @property
    def silent(self) -> list[Running]:
        """The trials whose workers have no recent heartbeat."""
        return [one for one in self.status.held if one.silent_s >= self.silence_s]

    @property
    def findings(self) -> list[Finding]:
        """All findings on the study."""
        if self.moved_to is not None:
            do = f"studyhall delete {self.study.name}{self.storage} leaves the artifacts there"
            about, says = f'study "{self.study.name}"', f"was moved to {self.moved_to}"
            return [Finding(about, says, do)]
        engine = [*_trials(self), *_engine(self)]
        here = [*_standing(self), *_backend(self)]
        return [*here, *_workers(self), *engine, *_folder(self), *_proof(self)]


def examine(db: Database, study: Study, go_on: str) -> Examined:
    """Examine a study without changing anything; ``go_on`` is the command that continues it."""
    silence_s = record.stored(study).file.workers.silence
    found, proof = winner.read(db, study), studies.facts(db, study).get("proof")
    mine = found is not None and proof and proof.get("model_sha256") == found.model_sha256
    state, survey = status.status(db, study), _survey(db, study)
    differ = records.count_with(db, study, COPY_DIFFERS)
    shown = proof if mine else None
    moved = record.moved_to(db, study)
    at = urls.storage_option(str(db))
    return Examined(study, state, go_on, silence_s, survey, differ, shown, moved, at)


def to_json(found: Examined) -> dict[str, Any]:
    """Return a study's state as JSON-able values."""
    objects, folder = found.objects, record.stored(found.study).artifacts
    return {
        "study": found.study.name,
        "left": found.status.left,
        "stopping": found.status.stopping,
        "workers": found.alive,
        "silent": [one.number for one in found.silent],
        "waiting": [one.number for one in found.status.running if not one.held],
        "artifacts": str(folder),
        "proven": None if found.proof is None else proof_result.holds(found.proof),
        "free_bytes": disk.free_bytes(folder),
        "needed_bytes": objects.needed_bytes if objects else None,
        "copies_differ": found.copies_differ,
        "orphans": len(objects.orphans) if objects else None,
        "orphan_bytes": sum(stored.size for stored in objects.orphans) if objects else None,
    }


def _survey(db: Database, study: Study) -> Survey | None:
    try:
        return retention.survey(db, study, bucket.looking(study.config["artifacts"]))
    except ArtifactError:
        return None


def _standing(found: Examined) -> Iterator[Finding]:
    state, about = found.status, f'study "{found.study.name}"'
    done = f"has {state.finished} of {state.limit} trials"
    if state.spent:
        yield Finding(about, f"{done} and is finished")
    elif state.stopping:
        yield Finding(about, f"{done} and was stopped; to continue", found.go_on)
    elif found.alive:
        yield Finding(about, f"{done} and is running")
    else:
        yield Finding(about, f"{done} and no workers; to continue", found.go_on)


def _backend(found: Examined) -> Iterator[Finding]:
    wanted = record.stored(found.study).file.training.backend
    if not found.status.spent and not keras_settings.is_installed(wanted):
        what = f"computes with {wanted}, which this machine lacks"
        do = f"pip install {keras_settings.package(wanted)}"
        yield Finding(f'study "{found.study.name}"', what, do, needs_you=True)


def _workers(found: Examined) -> Iterator[Finding]:
    trials = {one.worker: one for one in found.status.held}
    for one in found.status.workers:
        trial = trials.get(one.name)
        what = f"with trial {trial.number}, epoch {trial.epoch}" if trial else "between two trials"
        heard = f"on {one.device}, {what}, last heartbeat {words.duration(one.silent_s)} ago"
        gone = one.silent_s >= found.silence_s
        yield Finding(
            f"worker {one.name}",
            heard,
            "it is gone, and will be removed from the list within a day" * gone,
        )


def _trials(found: Examined) -> Iterator[Finding]:
    for one in found.silent:
        says = f"has had no heartbeat from {one.worker} for {words.duration(one.silent_s)}"
        do = "the next worker takes it over"
        if not found.alive and not found.status.stopping:
            do += f"; none is running: {found.go_on}"
        yield Finding(f"trial {one.number}", says, do, needs_you=not found.alive)
    for one in found.status.running:
        if not one.held:
            says = f"is waiting for {words.awaited(one)} since epoch {one.epoch}"
            yield Finding(f"trial {one.number}", says, _continued(found, one))
        if one.lost > 1:
            yield Finding(f"trial {one.number}", f"has lost {one.lost} workers", _logs(found))


def _continued(found: Examined, waiting: Running) -> str:
    """Return how a trial goes on that waits for a worker."""
    if not found.alive:
        return found.go_on
    if not waiting.needs_larger:
        return "the next free worker continues it"
    gone = words.duration(found.silence_s)
    return f"such a worker continues it; it fails once none has been alive for {gone}"


def _engine(found: Examined) -> Iterator[Finding]:
    if found.copies_differ:
        says = "had a compiled copy whose predictions differed from the model's"
        do = "Keras' own fit trained them instead: slower, but correct"
        yield Finding(spelling.counted(found.copies_differ, "trial"), says, do)


def _logs(found: Examined) -> str:
    return f"their logs are in {record.stored(found.study).artifacts / 'logs'}"


def _folder(found: Examined) -> Iterator[Finding]:
    stored, objects = record.stored(found.study), found.objects
    if objects is None:
        do = "run this on the machine that has the folder, or mount it here"
        yield Finding("artifacts", f"not found at {stored.artifacts}", do, needs_you=True)
        return
    free = disk.free_bytes(stored.artifacts)
    left = f", {size(free)} of free disk space" if free is not None else ""
    yield Finding("artifacts", f"in {stored.artifacts}: {size(objects.needed_bytes)} needed{left}")
    if shortage := disk.shortage(stored.artifacts):
        yield Finding("artifacts", "have little free disk space", shortage, needs_you=True)
    max_gib = stored.file.study.artifacts_max_gib
    excess = objects.needed_bytes - round(max_gib * disk_quota.GIB)
    if excess > 0:
        says = f"need {size(excess)} more than allowed"
        yield Finding("artifacts", says, disk_quota.too_small(max_gib, excess), needs_you=True)
    yield from _objects(found, objects)


def _objects(found: Examined, objects: Survey) -> Iterator[Finding]:
    if objects.orphans:
        lost = size(sum(stored.size for stored in objects.orphans))
        says = f"hold {len(objects.orphans)} orphaned objects, {lost}"
        do = "the next save removes them" if found.alive else f"{found.go_on} removes them"
        yield Finding("artifacts", says, do)
    names = {stored.name for stored in objects.checkpoints}
    for one in found.status.running:
        if one.checkpoint is not None and one.checkpoint not in names:
            says = f"has lost its checkpoint {one.checkpoint}"
            yield Finding(f"trial {one.number}", says, "its next worker restarts it")
    best = found.status.incumbent
    # Another tool keeps its models itself, and an objective of the user's own may have none.
    known = FOREIGN not in found.study.config and record.is_measured_again(found.study)
    if known and best is not None and best.number not in {model.number for model in objects.models}:
        why = best.attributes.get("model_error", "its file is gone")
        says = f"the best, has no saved model ({why})"
        yield Finding(f"trial {best.number},", says, "it can't be exported", needs_you=True)


def _proof(found: Examined) -> Iterator[Finding]:
    """Yield a finding if the proof of the best model has failed."""
    if found.proof is not None and not proof_result.holds(found.proof):
        says = f"is not proven: {proof_result.why_not(found.proof)}"
        do = proof_result.instead(found.study.name, found.proof, found.storage)
        yield Finding("the best model", says, do, needs_you=True)
