"""Hyperparameter search for Keras models: the package that users install and import."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from studyhall.commands import (
        adopt,
        compare,
        doctor,
        import_keras_tuner,
        launch,
        status,
        trash,
        tune,
    )
    from studyhall.optuna import callback
    from studyhall.search.api.best_trial import BestTrial
    from studyhall.search.api.comparison import Comparison
    from studyhall.search.study_file.config_error import ConfigError
    from studyhall.spaces.failures import UserCodeError
    from studyhall.storage.database.urls import StorageError
    from studyhall.study import Study

__version__ = "0.2.0"
__all__ = [
    "BestTrial",
    "Comparison",
    "ConfigError",
    "StorageError",
    "Study",
    "UserCodeError",
    "__version__",
    "adopt",
    "callback",
    "compare",
    "doctor",
    "import_keras_tuner",
    "launch",
    "status",
    "trash",
    "tune",
]

# Imported when they are first asked for: `import studyhall` takes no time.
_PLACES = {
    "BestTrial": "search.api.best_trial",
    "Comparison": "search.api.comparison",
    "ConfigError": "search.study_file.config_error",
    "StorageError": "storage.database.urls",
    "Study": "study",
    "UserCodeError": "spaces.failures",
    "adopt": "commands",
    "callback": "optuna",
    "compare": "commands",
    "doctor": "commands",
    "import_keras_tuner": "commands",
    "launch": "commands",
    "status": "commands",
    "trash": "commands",
    "tune": "commands",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
