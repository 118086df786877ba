"""A database's clock that tests set back and forth, for every process that asks for it here."""

from collections.abc import Iterator
from contextlib import contextmanager

from studyhall.storage.database import Database, dialects, transaction

_TABLE = "CREATE TABLE IF NOT EXISTS clock_shift (seconds DOUBLE PRECISION NOT NULL)"
_SHIFT = "coalesce((SELECT sum(seconds) FROM clock_shift), 0.0)"


def install() -> None:
    """Let every statement of this process read the shifted clock; databases need `table`."""
    for kind, clock in dialects.CLOCKS.items():
        now = clock["now"]
        if _SHIFT not in now:
            dialects.CLOCKS[kind] = {**clock, "now": f"({now} + {_SHIFT})"}
    transaction._statement.cache_clear()


def table(db: Database) -> None:
    """Create the table of shifts."""
    db.statement(lambda t: t.run(_TABLE))


def shift(db: Database, seconds: float) -> None:
    """Set the database's clock forward, or back."""
    db.transaction(lambda t: t.run("INSERT INTO clock_shift VALUES (:s)", s=seconds))


@contextmanager
def shifted(db: Database) -> Iterator[None]:
    """Read the shifted clock in a `with` block."""
    before = dict(dialects.CLOCKS)
    table(db)
    install()
    try:
        yield
    finally:
        dialects.CLOCKS.update(before)
        transaction._statement.cache_clear()
