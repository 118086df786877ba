"""The user's own classes and functions that a saved model refers to, and their modules."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from studyhall.spaces import user_code

LIBRARIES = ("site-packages", "dist-packages")
NOT_OWN = ("keras", __name__.partition(".")[0])  # packages whose code is not the user's


@dataclass(frozen=True)
class NamedObjects:
    """The objects outside of Keras that a saved model needs.

    Attributes:
        classes: names of classes and functions that are not registered with Keras.
        registered: names of registered ones, for which importing their module is enough.
        lambdas: True if the model stores code (a lambda), which Keras runs only with
            ``safe_mode=False``.
    """

    classes: frozenset[str] = frozenset()
    registered: frozenset[str] = frozenset()
    lambdas: bool = False

    @property
    def nothing(self) -> bool:
        """True if Keras alone can load the model."""
        return not (self.classes or self.registered or self.lambdas)


def is_known(thing: Any) -> bool:
    """Return whether a class, a function or an instance belongs to Keras or studyhall."""
    module = getattr(thing, "__module__", None) or type(thing).__module__
    return str(module).split(".")[0] in NOT_OWN


def named(config: Any) -> NamedObjects:
    """Return the objects that the configuration of a saved model refers to.

    Args:
        config: the `config.json` of a `.keras` file.
    """
    classes, registered, lambdas = set[str](), set[str](), False
    for each in _objects(config):
        module, name = str(each.get("module")), each["class_name"]
        if name == "__lambda__":
            lambdas = True
        elif name == "function" and isinstance(each.get("config"), str):
            (registered if ">" in each["config"] else classes).add(each["config"])
        elif each.get("registered_name") and module.partition(".")[0] != "keras":
            whole = each["registered_name"]
            (registered if ">" in whole else classes).add(whole)
    return NamedObjects(frozenset(classes), frozenset(registered), lambdas)


def modules() -> list[ModuleType]:
    """Return the user's modules: files that a study names, and imported ones from their folders."""
    named = user_code.loaded()
    folders = {Path(str(module.__file__)).parent for module in named}
    beside = [module for module in list(sys.modules.values()) if _lies_in(module, folders)]
    return [*named, *(module for module in beside if module not in named)]


def needed(first: list[ModuleType]) -> list[ModuleType]:
    """Return these modules and all of the user's modules that they import, recursively."""
    own = {module.__name__: module for module in modules()}
    found, new = list[ModuleType](), list(first)
    while new:
        module = new.pop(0)
        if module in found:
            continue
        found.append(module)
        values = vars(module).values()
        names = {v.__name__ if inspect.ismodule(v) else _written_in(v) for v in values}
        new += [own[name] for name in sorted(names & own.keys())]
    return found


def path_below(module: ModuleType) -> Path:
    """Return the relative path at which a module can be imported from a folder by its name."""
    path = Path(*module.__name__.split("."))
    is_package = Path(str(module.__file__)).name == "__init__.py"
    return path / "__init__.py" if is_package else path.with_suffix(".py")


def find(name: str) -> Any:
    """Return the class or function of that name that a user's module defines, or None."""
    for module in modules():
        found = vars(module).get(name.rpartition(">")[2])
        is_one = inspect.isclass(found) or inspect.isfunction(found)
        if is_one and getattr(found, "__module__", None) == module.__name__:
            return found
    return None


def _written_in(value: Any) -> str:
    return str(getattr(value, "__module__", ""))


def _lies_in(module: ModuleType, folders: set[Path]) -> bool:
    path = getattr(module, "__file__", None)
    if not path or not path.endswith(".py") or {*LIBRARIES} & {*Path(path).parts}:
        return False
    return any(Path(path).is_relative_to(folder) for folder in folders)


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a configuration, including nested ones."""
    if isinstance(config, dict):
        if "class_name" in config:
            yield config
        config = list(config.values())
    if isinstance(config, list):
        for each in config:
            yield from _objects(each)
