"""The deletion of rows: all of a study, of a trial, and of studies that Optuna has deleted."""

from studyhall.storage.database import Transaction, companions

# Tables whose rows belong to a trial, and those whose rows belong to a study. Rows are deleted in
# this order: a row that a foreign key refers to must be deleted last.
_OF_TRIALS = (
    "trial_intermediate_values", "trial_values", "trial_params", "trial_user_attributes",
    "trial_system_attributes", "trial_heartbeats", "studyhall_history",
)  # fmt: skip
_OURS_OF_TRIALS = ("studyhall_leases", "studyhall_done", "studyhall_rungs")
_OURS = (
    "leases", "done", "rungs", "queue", "workers", "facts", "scorings", "budget", "studies",
)  # fmt: skip
_OPTUNAS = (
    "trials",
    "study_directions",
    "study_user_attributes",
    "study_system_attributes",
    "studies",
)
_HIDDEN = " UNION ALL ".join(
    f"SELECT trial_id FROM studyhall_{name} WHERE study_id IN {companions.hidden()}"
    for name in ("leases", "done")
)


def delete_study(transaction: Transaction, study_id: int) -> None:
    """Delete all rows of a study and of its hidden studies."""
    its = f"SELECT trial_id FROM trials WHERE study_id = :study_id UNION ALL {_HIDDEN}"
    for table in _OF_TRIALS:
        transaction.run(f"DELETE FROM {table} WHERE trial_id IN ({its})", study_id=study_id)
    transaction.run(f"DELETE FROM trials WHERE trial_id IN ({_HIDDEN})", study_id=study_id)
    for name in _OURS:
        transaction.run(
            f"DELETE FROM studyhall_{name} WHERE study_id IN {companions.family()}",
            study_id=study_id,
        )
    for table in _OPTUNAS:
        transaction.run(f"DELETE FROM {table} WHERE study_id = :study_id", study_id=study_id)


def delete_trial(transaction: Transaction, trial_id: int) -> None:
    """Delete all rows of a trial; its number is not used again."""
    for table in (*_OF_TRIALS, *_OURS_OF_TRIALS, "trials"):
        transaction.run(f"DELETE FROM {table} WHERE trial_id = :trial_id", trial_id=trial_id)


def forget_orphans(transaction: Transaction) -> None:
    """Delete our rows of studies that were deleted through Optuna, which knows only its own tables.

    SQLite reuses the identifiers of deleted rows: a new study would inherit our rows of the old.
    """
    orphans = transaction.rows(
        """
        SELECT study_id FROM studyhall_studies
        WHERE study_id NOT IN (SELECT study_id FROM studies)"""
    )
    for (study_id,) in orphans:
        delete_study(transaction, study_id)
    if orphans:
        transaction.run(
            "DELETE FROM studyhall_history WHERE trial_id NOT IN (SELECT trial_id FROM trials)"
        )
