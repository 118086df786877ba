"""What the trash holds, as a table."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.table import Table

from studyhall.search.display import tables
from studyhall.storage.studies.trash import Deleted


def table(deleted: Sequence[Deleted]) -> Table:
    """Every deleted study, a row each; its number tells namesakes apart."""
    return tables.table(
        ("study", "number", "trials", "deleted", "by"),
        map(_row, deleted),
        right=("number", "trials"),
    )


def _row(study: Deleted) -> tuple[str, ...]:
    at = time.strftime("%Y-%m-%d %H:%M", time.localtime(study.deleted_at))
    return study.name, str(study.study_id), str(study.trials), at, study.deleted_by
