"""Keras with its default settings, independent of this machine's keras.json and environment.

Data format, float type, epsilon and backend change models and results, so two workers with
different settings would train differently. A model that needs other settings must set them in its
own code.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path

# Environment variables that shorten training for debugging, or select another version of Keras.
DROPPED = (
    "KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "KERAS_NNX_ENABLED", "TF_USE_LEGACY_KERAS",
)  # fmt: skip
SETS_FORMAT = "set_image_data_format"


def settle(environment: MutableMapping[str, str] = os.environ) -> None:
    """Select the TensorFlow backend and drop other settings; call before Keras is imported."""
    environment["KERAS_BACKEND"] = "tensorflow"
    for name in DROPPED:
        environment.pop(name, None)


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
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and (
        found.get("image_data_format") == "channels_first"
        or found.get("image_dim_ordering") == "th"
    )
