"""The migration to version 9: budgets know after which pause without a worker no time counts."""

from studyhall.storage.database.transaction import Transaction


def add_silence(transaction: Transaction) -> None:
    """Add the column; the next claim writes the study's own value."""
    transaction.run(
        "ALTER TABLE studyhall_budget ADD COLUMN silence_s DOUBLE PRECISION DEFAULT 90 NOT NULL"
    )
