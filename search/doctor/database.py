"""The findings on the database: latency, size, connections, clock."""

from __future__ import annotations

from collections.abc import Iterator

from studyhall.search.doctor.finding import Finding, size
from studyhall.search.process import disk
from studyhall.storage.database.health import Health

SLOW_MS = 100.0  # a round trip that makes an epoch's report as slow as a short epoch
CROWDED = 0.9  # share of the server's connections in use
APART_S = 5.0  # difference of two clocks


def findings(health: Health) -> Iterator[Finding]:
    """Yield the findings on a database."""
    kind = "SQLite" if health.kind == "sqlite" else "PostgreSQL"
    yield Finding(
        "database",
        f"{health.url}: {kind} {health.version}, tables of version {health.schema_version}, "
        f"{size(health.size_bytes)}, {health.latency_ms:.2g} ms a round trip",
    )
    yield from _trouble(health)
    if abs(health.clock_ahead_s) > APART_S:
        ahead = f"is {health.clock_ahead_s:+.0f} s ahead of this machine's"
        yield Finding("database clock", ahead, "studyhall uses only the database's clock")


def _trouble(health: Health) -> Iterator[Finding]:
    if health.latency_ms > SLOW_MS:
        yield _needs("answers slowly", "move it closer to the workers")
    if health.journal_mode not in (None, "wal"):
        how = f"uses journal mode {health.journal_mode} instead of wal"
        yield _needs(how, "close every program that has it open, then launch again")
    if health.free_bytes is not None and health.free_bytes < disk.LEAST:
        yield _needs(f"has {size(health.free_bytes)} of free disk space", "free some space")
    used, limit = health.connections, health.connections_limit
    if used is not None and limit is not None and used >= CROWDED * limit:
        how = f"has {used} of {limit} connections open, and each worker takes two"
        yield _needs(how, "raise max_connections, or run fewer workers")
    if health.waiting:
        yield Finding("database", f"has {health.waiting} transactions waiting for a lock")


def _needs(says: str, do: str) -> Finding:
    return Finding("database", says, do, needs_you=True)
