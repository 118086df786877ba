"""The entry point of the command ``studyhall``, also run by ``python -m studyhall``."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

from studyhall.search.process import keras_settings

# Must be set before TensorFlow is imported; hides its log lines about CPU features and drivers.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
keras_settings.settle()

INTERRUPTED = 130  # exit code after Ctrl-C


def main() -> None:
    """Run the command line; report each mistake of the user in one line, with exit code 2."""
    _let_libraries_warn()
    from studyhall.search.process import streams

    streams.prepare()
    sys.exit(streams.ended(_run()))


def _run() -> Any:
    """Run the command and return its exit code."""
    try:
        from studyhall.search.process.garbage import uncollected

        with uncollected():
            from studyhall.search.cli.app import run
            from studyhall.search.display import interpreter
        interpreter.print_literally()
        run()
    except SystemExit as end:
        return end.code
    except KeyboardInterrupt:
        return INTERRUPTED


def _let_libraries_warn() -> None:
    """Drop filters, such as PYTHONWARNINGS=error, that turn a library's warnings into failures."""
    for strict in [each for each in warnings.filters if each[0] == "error"]:
        warnings.filters.remove(strict)  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
