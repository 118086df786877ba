"""The parts of an object, and the objects that are nothing but their parts."""

from __future__ import annotations

import functools
import random
import types
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from studyhall.spaces import own_classes

CONSTANT = (type, types.ModuleType, types.BuiltinFunctionType)  # the same in each process
NAMED = (np, keras.ops)  # modules whose functions callbacks choose by themselves
WITH_PARTS = (types.FunctionType, types.MethodType, functools.partial)
_OF_PYTHON = 1 << 9  # the flag of a class that is written in Python
_IMMUTABLE = 1 << 8  # that of one that isn't, in newer versions


class UnsavableError(Exception):
    """An error: callbacks remember what no checkpoint holds; the message says what and where."""


def named(value: Any) -> tuple[int, str] | None:
    """Return module and name of a function that a callback of Keras may choose by itself."""
    name = getattr(value, "__name__", "")
    kinds = (np.ufunc, types.FunctionType, types.BuiltinFunctionType)
    for place, module in enumerate(NAMED):
        if isinstance(value, kinds) and getattr(module, name, None) is value:
            return place, name
    return None


def generator_state(value: Any) -> Any:
    """Return the state of a random generator; None for anything else."""
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, np.random.Generator):
        return value.bit_generator.state
    return value.get_state() if isinstance(value, np.random.RandomState) else None


def set_generator(generator: Any, state: Any) -> None:
    if isinstance(generator, random.Random):
        generator.setstate(state)
    elif isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    else:
        generator.set_state(state)


def variables_of(value: Any) -> list[Any] | None:
    """Return the variables of something of Keras' that a callback has made; None for others."""
    kinds = (keras.Layer, keras.metrics.Metric, keras.optimizers.Optimizer)
    if isinstance(value, keras.Variable):
        return [value]
    if isinstance(value, keras.random.SeedGenerator):
        return [value.state]
    return [*value.variables] if isinstance(value, kinds) else None


def kind_of(value: Any) -> str:
    kind = value if isinstance(value, types.FunctionType) else type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def is_constant(value: Any) -> bool:
    """Return True for a class, a module, or a function of C: the same in each process."""
    of_object = isinstance(value, types.BuiltinFunctionType) and not isinstance(
        value.__self__, types.ModuleType | types.NoneType
    )
    return isinstance(value, CONSTANT) and not of_object


def own_class(kind: str) -> type | None:
    """Return a class of the user's own by its module and name, as `kind_of` gives them."""
    for module in own_classes.modules():
        if kind.startswith(f"{module.__name__}."):
            found: Any = module
            for name in kind.removeprefix(f"{module.__name__}.").split("."):
                found = getattr(found, name, None)
            if isinstance(found, type) and is_plain(found):
                return found
    return None


def is_plain(kind: type) -> bool:
    """Return True if objects of a class are what their attributes are."""
    python = [each for each in kind.__mro__ if each is not object]
    return all(each.__flags__ & _OF_PYTHON and not each.__flags__ & _IMMUTABLE for each in python)


def parts_of(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an object or a function consists of and may change, by name."""
    if isinstance(value, types.MethodType):
        yield from (("__self__", value.__self__), ("__func__", value.__func__))
    elif isinstance(value, functools.partial):
        yield from (("func", value.func), ("args", value.args), ("keywords", value.keywords))
    elif isinstance(value, types.FunctionType):
        for number, cell in enumerate(value.__closure__ or ()):
            if _is_filled(cell):
                yield f"cell {number}", cell.cell_contents
        yield "defaults", value.__defaults__
        yield "kwdefaults", value.__kwdefaults__
        yield "attributes", value.__dict__
    else:
        for kind in type(value).__mro__:
            slots = vars(kind).get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                    yield name, getattr(value, name)
        yield from getattr(value, "__dict__", {}).items()


def set_parts(value: Any, parts: Mapping[str, Any]) -> None:
    if isinstance(value, types.FunctionType):
        for number, cell in enumerate(value.__closure__ or ()):
            if f"cell {number}" in parts:
                cell.cell_contents = parts[f"cell {number}"]
        value.__defaults__, value.__kwdefaults__ = parts["defaults"], parts["kwdefaults"]
    elif not isinstance(value, WITH_PARTS):  # those of the others are changed in place
        if hasattr(value, "__dict__"):
            for name in [name for name in vars(value) if name not in parts]:
                del vars(value)[name]
        for name, each in parts.items():
            object.__setattr__(value, name, each)


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018  an empty one raises
    except ValueError:
        return False
    return True
