"""The writer of what callbacks remember."""

from __future__ import annotations

import collections
import pathlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from studyhall.search.training.callback_state.containers import DICTS, LISTS
from studyhall.search.training.callback_state.parts import (
    WITH_PARTS,
    UnsavableError,
    generator_state,
    is_constant,
    is_plain,
    kind_of,
    named,
    parts_of,
    variables_of,
)

SCALARS = (type(None), bool, int, float, str)


class Writer:
    """The writer of a state.

    Args:
        live: what is there in any process that continues the training, by name.

    Attributes:
        nodes: everything but single numbers and texts, as JSON values.
        arrays: the arrays that nodes refer to.
    """

    def __init__(self, live: Mapping[str, Any]) -> None:
        self.nodes: list[Any] = []
        self.arrays: list[np.ndarray] = []
        self._live = {id(each): name for name, each in live.items()}
        self._known: dict[int, int] = {}
        self._kept: list[Any] = []  # so that no id is used again

    def write(self, value: Any, path: str) -> Any:
        """Return a value as JSON: itself, or a reference to a node.

        Args:
            value: the value.
            path: where it is, for messages.

        Raises:
            UnsavableError: it can't be written.
        """
        if type(value) in SCALARS:
            return value
        if id(value) not in self._known:
            self._known[id(value)] = len(self.nodes)
            self._kept.append(value)
            place = len(self.nodes)
            self.nodes.append(None)
            self.nodes[place] = self._written(value, path)
        return {"node": self._known[id(value)]}

    def _written(self, value: Any, path: str) -> list[Any]:
        try:
            return self._node(value, path)
        except UnsavableError:
            raise
        except Exception as error:  # an object of some library may raise anything when it is read
            raise UnsavableError(f"{path} is a {type(value).__name__}") from error

    def _node(self, value: Any, path: str) -> list[Any]:
        name = type(value).__name__
        if id(value) in self._live:
            return ["live", self._live[id(value)]]
        if type(value) in LISTS.values():
            return ["list", name, [self.write(each, f"{path}[…]") for each in value], _most(value)]
        if type(value) in DICTS.values():
            pairs = [
                [self.write(key, path), self.write(each, f"{path}[{key!r}]")]
                for key, each in value.items()
            ]
            return ["dict", name, pairs]
        return self._array(value) or self._changing(value, path)

    def _array(self, value: Any) -> list[Any] | None:
        if isinstance(value, np.ndarray | np.generic) and _is_numbers(value.dtype):
            return ["array", isinstance(value, np.generic), self._kept_array(np.asarray(value))]
        if isinstance(value, bytes):
            return ["bytes", self._kept_array(np.frombuffer(value, np.uint8))]
        if isinstance(value, pathlib.Path):
            return ["path", str(value)]
        if keras.ops.is_tensor(value):
            return ["tensor", self._kept_array(np.array(keras.ops.convert_to_numpy(value)))]
        return None

    def _kept_array(self, array: np.ndarray) -> int:
        self.arrays.append(array)
        return len(self.arrays) - 1

    def _changing(self, value: Any, path: str) -> list[Any]:
        if (name := named(value)) is not None:
            return ["named", *name]
        if is_constant(value):
            return ["constant", getattr(value, "__qualname__", value.__name__)]
        if (generator := generator_state(value)) is not None:
            return ["generator", type(value).__name__, self.write(generator, path)]
        if (variables := variables_of(value)) is not None:
            arrays = [np.array(keras.ops.convert_to_numpy(each)) for each in variables]
            return ["variables", [self._kept_array(each) for each in arrays]]
        if is_plain(type(value)) or isinstance(value, WITH_PARTS):
            parts = {name: self.write(each, f"{path}.{name}") for name, each in parts_of(value)}
            return ["object", kind_of(value), parts]
        raise UnsavableError(f"{path} is a {type(value).__name__}")


def _most(value: Any) -> int | None:
    return value.maxlen if isinstance(value, collections.deque) else None


def _is_numbers(kind: np.dtype[Any]) -> bool:
    return kind.kind in "biufcSU" or kind.name == "bfloat16"
