"""Import TensorFlow without what its libraries write to the terminal while they load."""

from __future__ import annotations

import importlib
import os
import tempfile

from studyhall.search.process import keras_settings

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
            with keras_settings.as_it_comes():
                importlib.import_module("keras")
            importlib.import_module("tensorflow")
        except BaseException:
            aside.seek(0)
            os.write(terminal, aside.read())
            raise
        finally:
            os.dup2(terminal, STDERR)
            os.close(terminal)
