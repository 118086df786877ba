"""What the trash holds, as a table."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from storage.trash import Deleted


def table(deleted: Sequence[Deleted]) -> Table:
    """Every deleted study, a row each; its number tells namesakes apart."""
    shown = Table(box=None)
    for heading in ("study", "number", "trials", "deleted", "by"):
        shown.add_column(heading, justify="right" if heading in ("number", "trials") else "left")
    for study in deleted:
        at = time.strftime("%Y-%m-%d %H:%M", time.localtime(study.deleted_at))
        name = Text(study.name)
        shown.add_row(name, str(study.study_id), str(study.trials), at, Text(study.deleted_by))
    return shown
