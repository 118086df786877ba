"""The rows that `studyhall check` shows about a study's data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scipy import sparse

from studyhall.search.data import stream_parts, texts
from studyhall.search.data.errors import shortened
from studyhall.search.data.stream_parts import StreamPart
from studyhall.search.data.trees import Tree

if TYPE_CHECKING:
    from studyhall.search.data.loading import Data


def rows(data: Data) -> list[tuple[str, str]]:
    """Return the rows (name, text) that `studyhall check` shows about the data."""
    classes = f"{data.task}, {len(data.classes)} classes: {shortened(data.classes)}"
    columns = _columns(data) if data.table else [("columns", shortened(data.columns))]
    return [
        ("task", classes if data.classes else data.task),
        *_samples(data),
        *(row for row in columns if row[1]),
        ("normalisation", data.preparation.kind),
        ("folds", str(len(data.folds))),
        ("fingerprint", data.fingerprint[:12]),
    ]


def _samples(data: Data) -> list[tuple[str, str]]:
    """Return rows on the number and the form of the samples."""
    if isinstance(data.train, StreamPart):
        return [(name, _stream(part)) for name, part in data.parts.items()]
    sizes = ", ".join(f"{len(part):,} {name}" for name, part in data.parts.items())
    return [
        ("samples", sizes),
        *_input(data),
        *([("targets", data.train.y.described())] if isinstance(data.train.y, Tree) else []),
        *([("sample weights", "as given")] if data.train.weights is not None else []),
    ]


def _input(data: Data) -> list[tuple[str, str]]:
    """Return rows about a sample: its shape and type, or the words of texts."""
    if (tokens := data.split.pool.tokens) is not None:
        return [("input", "texts"), *texts.described(tokens, data.split.vocabulary)]
    form = ", sparse" if sparse.issparse(data.train.x) else ""
    return [("input", _described(data.train.x) + form)]


def _stream(part: Any) -> str:
    if not isinstance(part, StreamPart):
        return f"{len(part):,} samples, {part.x.described()}"
    count = "an unknown number of" if part.stream.batches is None else f"{part.stream.batches:,}"
    batches = f"{count} batches of a {part.stream.kind}"
    return f"{batches}, {stream_parts.described(part.sample[0])}"


def _described(x: Any) -> str:
    return x.described() if isinstance(x, Tree) else f"{tuple(x.shape[1:])}, {x.dtype}"


def _columns(data: Data) -> list[tuple[str, str]]:
    """Return a row for each kind of the columns of a table."""
    kinds = dict.fromkeys(column.kind for column in data.table)
    return [
        (f"{kind} columns", shortened(each.name for each in data.table if each.kind == kind))
        for kind in kinds
    ]
