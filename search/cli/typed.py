"""What a user types to go on, as studyhall tells it."""

from __future__ import annotations

from shlex import quote

from studyhall.storage.database.urls import default_url, shown


def at(url: str) -> str:
    """What a command needs beside a study's name to find the same database."""
    return "" if url == default_url() else f" --storage {quote(shown(url))}"
