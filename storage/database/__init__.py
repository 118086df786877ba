"""The database, SQLite or PostgreSQL: connections, tables, transactions."""

from studyhall.storage.database.connection import Database, StorageAway, StorageError
from studyhall.storage.database.transaction import Row, Transaction

__all__ = ["Database", "Row", "StorageAway", "StorageError", "Transaction"]
