"""A database URL that lies in a file, as containers get their secrets."""

from __future__ import annotations

import os
from pathlib import Path

from studyhall.search.study_file.config_error import ConfigError


def read() -> None:
    """Let ``STUDYHALL_STORAGE`` be what the file of ``STUDYHALL_STORAGE_FILE`` holds.

    Raises:
        ConfigError: it can't be read, or holds nothing.
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
