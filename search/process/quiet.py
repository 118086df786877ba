"""Libraries without their output to the terminal: Keras' backend's at import, Optuna's log."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from studyhall.search.process import keras_settings, stand_ins
from studyhall.search.process.garbage import uncollected

if TYPE_CHECKING:
    import optuna

STDERR = 2


def import_keras() -> None:
    """Import Keras and its backend; show what they write to stderr only if the import fails.

    Native code writes about CPU features and drivers before any log level takes effect, so the file
    descriptor itself is redirected.
    """
    with tempfile.TemporaryFile() as aside:
        terminal = os.dup(STDERR)
        os.dup2(aside.fileno(), STDERR)
        try:
            with uncollected():
                backend = os.environ.get(keras_settings.BACKEND, "tensorflow")
                # TensorFlow would import JAX, for a converter from JAX that nothing here uses.
                unused = ["jax"] if backend == "tensorflow" else []
                with keras_settings.as_it_comes(), spared(*unused):
                    importlib.import_module("keras")
                computes = importlib.import_module(backend)
                if backend == "tensorflow":  # it complains of a driver when it first looks for GPUs
                    computes.config.list_physical_devices("GPU")
            hush_optuna()  # the user's code may use Optuna
            stand_ins.install_where_missing()  # and declare its models for KerasTuner
            logging.getLogger("jax").setLevel(logging.WARNING)  # it tells of devices it lacks
        except BaseException:
            aside.seek(0)
            os.write(terminal, aside.read())
            raise
        finally:
            os.dup2(terminal, STDERR)
            os.close(terminal)


@contextmanager
def spared(*libraries: str) -> Iterator[None]:
    """Import modules in a `with` block without the given optional libraries, which load slowly.

    Optuna treats them as not installed, and would report that to code that needs them; none of ours
    does. After the block they can be imported as usual.
    """
    missing = [name for name in libraries if name not in sys.modules]
    for name in missing:
        # None in sys.modules makes the import raise ModuleNotFoundError.
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]


def hush_optuna() -> None:
    """Let Optuna log warnings and errors only."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)


def optuna_study(**options: Any) -> optuna.Study:
    """Create an Optuna study in memory.

    Args:
        options: options of `optuna.create_study`.
    """
    hush_optuna()
    from optuna.study.study import create_study  # a script may have replaced Optuna's own

    return create_study(**options)
