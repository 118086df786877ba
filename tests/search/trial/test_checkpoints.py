"""A trial's checkpoints while its workers are killed, fenced off, and left without room."""

import os
import time
import uuid
from types import SimpleNamespace

import pytest

from studyhall.search.study import record
from studyhall.search.trial.checkpoints import Checkpoints
from studyhall.search.trial.context import Outcome
from studyhall.search.trial.trainings import TrialProgress
from studyhall.storage.artifacts import atomic_files
from studyhall.storage.artifacts.artifact_store import ArtifactStore
from studyhall.storage.artifacts.atomic_files import ArtifactError
from studyhall.storage.leases.silence import Terms
from studyhall.storage.queries import records, status
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore

EVERY_EPOCH = {"epochs": 6, "patience": "none", "checkpoint_every_s": 0}


class Killed(BaseException):
    """Nothing catches it: the worker is gone."""


@pytest.fixture
def study(studio):
    return studio.study(study={"trials": 1}, training=EVERY_EPOCH)


def everything(study):
    """The names of all files of the study's folder, unfinished ones too, but for its marker."""
    own = ("logs", study.config["artifacts_marker"])
    return sorted(name for name in os.listdir(record.objects(study).root) if name not in own)


def while_writing(monkeypatch):
    """The object is half written."""

    def die(path, data, **_):
        path.with_name(f".unfinished-{uuid.uuid4().hex}-{path.name}").write_bytes(data[:100])
        raise Killed

    monkeypatch.setattr(atomic_files, "write_whole", die)


def before_the_pointer_moves(monkeypatch):
    def die(*_):
        raise Killed

    monkeypatch.setattr(TrialStore, "checkpoint", die)


def before_the_old_one_goes(monkeypatch):
    def die(*_):
        raise Killed

    monkeypatch.setattr(ArtifactStore, "remove", die)


def before_the_folder_is_tidied(monkeypatch):
    def die(*_):
        raise Killed

    monkeypatch.setattr("studyhall.search.trial.disk_quota.Keeper.tidy", die)


def killed(studio, study, monkeypatch, how, at=4):
    """A worker dies while it saves this epoch's checkpoint; another one takes the trial."""
    objective = studio.worker(study)
    save = Checkpoints.save
    with monkeypatch.context() as dying:

        def last(self, progress, part, run, carried):
            if run.history[-1].number == at:
                how(dying)
            save(self, progress, part, run, carried)

        dying.setattr(Checkpoints, "save", last)
        dying.setattr(TrialStore, "release", lambda *_: None)
        with pytest.raises(Killed):
            objective.run(objective.context.store.claim())
    objective.context.store._holding.heartbeat.stop()
    return taken_over(studio, study, monkeypatch)


def taken_over(studio, study, monkeypatch):
    """The next worker, to which everybody else is silent, and its claim."""
    objective = studio.worker(study)
    monkeypatch.setattr(objective.context.store, "_terms", Terms(0.0, 3, 0.0))
    claim = objective.context.store.claim()
    assert isinstance(claim, Claim)
    return objective, claim


@pytest.mark.parametrize(
    ("how", "lost"),
    [
        (while_writing, 1),
        (before_the_pointer_moves, 1),
        (before_the_old_one_goes, 0),
        (before_the_folder_is_tidied, 0),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_kill_costs_the_epochs_since_and_leaves_nothing(studio, study, monkeypatch, how, lost):
    whole = studio.study(study={"name": "whole", "trials": 1}, training=EVERY_EPOCH)
    studio.finish(whole)
    objective, claim = killed(studio, study, monkeypatch, how)
    assert (status.status(studio.db, study).running[0].epoch, len(claim.history)) == (4, 4)
    left = []
    save = Checkpoints.save

    def look(self, progress, part, run, carried):
        save(self, progress, part, run, carried)
        left.append(everything(study))

    monkeypatch.setattr(Checkpoints, "save", look)
    assert objective.run(claim) is Outcome.COMPLETE
    assert len(left[0]) == 1 and left[0][0].startswith("checkpoint-iris-0-"), left[0]
    (one,), (other,) = records.trials(studio.db, whole), records.trials(studio.db, study)
    assert (other.value, other.epochs) == (one.value, one.epochs)
    assert other.repeated_epochs == lost
    assert [name[:11] for name in everything(study)] == ["model-iris-"]


def test_whoever_finds_the_lease_lost_takes_its_checkpoint_along(studio, study, monkeypatch):
    """And leaves that of the trial's new worker alone."""
    slow = studio.worker(study)
    claim = slow.context.store.claim()
    slow.context.store._holding.heartbeat.stop()
    checkpoint = TrialStore.checkpoint
    theirs = []

    def taken_meanwhile(store, held, pointer, epoch, fold=0):
        if held is claim and epoch == 3:
            quick, taken = taken_over(studio, study, monkeypatch)
            theirs.append(quick.context.artifacts.write("checkpoint", "iris-0", b"theirs"))
            checkpoint(quick.context.store, taken, theirs[0], 3)
        return checkpoint(store, held, pointer, epoch, fold)

    monkeypatch.setattr(TrialStore, "checkpoint", taken_meanwhile)
    assert slow.run(claim) is Outcome.LOST
    (running,) = status.status(studio.db, study).running
    assert running.checkpoint == theirs[0] and theirs[0] in everything(study)
    assert len(everything(study)) == 2  # the one before goes with the new worker's next


def test_models_that_can_go_make_room_for_a_checkpoint(studio, monkeypatch):
    study = studio.study(study={"trials": 4, "keep_models": 3}, training=EVERY_EPOCH)
    objective = studio.worker(study)
    for _ in range(3):
        objective.run(objective.context.store.claim())
    models = {name for name in everything(study) if name.startswith("model-")}
    assert len(models) == 3
    write = atomic_files.write_whole

    def full(path, data, **named):
        if len(models & set(everything(study))) > 1:
            raise ArtifactError(f"{path}: No space left on device")
        write(path, data, **named)

    monkeypatch.setattr(atomic_files, "write_whole", full)
    claim = objective.context.store.claim()
    best = status.status(studio.db, study).incumbent
    assert objective.run(claim) is Outcome.COMPLETE
    assert claim.checkpoint is not None
    assert models & set(everything(study)) == {best.attributes["model"]}


def test_a_limit_that_is_too_small_is_told_once_and_nothing_needed_goes(studio, caplog):
    study = studio.study(
        study={"trials": 3, "artifacts_max_gib": 1e-9}, training={**EVERY_EPOCH, "epochs": 3}
    )
    studio.finish(study)
    assert caplog.text.count("[study] artifacts_max_gib: received 1e-09, expected ") == 1
    best = status.status(studio.db, study).incumbent
    assert everything(study) == [best.attributes["model"]]


def test_as_many_models_stay_as_asked_for(studio):
    study = studio.study(study={"trials": 6, "keep_models": 2})
    studio.finish(study)
    ended = sorted(records.trials(studio.db, study), key=lambda trial: trial.value)
    kept = [trial.attributes["model"] for trial in ended[:2]]
    assert everything(study) == sorted(kept)
    assert all("model" not in trial.attributes for trial in ended[2:])


def test_on_a_full_disk_the_older_checkpoint_stands(studio, small_disk, caplog):
    """A real one: there is room for one checkpoint, and never for two."""
    training, space = {**EVERY_EPOCH, "epochs": 5}, {"width": 64, "learning_rate": 0.01}
    whole, study = (
        studio.study(
            study={"name": name, "trials": 1, "artifacts": str(folder)},
            training=training,
            space=space,
        )
        for name, folder in (("whole", studio.folder), ("study", small_disk(130 * 1024)))
    )
    studio.finish(whole)
    objective = studio.worker(study)
    claim = objective.context.store.claim()
    report = objective.context.store.report

    def asked_after_three(held, epoch, *others, **named):
        if epoch == 3:
            objective.context.stop.ask()
        return report(held, epoch, *others, **named)

    objective.context.store.report = asked_after_three
    assert objective.run(claim) is Outcome.HANDED_BACK
    assert caplog.text.count("trial 0: can't write a checkpoint: ") == 1
    assert "No space left on device" in caplog.text
    (left,) = status.status(studio.db, study).running
    assert (left.epoch, everything(study)) == (3, [left.checkpoint])
    assert studio.finish(study) == [Outcome.COMPLETE]
    (one,), (other,) = records.trials(studio.db, whole), records.trials(studio.db, study)
    assert (other.value, other.epochs, other.repeated_epochs) == (one.value, one.epochs, 2)


@pytest.mark.parametrize("every_s", [0, 0.001])
def test_what_takes_long_is_saved_more_rarely(studio, every_s):
    study = studio.study(study={"trials": 1}, training={"checkpoint_every_s": every_s})
    context = studio.worker(study).context

    class Slow:
        history = (SimpleNamespace(number=1),)

        def save(self):
            time.sleep(0.1)  # 2 % of 5 s
            return b"state"

    slow = Checkpoints(context, context.store.claim(), 0)
    slow.save(TrialProgress(), 0, Slow())
    time.sleep(0.01)
    assert slow.is_due(2) is (every_s == 0)


@pytest.mark.parametrize("parts", [{"data": {"folds": 2}}, {"training": {"repeats": 2}}], ids=str)
def test_a_kill_in_a_later_part_costs_no_epoch_before_its_checkpoint(studio, monkeypatch, parts):
    training = {**EVERY_EPOCH, **parts.get("training", {})}
    whole, study = (
        studio.study(study={"name": n, "trials": 1}, training=training, data=parts.get("data", {}))
        for n in ("whole", "broken")
    )
    studio.finish(whole)
    objective = studio.worker(study)
    report = objective.context.store.report

    def last(claim, epoch, *others, fold, **named):
        if (fold, epoch) == (1, 5):
            raise Killed
        return report(claim, epoch, *others, fold=fold, **named)

    objective.context.store.report = last
    objective.context.store.release = lambda *_, **__: None
    with pytest.raises(Killed):
        objective.run(objective.context.store.claim())
    objective.context.store._holding.heartbeat.stop()
    again, claim = taken_over(studio, study, monkeypatch)
    assert again.run(claim) is Outcome.COMPLETE
    (one,), (other,) = records.trials(studio.db, whole), records.trials(studio.db, study)
    assert (other.value, other.epochs, other.repeated_epochs) == (one.value, 12, 0)
