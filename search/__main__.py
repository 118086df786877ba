"""The command ``studyhall``; ``python -m search`` is the same."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from search.process import keras_settings

# Before anything imports TensorFlow: its notes about processors and drivers help nobody here.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
keras_settings.settle()

INTERRUPTED = 130  # exit code after Ctrl-C


def main() -> None:
    """Run the command line; the user's mistakes end in one line each and exit code 2."""
    _check_packages()
    try:
        from search.cli import run

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _check_packages() -> None:
    """Refuse to run on somebody else's modules: PyPI has another distribution named spaces."""
    here = Path(__file__).resolve().parent.parent
    for package in ("spaces", "storage"):
        spec = importlib.util.find_spec(package)
        found = Path(spec.origin).resolve().parent if spec and spec.origin else None
        if found != here / package:
            sys.exit(
                f"{package}: received the package at {found}, expected {here / package}; another "
                f"distribution of that name is in the way: pip uninstall {package}, and install "
                "studyhall again"
            )


if __name__ == "__main__":
    main()
