"""The migration to version 10: budgets know the goal that ends a study before they are spent."""

from studyhall.storage.database.transaction import Transaction

_COLUMNS = ("target DOUBLE PRECISION", "stop_after INTEGER")


def add_goal(transaction: Transaction) -> None:
    """Add the columns: the studies so far have no goal."""
    for column in (*_COLUMNS, "min_improvement DOUBLE PRECISION DEFAULT 0 NOT NULL"):
        transaction.run(f"ALTER TABLE studyhall_budget ADD COLUMN {column}")
