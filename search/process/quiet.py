"""Libraries without what they write to the terminal: TensorFlow as it loads, Optuna at work."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from studyhall.search.process import keras_settings
from studyhall.search.process.garbage import uncollected

if TYPE_CHECKING:
    import optuna

STDERR = 2


def import_tensorflow() -> None:
    """Load TensorFlow and Keras; what they wrote to stderr appears only where that fails.

    The notes about processors and drivers come from native code before any log level holds, so
    the file descriptor itself is turned aside.
    """
    with tempfile.TemporaryFile() as aside:
        terminal = os.dup(STDERR)
        os.dup2(aside.fileno(), STDERR)
        try:
            with uncollected():
                with keras_settings.as_it_comes():
                    importlib.import_module("keras")
                importlib.import_module("tensorflow")
            hush_optuna()  # which the user's code may use
        except BaseException:
            aside.seek(0)
            os.write(terminal, aside.read())
            raise
        finally:
            os.dup2(terminal, STDERR)
            os.close(terminal)


@contextmanager
def spared(*libraries: str) -> Iterator[None]:
    """Import what is imported here without libraries that it brings along and has no need of.

    Optuna takes note that they are missing, and says so to whoever asks for what needs them: that
    is nobody here. Elsewhere they are there as ever.
    """
    missing = [name for name in libraries if name not in sys.modules]
    for name in missing:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]


def hush_optuna() -> None:
    """Let Optuna say what is wrong, and not that a study has been created."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)


def optuna_study(**options: Any) -> optuna.Study:
    """A study of Optuna's in memory.

    Args:
        options: of `optuna.create_study`.
    """
    hush_optuna()
    import optuna

    return optuna.create_study(**options)
