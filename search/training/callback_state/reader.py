"""The reader of what callbacks remembered."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from studyhall.search.training.callback_state.containers import CHANGING, DICTS, LISTS
from studyhall.search.training.callback_state.parts import (
    NAMED,
    UnsavableError,
    is_constant,
    kind_of,
    own_class,
    parts_of,
    set_generator,
    set_parts,
    variables_of,
)


class Reader:
    """The reader of a state, which puts it back into what the user's code has made anew.

    Args:
        nodes, arrays: those of the `Writer`.
        live: as there.
    """

    def __init__(
        self, nodes: Sequence[Any], arrays: Sequence[np.ndarray], live: Mapping[str, Any]
    ) -> None:
        self._nodes, self._arrays, self._live = nodes, arrays, live
        self._read: dict[int, Any] = {}

    def read(self, value: Any, fresh: Any, path: str) -> Any:
        """Return what was written.

        Args:
            value: JSON, from `Writer.write`.
            fresh: what the user's code has made anew in its place.
            path: where it is, for messages.

        Raises:
            UnsavableError: there is something else in its place.
        """
        if not isinstance(value, dict):
            return value
        place = value["node"]
        if place not in self._read:
            self._read[place] = self._node(place, fresh, path)
        return self._read[place]

    def _node(self, place: int, fresh: Any, path: str) -> Any:
        kind, *about = self._nodes[place]
        if kind == "live":
            return self._live[about[0]]
        if kind == "list":
            return self._list(place, about, fresh, path)
        if kind == "dict":
            return self._dict(place, about, fresh, path)
        if kind == "array":
            array = self._arrays[about[1]]
            return array[()] if about[0] else array.copy()
        if kind == "bytes":
            return self._arrays[about[0]].tobytes()
        if kind == "path":
            return pathlib.Path(about[0])
        if kind == "tensor":
            return keras.ops.convert_to_tensor(self._arrays[about[0]])
        if kind == "named":
            return getattr(NAMED[about[0]], about[1])
        return self._into(place, kind, about, fresh, path)

    def _list(self, place: int, about: list[Any], fresh: Any, path: str) -> Any:
        name, written, most = about
        like, kind = type(fresh).__name__ == name, LISTS[name]
        known = [*fresh] if like and not issubclass(kind, set | frozenset) else []
        if issubclass(kind, CHANGING):
            filled = fresh if like else (kind((), most) if name == "deque" else kind())
            self._read[place] = filled  # it may hold itself
        items = [
            self.read(each, known[at] if at < len(known) else None, f"{path}[{at}]")
            for at, each in enumerate(written)
        ]
        if not issubclass(kind, CHANGING):
            return kind(items)
        filled.clear()
        (filled.update if name == "set" else filled.extend)(items)
        return filled

    def _dict(self, place: int, about: list[Any], fresh: Any, path: str) -> Any:
        name, pairs = about
        like = type(fresh).__name__ == name
        if name == "defaultdict" and not like:
            raise UnsavableError(f"{path} is a defaultdict, of which a new callback has none")
        filled = self._read[place] = fresh if like else DICTS[name]()
        known = dict(filled)
        keys = [self.read(key, None, path) for key, _ in pairs]
        items = [
            (key, self.read(each, known.get(key), f"{path}[{key!r}]"))
            for key, (_, each) in zip(keys, pairs, strict=True)
        ]
        filled.clear()
        filled.update(items)
        return filled

    def _into(self, place: int, kind: str, about: list[Any], fresh: Any, path: str) -> Any:
        """Put a state into the object that the user's code has made anew."""
        self._read[place] = fresh
        if kind == "constant" and is_constant(fresh):
            if getattr(fresh, "__qualname__", fresh.__name__) == about[0]:
                return fresh
        elif kind == "generator" and type(fresh).__name__ == about[0]:
            set_generator(fresh, self.read(about[1], None, path))
            return fresh
        elif kind == "variables" and (variables := variables_of(fresh)) is not None:
            arrays = [self._arrays[each] for each in about[0]]
            if [tuple(each.shape) for each in variables] == [each.shape for each in arrays]:
                for variable, array in zip(variables, arrays, strict=True):
                    variable.assign(array)
                return fresh
        elif kind == "object" and (fresh := self._object(place, about[0], fresh)) is not None:
            known = dict(parts_of(fresh))
            parts = {
                name: self.read(each, known.get(name), f"{path}.{name}")
                for name, each in about[1].items()
            }
            set_parts(fresh, parts)
            return fresh
        raise UnsavableError(f"{path} is unlike that of a new callback")

    def _object(self, place: int, kind: str, fresh: Any) -> Any:
        """Return the object made anew; else, an empty one of a class of the user's own."""
        if kind_of(fresh) != kind:
            found = own_class(kind)
            fresh = None if found is None else object.__new__(found)
        self._read[place] = fresh
        return fresh
