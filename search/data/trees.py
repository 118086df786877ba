"""Samples, targets and weights that are a tree of arrays: dicts, lists and tuples, as Keras takes.

A tree is used like one array (N, …): it has a length, and indexing takes the same rows of each.
"""

from __future__ import annotations

import json
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


def pair(x: Any, y: Any) -> tuple[Any, Any]:
    """Return samples and targets, each as a tree if it is nested.

    A list of arrays is a tree if each has as many rows as there are samples; else they are rows.
    """
    targets = of(y, count(x))
    return of(x, len(targets) if hasattr(targets, "__len__") else None), targets


def of(found: Any, rows: int | None = None) -> Any:
    """Return a dict or list of arrays as a tree, anything else as it is; see `is_nested`."""
    return Tree(found) if is_nested(found, rows) else found


def count(x: Any) -> int | None:
    """Return the number of samples if x is an array, or several inputs."""
    first = next((leaf for _, leaf in leaves(x)), None) if is_nested(x) else x
    shape = getattr(first, "shape", ())
    return int(shape[0]) if shape else None


def flattened(name: str, found: Any) -> dict[str, Any]:
    """Return the leaves of a tree by names such as `x["age"]` and `x[0]`; else x itself.

    Raises:
        TypeError: a key of a dict is no text.
    """
    if not isinstance(found, Tree):
        return {name: found}
    return dict(_named(name, found.nested))


def _named(name: str, nested: Nested) -> Iterator[tuple[str, Any]]:
    if not isinstance(nested, Mapping | list | tuple):
        yield name, nested
        return
    inside = nested.items() if isinstance(nested, Mapping) else enumerate(nested)
    for key, each in inside:
        if isinstance(nested, Mapping) and not isinstance(key, str):
            raise TypeError(f"a dict with the key {key!r}")
        yield from _named(f"{name}{json.dumps([key], ensure_ascii=False)}", each)


def restored(named: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `flattened` took apart, by the names before the first bracket.

    Raises:
        ValueError: a name is not of this form, or stands for an array and for a tree.
    """
    found: dict[Any, Any] = {}
    for name, array in named.items():
        place, (last, *keys) = found, _keys(name)
        for key in keys:
            place = place.setdefault(last, {})
            if not isinstance(place, dict):
                raise ValueError(name)
            last = key
        if last in place:
            raise ValueError(name)
        place[last] = array
    return {name: Tree(_listed(e)) if isinstance(e, dict) else e for name, e in found.items()}


def _keys(name: str) -> list[str | int]:
    """Return the parts of `x[0]["age"]`: x, 0 and age."""
    base, bracket, _ = name.partition("[")
    keys: list[str | int] = [base]
    at, decoder = len(base), json.JSONDecoder()
    while bracket and at < len(name):
        (key,), at = decoder.raw_decode(name, at)
        keys.append(key)
    return keys


def _listed(nested: Nested) -> Nested:
    """Return dicts whose keys are numbers as lists."""
    if not isinstance(nested, dict):
        return nested
    each = {key: _listed(one) for key, one in nested.items()}
    if all(isinstance(key, int) for key in each):
        return [each[key] for key in sorted(each)]
    return each


def joined(one: Any, other: Any) -> Any:
    """Return the rows of two arrays, or of two trees."""
    return one.joined(other) if isinstance(one, Tree) else np.concatenate((one, other))


def plain(found: Any) -> Any:
    """Return the arrays of a tree nested as Keras takes them; anything else unchanged."""
    return found.nested if isinstance(found, Tree) else found
