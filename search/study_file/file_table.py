"""A table of a study file as a pydantic model, and the meanings that stand below its keys."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Iterator, Mapping
from itertools import pairwise

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """The base of all tables: unknown keys and values of another type are mistakes.

    The string below each key is its meaning, which `meanings` reads.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
    )


@functools.cache
def meanings(section: type[Section]) -> Mapping[str, str]:
    """Return the string below each key in the source of a table, on one line."""
    (table,) = ast.parse(inspect.getsource(section)).body
    assert isinstance(table, ast.ClassDef)
    return dict(_below(table))


def _below(table: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for key, below in pairwise(table.body):
        if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name):
            match below:
                case ast.Expr(ast.Constant(str(text))):
                    yield key.target.id, " ".join(text.split())
