"""Keras with its default settings, independent of this machine's keras.json and environment.

Data format, float type and epsilon change models and results, so two workers with different
settings would train differently. A model that needs other settings must set them in its own code.
The backend is the exception: keras.json and environment choose it where the study file does not,
and from then on it is recorded with the study.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Environment variables that shorten training for debugging, or select another version of Keras.
DROPPED = (
    "KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "KERAS_NNX_ENABLED", "TF_USE_LEGACY_KERAS",
)  # fmt: skip
SETS_FORMAT = "set_image_data_format"
BACKEND = "KERAS_BACKEND"
PREALLOCATES = "XLA_PYTHON_CLIENT_PREALLOCATE"  # of JAX
BACKENDS = ("tensorflow", "jax", "torch")  # names of Keras, and of the packages


def settle(environment: MutableMapping[str, str] = os.environ) -> None:
    """Drop settings of the environment; call before Keras is imported."""
    for name in DROPPED:
        environment.pop(name, None)


def backend_here() -> tuple[str, str]:
    """Return the backend that this machine's settings choose, and where they say so."""
    if given := os.environ.get(BACKEND):
        return given, f"${BACKEND}"
    file = home() / "keras.json"
    given = _settings(file).get("backend")
    return (str(given), str(file)) if given else (BACKENDS[0], "Keras' default")


def is_installed(name: str) -> bool:
    """Return True if this machine has the package of a backend."""
    return name in sys.modules or importlib.util.find_spec(name) is not None


def backend_in_use() -> str | None:
    """Return the backend with which this process has imported Keras; None if it has not."""
    keras: Any = sys.modules.get("keras")
    return None if keras is None else str(keras.config.backend())


def package(name: str) -> str:
    """Return what pip installs a backend by, in versions that fit."""
    return name if name == BACKENDS[0] else f"studyhall[{name}]"


def choose_backend(name: str) -> None:
    """Let this process and those that it starts use a backend, if it is known and installed.

    Raises:
        ValueError: it is not; the message says which ones are.
        RuntimeError: this process has already imported Keras with another one.
    """
    if name not in BACKENDS:
        raise ValueError(f"one of {', '.join(BACKENDS)}")
    if not is_installed(name):
        there = [f'"{each}"' for each in BACKENDS if is_installed(each)]
        others = f"{' or '.join(there)}, which this machine has" if there else "another one"
        raise ValueError(f"{others}, or {name} installed (pip install {package(name)})")
    if (begun := backend_in_use()) not in (None, name):
        raise RuntimeError(f"Keras runs with {begun} already, not with {name}")
    os.environ[BACKEND] = name
    # Otherwise any process with JAX, even one that only inspects, takes most of a GPU's memory.
    os.environ.setdefault(PREALLOCATES, "false")


@contextmanager
def as_it_comes() -> Iterator[None]:
    """Import Keras in a `with` block without keras.json; keep its usual folder for files."""
    if "keras" in sys.modules:
        yield
        return
    given = os.environ.get("KERAS_HOME")
    try:
        with tempfile.TemporaryDirectory() as empty:
            os.environ["KERAS_HOME"] = empty
            yield
    finally:
        os.environ.pop("KERAS_HOME")
        if given is not None:
            os.environ["KERAS_HOME"] = given
    from studyhall.spaces import private_names  # this module runs before packages are checked

    config = private_names.find(private_names.CONFIG)
    if hasattr(config, "_KERAS_DIR"):
        config._KERAS_DIR = str(home())


def home() -> Path:
    """Return the folder of Keras' files, such as its cache of data sets."""
    if given := os.environ.get("KERAS_HOME"):
        return Path(given).expanduser()
    mine = Path.home()
    return (mine if os.access(mine, os.W_OK) else Path(tempfile.gettempdir())) / ".keras"


def check_code(code: Path) -> None:
    """Check that a model of the user's own does not depend on this machine's keras.json.

    Args:
        code: the Python file of its builder.

    Raises:
        UserCodeError: keras.json sets channels_first, and the code never sets the data format.
    """
    from studyhall.spaces.failures import (
        UserCodeError,  # this module runs before packages are checked
    )

    file = home() / "keras.json"
    if _wants_channels_first(file) and SETS_FORMAT not in code.read_text(encoding="utf-8"):
        raise UserCodeError(
            f"{file} sets channels_first, but studyhall ignores this file, as it may differ "
            f"between machines: in {code.name}, set the data format with "
            f'keras.config.{SETS_FORMAT}; images are loaded as "channels_last"'
        )


def _wants_channels_first(file: Path) -> bool:
    found = _settings(file)
    return (
        found.get("image_data_format") == "channels_first"
        or found.get("image_dim_ordering") == "th"
    )


def _settings(file: Path) -> dict[str, Any]:
    """Return the settings of a keras.json; none if it can't be read."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
