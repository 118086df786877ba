"""What `studyhall check` shows about a study's data."""

from __future__ import annotations

from scipy import sparse

from studyhall.search.data import texts
from studyhall.search.data.errors import shortened
from studyhall.search.data.loading import PARTS, Data


def rows(data: Data) -> list[tuple[str, str]]:
    """Return the rows (name, text) that `studyhall check` shows about the data."""
    classes = f"{data.task}, {len(data.classes)} classes: {shortened(data.classes)}"
    columns = _columns(data) if data.table else [("columns", shortened(data.columns))]
    sizes = (len(data.train), len(data.validation), len(data.test))
    parts = ", ".join(f"{size:,} {name}" for size, name in zip(sizes, PARTS, strict=True))
    return [
        ("task", classes if data.classes else data.task),
        ("samples", parts),
        *_input(data),
        *(row for row in columns if row[1]),
        ("normalisation", data.preparation.kind),
        ("folds", str(len(data.folds))),
        ("fingerprint", data.fingerprint[:12]),
    ]


def _input(data: Data) -> list[tuple[str, str]]:
    """Return rows about a sample: its shape and type, or the words of texts."""
    if (tokens := data.split.pool.tokens) is not None:
        return [("input", "texts"), *texts.described(tokens, data.split.vocabulary)]
    form = ", sparse" if sparse.issparse(data.train.x) else ""
    return [("input", f"{data.input_shape}, {data.train.x.dtype}{form}")]


def _columns(data: Data) -> list[tuple[str, str]]:
    """Return a row for each kind of the columns of a table."""
    kinds = dict.fromkeys(column.kind for column in data.table)
    return [
        (f"{kind} columns", shortened(each.name for each in data.table if each.kind == kind))
        for kind in kinds
    ]
