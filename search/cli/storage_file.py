"""The database URL read from a file, as container secrets are provided."""

from __future__ import annotations

import os
from pathlib import Path

from studyhall.search.study_file.config_error import ConfigError


def read() -> None:
    """Set ``STUDYHALL_STORAGE``, unless set, to the text of the file ``STUDYHALL_STORAGE_FILE``.

    Raises:
        ConfigError: the file can't be read or is empty.
    """
    name = os.environ.get("STUDYHALL_STORAGE_FILE")
    if not name or os.environ.get("STUDYHALL_STORAGE"):
        return
    try:
        url = Path(name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([_received(f"{name} ({_reason(error)})")]) from error
    if not url:
        raise ConfigError([_received(f"{name}, which is empty")])
    os.environ["STUDYHALL_STORAGE"] = url


def _received(what: str) -> str:
    return f"STUDYHALL_STORAGE_FILE: received {what}, expected a file with a database URL"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or "not text"
