"""The migration to version 8: leases and workers know the memory of their devices."""

from studyhall.storage.database.transaction import Transaction

_COLUMNS = (
    ("studyhall_leases", "memory_mib"),
    ("studyhall_leases", "too_small_mib"),
    ("studyhall_workers", "memory_mib"),
)


def add_memory(transaction: Transaction) -> None:
    """Add the columns; the memory of running trials and workers is unknown."""
    for table, column in _COLUMNS:
        transaction.run(f"ALTER TABLE {table} ADD COLUMN {column} INTEGER DEFAULT 0 NOT NULL")
