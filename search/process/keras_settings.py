"""Keras as it comes, whatever this machine's keras.json and environment say.

Data format, float type, epsilon and backend change numbers, and models: two workers with settings
of their own would train differently. What a model needs of them its own code says, everywhere.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path

# Debugging switches that cut trainings short, and other Kerases.
DROPPED = (
    "KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "KERAS_NNX_ENABLED", "TF_USE_LEGACY_KERAS",
)  # fmt: skip
SETS_FORMAT = "set_image_data_format"


def settle(environment: MutableMapping[str, str] = os.environ) -> None:
    """Before anything imports Keras: TensorFlow is its backend, nothing cuts trainings short."""
    environment["KERAS_BACKEND"] = "tensorflow"
    for name in DROPPED:
        environment.pop(name, None)


@contextmanager
def as_it_comes() -> Iterator[None]:
    """Keras that is imported here reads no keras.json, and looks for its files where it would."""
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
    """The folder that Keras keeps its files in."""
    if given := os.environ.get("KERAS_HOME"):
        return Path(given).expanduser()
    mine = Path.home()
    return (mine if os.access(mine, os.W_OK) else Path(tempfile.gettempdir())) / ".keras"


def check_code(code: Path) -> None:
    """See that a model of the user's own does not lean on this machine's keras.json.

    Args:
        code: the file of its builder.

    Raises:
        UserCodeError: it may: the file asks for channels first, and the code does not.
    """
    from studyhall.spaces.failures import (
        UserCodeError,  # this module runs before packages are checked
    )

    file = home() / "keras.json"
    if _wants_channels_first(file) and SETS_FORMAT not in code.read_text(encoding="utf-8"):
        raise UserCodeError(
            f"{file} asks for channels_first, which studyhall does not read, as other machines "
            f"have other files: let {code.name} say which it wants by keras.config.{SETS_FORMAT}; "
            'pictures come with "channels_last"'
        )


def _wants_channels_first(file: Path) -> bool:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and (
        found.get("image_data_format") == "channels_first"
        or found.get("image_dim_ordering") == "th"
    )
