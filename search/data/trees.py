"""Samples, targets and weights that are a tree of arrays: dicts, lists and tuples, as Keras takes.

A tree is used like one array (N, …): it has a length, and indexing takes the same rows of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

Nested = Any  # a leaf, or a dict, list or tuple of nested ones


def is_nested(found: Any, rows: int | None = None) -> bool:
    """Return True for a dict, list or tuple of arrays, not for a list of numbers or of rows.

    Args:
        found: whatever the user's function has returned.
        rows: number of samples, if known: arrays in a list that have another length are rows.
    """
    if isinstance(found, Mapping):
        return True
    if not isinstance(found, list | tuple) or not found:
        return False
    return all(is_nested(each, rows) or _is_array(each, rows) for each in found)


def _is_array(found: Any, rows: int | None) -> bool:
    shape: Sequence[int] = getattr(found, "shape", ())
    return len(shape) > 0 and rows in (None, shape[0])


def converted(function: Callable[[Any, str], Any], found: Any, name: str) -> Nested:
    """Return a tree with the results of a function of its leaves, which may be lists of numbers.

    Args:
        function: takes a leaf and its name.
        found: dicts, lists and tuples.
        name: name of the whole, with which those of the leaves begin: `x["age"]`.
    """
    if isinstance(found, Mapping):
        return {key: converted(function, each, f'{name}["{key}"]') for key, each in found.items()}
    if is_nested(found):
        return type(found)(
            converted(function, each, f"{name}[{at}]") for at, each in enumerate(found)
        )
    return function(found, name)


def mapped(function: Callable[..., Any], nested: Nested, *others: Nested) -> Nested:
    """Return a tree of the same form with the results of a function of the leaves."""
    if isinstance(nested, Mapping):
        return {
            key: mapped(function, each, *(other[key] for other in others))
            for key, each in nested.items()
        }
    if isinstance(nested, list | tuple):
        return type(nested)(
            mapped(function, each, *(other[at] for other in others))
            for at, each in enumerate(nested)
        )
    return function(nested, *others)


def leaves(nested: Nested, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and the array of each leaf, in order: `["age"]`, `[0]["age"]`."""
    if isinstance(nested, Mapping):
        for key in sorted(nested):
            yield from leaves(nested[key], f'{path}["{key}"]')
    elif isinstance(nested, list | tuple):
        for at, each in enumerate(nested):
            yield from leaves(each, f"{path}[{at}]")
    else:
        yield path, nested


class Tree:
    """A tree of arrays with the same number of rows.

    Args:
        nested: the tree; its leaves are arrays (N, …).

    Attributes:
        nested: the same.
    """

    def __init__(self, nested: Nested) -> None:
        self.nested = nested

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.arrays()[0])

    def __getitem__(self, rows: Any) -> Tree:
        """Return some rows, by a slice or an array of row numbers."""
        return Tree(mapped(lambda leaf: leaf[rows], self.nested))

    def arrays(self) -> list[Any]:
        """Return the leaves, in the order of their paths."""
        return [leaf for _, leaf in leaves(self.nested)]

    def paths(self) -> list[str]:
        """Return the paths of the leaves, in order."""
        return [path for path, _ in leaves(self.nested)]

    @property
    def shape(self) -> Nested:
        """The shape of one row of each leaf, as a tree of the same form."""
        return mapped(lambda leaf: tuple(leaf.shape[1:]), self.nested)

    def joined(self, other: Tree) -> Tree:
        """Return the rows of both."""
        return Tree(mapped(lambda one, two: np.concatenate((one, two)), self.nested, other.nested))

    def described(self) -> str:
        """Return paths, shapes and types of the leaves, for messages and `check`."""
        each = (f"{path} {leaf.shape[1:]} {leaf.dtype}" for path, leaf in leaves(self.nested))
        return ", ".join(each)


def joined(one: Any, other: Any) -> Any:
    """Return the rows of two arrays, or of two trees."""
    return one.joined(other) if isinstance(one, Tree) else np.concatenate((one, other))


def plain(found: Any) -> Any:
    """Return the arrays of a tree nested as Keras takes them; anything else unchanged."""
    return found.nested if isinstance(found, Tree) else found
