"""The objects of a study that are kept: those in use, the best first, as far as they fit."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studyhall.storage.artifacts import artifact_store, retention
from studyhall.storage.artifacts.artifact_store import ArtifactStore
from studyhall.storage.database import Database
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import records
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore
from tests.plain_store import plain_store

GIB = 2**30
Finish = Callable[[float], str]


@pytest.fixture
def study(db: Database) -> Study:
    return studies.create(db, "study", config={}, seed=0, trials=20)[0]


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return artifact_store.open_store(tmp_path / "artifacts")


@pytest.fixture
def trials(db: Database, study: Study) -> Iterator[TrialStore]:
    made = plain_store(db, study, Worker("worker", "host", 1, "cpu"))
    yield made
    made.close()


def claimed(trials: TrialStore) -> Claim:
    claim = trials.claim()
    assert isinstance(claim, Claim)
    claim.trial.suggest_float("x", 0.0, 1.0)
    return claim


def pointed(trials: TrialStore, store: ArtifactStore, claim: Claim, size: int = 100) -> str:
    """A checkpoint of the trial, with its pointer."""
    name = store.write("checkpoint", f"study-{claim.number}", b"x" * size)
    trials.checkpoint(claim, name, 1)
    return name


@pytest.fixture
def finish(trials: TrialStore, store: ArtifactStore) -> Finish:
    """Ends one more trial with this value and a model of 100 bytes; the model's name."""

    def one(value: float) -> str:
        claim = claimed(trials)
        trials.report(claim, 1, value, {})
        name = store.write("model", f"study-{claim.number}", b"x" * 100, ".keras")
        trials.tell(claim, "COMPLETE", value, attributes={"model": name})
        return name

    return one


def test_what_the_folds_predict_stays_longer_than_the_model(
    db: Database, study: Study, store: ArtifactStore, trials: TrialStore
) -> None:
    models, predictions = [], []
    for value in (0.3, 0.2, 0.1):
        claim = claimed(trials)
        trials.report(claim, 1, value, {})
        owner = f"study-{claim.number}"
        names = {kind: store.write(kind, owner, b"x" * 100) for kind in ("model", "predictions")}
        assert retention.survey(db, study, store).orphans == []  # its pointer is on the way
        trials.tell(claim, "COMPLETE", value, attributes=names)
        models.append(names["model"])
        predictions.append(names["predictions"])
    assert tidied(db, study, store, 3, predictions=3) == {*models, *predictions}
    assert retention.survey(db, study, store).needed_bytes == 200
    assert tidied(db, study, store, 2, predictions=3) == {*models[1:], *predictions}
    assert tidied(db, study, store, 2, 450, 3) == {*models[1:], *predictions[1:]}
    assert tidied(db, study, store, 2, 350, 3) == {*models[1:], predictions[2]}
    assert tidied(db, study, store) == {models[2], predictions[2]}
    kept = [{"model", "predictions"} & t.attributes.keys() for t in records.trials(db, study)]
    assert kept == [set(), set(), {"model", "predictions"}]


def tidied(
    db: Database,
    study: Study,
    store: ArtifactStore,
    models: int = 1,
    size: int = GIB,
    predictions: int = 1,
) -> set[str]:
    kept = {"keep_models": models, "keep_predictions": predictions}
    retention.tidy(db, study, store, **kept, max_bytes=size)
    return {stored.name for stored in store.objects()}


def test_the_best_models_stay(
    db: Database, study: Study, store: ArtifactStore, finish: Finish
) -> None:
    names = [finish(value) for value in (0.5, 0.3, 0.9, 0.3, 0.1)]
    assert tidied(db, study, store, models=9) == set(names)
    assert tidied(db, study, store, models=3) == {names[4], names[1], names[3]}
    assert tidied(db, study, store, models=2) == {names[4], names[1]}  # the earlier of equals
    assert tidied(db, study, store, models=1) == {names[4]}
    pointers = [trial.attributes.get("model") for trial in records.trials(db, study)]
    assert pointers == [None, None, None, None, names[4]]


def test_the_worst_go_first_until_the_rest_fits(
    db: Database,
    study: Study,
    store: ArtifactStore,
    trials: TrialStore,
    finish: Finish,
) -> None:
    names = [finish(value) for value in (0.5, 0.3, 0.9, 0.2)]
    checkpoint = pointed(trials, store, claimed(trials))
    (store.root / "best").mkdir()
    (store.root / "best" / "model.keras").write_bytes(b"x" * 50)
    best, second, third, worst = names[3], names[1], names[0], names[2]
    assert tidied(db, study, store, 9, 550) == {checkpoint, best, second, third, worst}
    assert tidied(db, study, store, 9, 549) == {checkpoint, best, second, third}
    assert tidied(db, study, store, 9, 350) == {checkpoint, best, second}
    excess = retention.tidy(db, study, store, keep_models=9, max_bytes=200)
    assert excess == 50  # it says so, and keeps what can't be done without
    assert tidied(db, study, store, 9, 1) == {checkpoint, best}
    assert (store.root / "best" / "model.keras").exists()


@pytest.mark.parametrize("ahead_s", [0.0, -7200.0, 7200.0])
def test_objects_without_a_pointer_go_when_nobody_can_mean_them_any_more(
    db: Database,
    study: Study,
    store: ArtifactStore,
    trials: TrialStore,
    finish: Finish,
    monkeypatch: pytest.MonkeyPatch,
    ahead_s: float,
) -> None:
    """At once if their trial has ended; else when no pointer can be on its way any more.

    The machine's own clock may be far from that of the disk.
    """
    there = time.time()
    monkeypatch.setattr(time, "time", lambda: there + ahead_s)
    model = finish(0.5)
    claim = claimed(trials)
    checkpoint = pointed(trials, store, claim)
    of_the_ended = [
        store.write("model", "study-0", b"x", ".keras"),
        store.write("checkpoint", "study-0", b"x"),
    ]
    on_their_way = [store.write(kind, "study-1", b"x") for kind in ("model", "checkpoint")]
    assert tidied(db, study, store) == {model, checkpoint, *on_their_way}
    assert not set(of_the_ended) & {stored.name for stored in store.objects()}
    then = there - retention.IN_FLIGHT_S - 1
    for name in [*on_their_way, checkpoint, model]:
        os.utime(store.path(name), (then, then))
    assert tidied(db, study, store) == {model, checkpoint}


def test_what_others_have_put_there_stays(
    db: Database, study: Study, store: ArtifactStore, finish: Finish
) -> None:
    """The dashboard's uploads, for one; they count, too."""
    finish(0.5)
    for name in ("9d1f0c2e", "checkpoint-of-mine.bin"):
        store.path(name).write_bytes(b"x" * 10)
        os.utime(store.path(name), (0, 0))
    assert {"9d1f0c2e", "checkpoint-of-mine.bin"} < tidied(db, study, store, 1, 0)
    assert retention.tidy(db, study, store, keep_models=1, max_bytes=100) == 20


def test_a_kill_between_pointer_and_object_leaves_what_goes_the_next_time(
    db: Database,
    study: Study,
    store: ArtifactStore,
    finish: Finish,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beaten, best = finish(0.5), finish(0.3)
    with monkeypatch.context() as killed:
        killed.setattr(ArtifactStore, "remove", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            tidied(db, study, store)
    assert "model" not in records.trials(db, study)[0].attributes  # no pointer leads nowhere
    assert {stored.name for stored in store.objects()} == {beaten, best}
    assert tidied(db, study, store) == {best}


def test_who_is_among_the_best(db: Database, study: Study, finish: Finish) -> None:
    assert retention.is_among_best(db, study, 9.0, 0, models=1)
    for value in (0.5, 0.3):
        finish(value)
    for value, number, models, expected in [
        (0.2, 2, 1, True),
        (0.3, 0, 1, True),  # of equals the earlier one
        (0.3, 2, 1, False),
        (0.4, 2, 2, True),
        (0.6, 2, 2, False),
        (0.6, 2, 3, True),
    ]:
        found = retention.is_among_best(db, study, value, number, models)
        assert found == expected, (value, number, models)
