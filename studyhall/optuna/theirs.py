"""Optuna's own names and modules, wherever this package has none of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

OURS = "studyhall.optuna."
THEIRS = "optuna."


def found(module: str, name: str) -> Any:
    """Return what a module of Optuna's has under a name.

    Args:
        module: the module, such as "optuna.trial".
        name: of a function, a class or a module in it.

    Raises:
        AttributeError: it has nothing of that name.
    """
    missing = AttributeError(f"module {module!r} has no attribute {name!r}")
    if name.startswith("_"):
        raise missing
    there = import_module(module)
    if hasattr(there, name):
        return getattr(there, name)
    try:
        return import_module(f"{module}.{name}")
    except ImportError:
        raise missing from None


class Finder(MetaPathFinder):
    """Finds modules that this package does not have, such as its samplers, among Optuna's."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where such a module is; None for all others."""
        if not fullname.startswith(OURS):
            return None
        return ModuleSpec(fullname, Same(THEIRS + fullname.removeprefix(OURS)))


class Same(Loader):
    """Gives a module another name: under both it is one.

    Args:
        name: the module.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def exec_module(self, module: ModuleType) -> None:
        """Put the module in the place of the empty one that was made for it."""
        try:
            sys.modules[module.__name__] = import_module(self._name)
        except ModuleNotFoundError as error:
            if error.name != self._name:
                raise
            message = f"No module named {module.__name__!r}"
            raise ModuleNotFoundError(message, name=module.__name__) from None
