"""Deleted studies leave no row behind, in Optuna's tables or in ours."""

import optuna
import pytest
import sqlalchemy as sa

from studyhall.storage.database import Database, Transaction, dialects
from studyhall.storage.leases import workers
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import records, status
from studyhall.storage.sampling import pruning, samplers
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Queued, Study
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore
from tests.plain_store import plain_store

TABLES = (
    "studies", "study_directions", "study_system_attributes", "trials", "trial_params",
    "trial_values", "trial_intermediate_values", "trial_user_attributes",
    "trial_system_attributes", "studyhall_studies", "studyhall_budget", "studyhall_leases",
    "studyhall_queue", "studyhall_history", "studyhall_done", "studyhall_rungs", "studyhall_facts",
)  # fmt: skip


def fill(db: Database, study: Study, finish: int) -> None:
    """Finishes so many trials and leaves one running, with every kind of row."""
    store = TrialStore(
        db,
        study,
        Worker("w", "h", 1, "cpu"),
        samplers.named("random", study_seed=0),
        pruning.Halving(),
        trial_seed=lambda number: number,
    )
    for ended in [*[True] * finish, False]:
        claim = store.claim()
        assert isinstance(claim, Claim)
        claim.trial.suggest_float("x", 0.0, 1.0)
        store.report(claim, 1, 0.5, {"val_loss": 0.5})
        if ended:
            notes = {"note": 1}
            store.tell(
                claim,
                "COMPLETE",
                0.5,
                attributes=notes,
                system_attributes=notes,
                study_system_attributes=notes,
            )
    store.close()


def counts(db: Database) -> dict[str, int]:
    """Rows by table."""
    return db.snapshot(lambda t: {name: t.value(f"SELECT count(*) FROM {name}") for name in TABLES})


def test_a_deleted_study_leaves_nothing_and_others_alone(db: Database) -> None:
    kept, _ = studies.create(db, "kept", config={}, seed=0, trials=3, queue=[Queued({})] * 3)
    fill(db, kept, finish=1)
    studies.set_fact(db, kept, "key", 1)
    before = counts(db)
    assert all(before.values()), before
    gone, _ = studies.create(db, "gone", config={}, seed=0, trials=9, queue=[Queued({})] * 4)
    fill(db, gone, finish=2)
    studies.set_fact(db, gone, "key", 1)
    studies.delete(db, gone)
    assert counts(db) == before
    assert studies.names(db) == ["kept"]


def test_a_worker_of_a_deleted_study_is_told(db: Database) -> None:
    study, _ = studies.create(db, "gone", config={}, seed=0, trials=9)
    studies.delete(db, study)
    store = plain_store(db, study)
    with pytest.raises(LookupError, match="deleted"):
        store.claim()
    store.close()
    with pytest.raises(LookupError, match="deleted"):
        status.status(db, study)


def test_rows_of_a_study_that_optuna_deleted_are_not_inherited(db: Database) -> None:
    """SQLite gives a deleted study's id to the next one."""
    study, _ = studies.create(db, "gone", config={}, seed=0, trials=9)
    fill(db, study, finish=2)
    storage = db.optuna_storage()
    optuna.delete_study(study_name="gone", storage=storage)
    storage.remove_session()
    storage.engine.dispose()
    heir, _ = studies.create(db, "heir", config={}, seed=0, trials=1)
    state = status.status(db, heir)
    assert (state.used, state.finished, state.running, state.incumbent) == (0, 0, [], None)
    fill(db, heir, finish=0)
    assert len(records.history(db, records.trials(db, heir)[0].trial_id)) == 1


def test_after_the_last_study_was_deleted_every_table_is_empty(db: Database) -> None:
    study, _ = studies.create(db, "gone", config={}, seed=0, trials=9, queue=[Queued({})] * 3)
    fill(db, study, finish=1)
    studies.set_fact(db, study, "key", 1)
    storage = db.optuna_storage()
    optuna.load_study(study_name="gone", storage=storage).set_user_attr("note", "by hand")
    storage.remove_session()
    storage.engine.dispose()
    db.transaction(lambda t: workers.note(t, study.study_id, Worker("killed", "h", 2, "cpu")))
    assert {name for name, rows in sizes(db).items() if rows} >= {
        *TABLES,
        "study_user_attributes",
        "studyhall_workers",
    }
    studies.delete(db, study)
    versions = {"alembic_version", "version_info", "studyhall_schema"}
    assert {name for name, rows in sizes(db).items() if rows} == versions


def sizes(db: Database) -> dict[str, int]:
    """Rows by table, for every table that the database has."""

    names = sa.inspect(dialects.engine(db.url)).get_table_names()

    def work(transaction: Transaction) -> dict[str, int]:
        return {name: transaction.value(f"SELECT count(*) FROM {name}") for name in names}

    return db.snapshot(work)
