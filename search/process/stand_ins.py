"""Ours in place of others' while a script runs: KerasTuner's modules, and Optuna's studies."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

OURS = "studyhall.keras_tuner"
OPTUNA = "studyhall.optuna"
NAMES = ("keras_tuner", "kerastuner")
MOVED = {  # modules of KerasTuner by ours of the same content
    "tuners.randomsearch": "tuners",
    "tuners.bayesian": "tuners",
    "tuners.hyperband": "tuners",
    "tuners.gridsearch": "tuners",
    "tuners.sklearn_tuner": "sklearn_tuner",
    "engine.base_tuner": "tuner",
    "engine.multi_execution_tuner": "tuner",
    "engine.tuner_utils": "tuner_callback",
    "engine.hyperparameter": "hyperparameters",
}
SPACE = "studyhall.spaces.hp"
OF_SPACE = ("conditions",)
KEPT = ("__all__", "__version__", "__doc__", "__getattr__")


def install_where_missing() -> None:
    """Let ours answer from now on for KerasTuner, unless it is installed."""
    if not any(map(is_ours, sys.meta_path)):
        sys.meta_path.append(_Finder())


def install() -> None:
    """Let ours answer from now on, also where KerasTuner itself is installed."""
    for name in [each for each in sys.modules if each.partition(".")[0] in NAMES]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Finder())
    importlib.import_module(OPTUNA).install()


def is_ours(finder: object) -> bool:
    """Return True for the finder that lets ours answer."""
    return isinstance(finder, _Finder)


class _Finder(MetaPathFinder):
    """Finds the modules of KerasTuner among ours."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        root, _, rest = fullname.partition(".")
        if root not in NAMES:
            return None
        return ModuleSpec(fullname, _Copier(_place(rest)), is_package=True)


class _Copier(Loader):
    """Fills a module with the content of one of ours."""

    def __init__(self, place: str) -> None:
        self._place = place

    def exec_module(self, module: ModuleType) -> None:
        ours = importlib.import_module(self._place)
        content = {
            name: value
            for name, value in vars(ours).items()
            if name in KEPT or not name.startswith("__")
        }
        vars(module).update(content)


def _place(rest: str) -> str:
    """Return our module for a name below `keras_tuner`."""
    rest = rest.removeprefix("src").removeprefix(".")
    ours = MOVED.get(rest, rest.removeprefix("engine."))
    if ours in OF_SPACE:
        return f"{SPACE}.{ours}"
    return ".".join(filter(None, (OURS, ours)))
