"""Trainings beside the search: trials of hidden studies, taken once, fenced, seen by nobody."""

from concurrent.futures import ThreadPoolExecutor

import optuna
import pytest

from studyhall.storage.database import Database
from studyhall.storage.database.companions import CONFIRM, DATACURVE
from studyhall.storage.leases import leases
from studyhall.storage.leases.leases import LeaseLost
from studyhall.storage.leases.silence import Terms
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import records, status
from studyhall.storage.queries.optuna_reader import Reader
from studyhall.storage.sampling import pruning, samplers
from studyhall.storage.studies import retrainings, studies, trash
from studyhall.storage.studies.retrainings import Retraining
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import control
from studyhall.storage.trials.claim import Exhausted, Waiting
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore
from tests.plain_store import held_longer

ANN, BOB = Worker("ann", "one", 1, "cpu"), Worker("bob", "two", 2, "gpu 0", 0.5)
SILENT = Terms(silence_s=-1.0)


@pytest.fixture
def study(db: Database) -> Study:
    directions = ("maximize", "minimize")
    study, _ = studies.create(db, "study", config={}, seed=0, trials=3, directions=directions)
    retrainings.plan(db, study, CONFIRM, wanted(7, 3))
    return study


@pytest.fixture
def store(db, study):
    """Makes the stores of workers that train one purpose."""
    made = []

    def make(worker: Worker, purpose: str = CONFIRM, through: Database = db) -> TrialStore:
        hidden = retrainings.hidden(study, purpose)
        sampler = samplers.named("random", study_seed=0)
        made.append(TrialStore(through, hidden, worker, sampler, pruning.Never(), trial_seed=int))
        return made[-1]

    yield make
    for each in made:
        each.close()


def wanted(*trials: int) -> list[Retraining]:
    return [Retraining(CONFIRM, trial, repeat, 100, 5) for trial in trials for repeat in (0, 1)]


def rows(db: Database, study: Study) -> list[Retraining]:
    return retrainings.read(db, study, CONFIRM)


def claimed(store: TrialStore) -> Claim:
    """A claim of ten seconds ago."""
    claim = store.claim()
    assert isinstance(claim, Claim)
    held_longer(claim, 10.0)
    return claim


def test_each_is_taken_once_the_first_repeats_first(db, study, store):
    ann, bob = store(ANN), store(BOB)
    claims = [claimed(each) for each in (ann, bob, ann, bob)]
    found = [retrainings.of_trial(db, study, CONFIRM, each.lease.trial_id) for each in claims]
    assert [(one.trial, one.repeat) for one in found] == [(3, 0), (7, 0), (3, 1), (7, 1)]
    assert isinstance(ann.claim(), Waiting)
    assert isinstance(store(ANN, DATACURVE), TrialStore)
    with pytest.raises(LookupError):  # nothing was ever planned there
        store(ANN, DATACURVE).claim()
    for claim in claims:
        ann.tell(claim, "COMPLETE", 0.5)
    assert ann.claim() == Exhausted("trials")


def test_a_result_has_its_value_in_the_studys_direction(db, study, store):
    ann = store(ANN)
    ann.tell(claimed(ann), "COMPLETE", -0.9, attributes={"samples": 7})
    ann.tell(claimed(ann), "FAIL", None, attributes={"reason": "out of memory"})
    ann.tell(claimed(ann), "PRUNED", None)
    one, failed, ended, waiting = rows(db, study)
    assert one.result == {"samples": 7, "value": 0.9} and one.worker == "ann"
    assert failed.result == {"reason": "out of memory"} and ended.result == {
        "reason": "it was stopped before its end"
    }
    assert waiting == Retraining(CONFIRM, 7, 1, 100, 5)


def test_whoever_has_lost_one_writes_nothing(db, study, store):
    """As any trial: the fence is the leases' own."""
    ann, bob = store(ANN), store(BOB)
    lost = claimed(ann)
    ann.report(lost, 1, 0.5, {"val_loss": 0.5})
    hidden = retrainings.hidden(study, CONFIRM)
    assert len(control.reap(db, hidden, SILENT)) == 1
    taken = claimed(bob)
    assert (taken.lease.trial_id, taken.attempt) == (lost.lease.trial_id, 2)
    before = rows(db, study), records.history(db, lost.lease.trial_id)
    for write in (
        lambda: ann.report(lost, 2, 0.4, {}),
        lambda: ann.checkpoint(lost, "late", 2),
        lambda: ann.release(lost),
        lambda: ann.tell(lost, "COMPLETE", 0.1),
    ):
        with pytest.raises(LeaseLost):
            write()
    beat = db.transaction(lambda t: leases.beat(t, lost.lease))
    assert beat is None and (rows(db, study), records.history(db, lost.lease.trial_id)) == before
    bob.tell(taken, "COMPLETE", -0.5)
    assert rows(db, study)[0].result["value"] == 0.5


def test_one_that_no_worker_survives_fails_at_last(db, study, store):
    hidden, terms = retrainings.hidden(study, CONFIRM), Terms(silence_s=-1.0, retries=1)
    for worker in (ANN, BOB):
        claimed(store(worker))
        control.reap(db, hidden, terms)
    (one, *_) = rows(db, study)
    assert one.result["reason"].startswith("its workers died 2 times in a row")


def test_a_new_plan_keeps_what_is_begun(db, study, store):
    ann, bob, cid = store(ANN), store(BOB), store(Worker("cid", "one", 3, "cpu"))
    ann.tell(claimed(ann), "COMPLETE", -1.0)
    claimed(bob)
    cid.release(claimed(cid))  # 3, 1, which nobody wants any more
    retrainings.plan(db, study, CONFIRM, wanted(9))
    found = [(one.trial, one.repeat, one.worker) for one in rows(db, study)]
    assert found == [(3, 0, "ann"), (7, 0, "bob"), (9, 0, None), (9, 1, None)]
    retrainings.plan(db, study, CONFIRM, wanted(9))
    assert found == [(one.trial, one.repeat, one.worker) for one in rows(db, study)]
    for repeat in (0, 1):
        claim = claimed(ann)
        one = retrainings.of_trial(db, study, CONFIRM, claim.lease.trial_id)
        assert (one.trial, one.repeat) == (9, repeat)
        ann.tell(claim, "COMPLETE", -1.0)
    assert isinstance(ann.claim(), Waiting)


def test_a_result_may_lose_its_model_or_be_trained_again(db, study, store):
    ann = store(ANN)
    ann.tell(claimed(ann), "COMPLETE", -1.0, attributes={"model": "model-study-3"})
    (done, *_) = rows(db, study)
    retrainings.drop_model(db, done)
    (done, *others) = rows(db, study)
    assert done.result == {"value": 1.0}
    for _ in range(2):
        retrainings.reopen(db, study, done)
        again, *rest = rows(db, study)
        assert (again.id, again.result, again.trial_id) == (done.id, None, None)
        assert again.gpu_seconds == done.gpu_seconds > 0 and rest == others
    claim = claimed(ann)
    assert retrainings.of_trial(db, study, CONFIRM, claim.lease.trial_id).id == done.id


def test_the_checkpoint_stays_with_it_until_its_end(db, study, store):
    ann, bob = store(ANN), store(BOB)
    claim = claimed(ann)
    ann.report(claim, 1, 0.5, {})
    ann.checkpoint(claim, "first", 1)
    ann.release(claim)
    (left, *_) = rows(db, study)
    assert (left.worker, left.checkpoint) == (None, "first") and left.gpu_seconds > 0
    retrainings.plan(db, study, CONFIRM, wanted(3, 7))
    again = claimed(bob)
    assert (again.checkpoint, again.reported) == ("first", 1)
    bob.tell(again, "COMPLETE", -0.5)
    assert rows(db, study)[0].checkpoint is None


def test_a_stopped_study_lets_their_workers_go(db, study, store):
    ann = store(ANN)
    claim = claimed(ann)
    control.set_stop(db, study, True)
    assert ann.report(claim, 1, 0.5, {}) == "stop"
    ann.release(claim)
    assert ann.claim() == Exhausted("stopped")
    retrainings.plan(db, study, DATACURVE, [Retraining(DATACURVE, 3, 0, 25, 5)])
    assert store(ANN, DATACURVE).claim() == Exhausted("stopped")
    control.set_stop(db, study, False)
    assert claimed(ann) and claimed(store(BOB, DATACURVE))


# Nobody sees them


@pytest.fixture
def trained(study, store):
    """One under way, one done, with everything that a trial has; the others wait."""
    ann = store(ANN)
    for end in (True, False):
        claim = claimed(ann)
        ann.report(claim, 1, -0.9, {"accuracy": 0.9})
        if end:
            ann.tell(claim, "COMPLETE", -0.9, attributes={"model": "m"})
    return study


def counts(db: Database, *tables: str) -> list[int]:
    return [db.snapshot(lambda t, n=n: t.value(f"SELECT count(*) FROM {n}")) for n in tables]


def test_no_client_and_no_count_of_the_study_knows_of_them(db, trained):
    assert studies.names(db) == ["study"] and records.trials(db, trained) == []
    found = status.status(db, trained)
    assert (found.used, found.finished, found.running, found.queued) == (0, 0, [], 0)
    assert found.gpu_seconds_used == 0 and found.incumbent is None and found.workers == []
    client = db.optuna_storage()
    (summary,) = optuna.get_all_study_summaries(client)
    client.engine.dispose()
    assert (summary.study_name, summary.n_trials, summary.best_trial) == ("study", 0, None)
    reader = Reader(db)
    assert [each.study_name for each in reader.get_all_studies()] == ["study"]
    assert reader.get_all_trials(trained.study_id) == []
    reader.close()
    (running,) = status.status(db, retrainings.hidden(trained, CONFIRM)).running
    assert (running.worker, running.value) == ("ann", 0.9)  # as the study's direction has it


def test_what_they_took_is_no_part_of_the_budget(db, study, store):
    studies.set_limits(db, study, trials=3, gpu_seconds=0.0)
    ann = store(ANN)
    claim = claimed(ann)
    assert ann.report(claim, 1, 0.5, {}) == "go on"
    ann.tell(claim, "COMPLETE", -0.5)
    assert rows(db, study)[0].gpu_seconds > 0
    assert status.status(db, study).gpu_seconds_used == 0


TABLES = (
    "trials", "trial_values", "trial_intermediate_values", "trial_user_attributes",
    "trial_system_attributes", "studyhall_history", "studyhall_leases", "studyhall_done",
    "studyhall_queue", "studyhall_budget", "studyhall_workers",
)  # fmt: skip


def test_they_go_with_their_study(db, trained, store):
    other, _ = studies.create(db, "other", config={}, seed=0, trials=3)
    before = counts(db, *TABLES)
    retrainings.plan(db, other, CONFIRM, [])
    assert all(counts(db, *TABLES)[:8])
    studies.delete(db, trained)
    store(ANN).close()
    assert counts(db, *TABLES[:9]) == [0] * 9 and counts(db, "studyhall_budget") == [2]
    assert before[-2] == 3
    again, _ = studies.create(db, "study", config={}, seed=0, trials=3)
    assert rows(db, again) == []


def test_they_go_with_a_study_that_another_client_has_deleted(db, trained):
    client = db.optuna_storage()
    optuna.delete_study(study_name="study", storage=client)
    client.engine.dispose()
    again, _ = studies.create(db, "study", config={}, seed=0, trials=3)
    assert rows(db, again) == [] and counts(db, *TABLES[:9]) == [0] * 9


def test_they_wait_in_the_trash_and_come_back(db, trained, store):
    trash.put(db, trained.study_id, "ann")
    assert store(BOB).claim() == Exhausted("stopped")
    (deleted,) = trash.contents(db)
    trash.restore(db, deleted)
    assert len(rows(db, trained)) == 4 and claimed(store(BOB))
    trash.put(db, trained.study_id, "ann")
    trash.purge(db, *trash.contents(db))
    assert counts(db, *TABLES[:9]) == [0] * 9


def test_several_that_plan_and_train_at_once_do_each_once(db, study, store):
    """As two calls of the same command, on one machine or two."""
    told = []

    def work(number: int) -> None:
        mine = Database.open(db.url.render_as_string(hide_password=False))
        retrainings.plan(mine, study, CONFIRM, wanted(7, 3, 5))
        worker = store(Worker(f"w{number}", "here", number, "cpu"), through=mine)
        while not isinstance(claim := worker.claim(), Exhausted):
            if isinstance(claim, Claim):
                worker.tell(claim, "COMPLETE", -0.5)
                told.append(claim.lease.trial_id)
        mine.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    found = rows(db, study)
    assert len(found) == 6 and sorted(told) == sorted(one.trial_id for one in found)
    hidden = status.status(db, retrainings.hidden(study, CONFIRM))
    assert (hidden.used, hidden.limit, hidden.finished) == (6, 6, 6)
