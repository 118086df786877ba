"""The users file: who may log in to the dashboard, and as what.

It holds no password and no token, only what tells whether one is right: passwords as Werkzeug
hashes them (scrypt), tokens, which nobody can guess, as SHA-256.
"""

from __future__ import annotations

import enum
import hashlib
import json
import os
import re
import secrets
import stat
from dataclasses import asdict, dataclass
from pathlib import Path

from werkzeug.security import generate_password_hash

from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.artifacts import artifact_store

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")
SHORTEST_PASSWORD = 8  # characters
MODE = 0o600


class Role(enum.StrEnum):
    """What a user may do; each may what those before it may."""

    #: looks at everything
    VIEWER = "viewer"
    #: writes notes, attaches files to them, stops trials
    EDITOR = "editor"
    #: deletes, restores, renames
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Whether this role may do what the other may."""
        roles = list(Role)
        return roles.index(self) >= roles.index(other)


@dataclass(frozen=True)
class User:
    """A user of the file.

    Attributes:
        password: Werkzeug's hash of it.
        token: SHA-256 of a bearer token, in hexadecimal.
    """

    name: str
    role: Role
    password: str | None = None
    token: str | None = None


def read(path: Path) -> dict[str, User]:
    """The users of a file, by name.

    Raises:
        ConfigError: it is missing, damaged, or readable by others.
    """
    how = f"a file made by: studyhall users add NAME --role admin --users {path}"
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        rows = json.loads(path.read_text(encoding="utf-8"))
        users = [User(name, Role(row.pop("role")), **row) for name, row in rows.items()]
    except OSError as error:
        raise ConfigError(
            [f"--users: received {path} ({error.strerror}), expected {how}"]
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(
            [f"--users: received {path}, which is damaged, expected {how}"]
        ) from error
    if mode & 0o077:
        raise ConfigError([f"--users: received {path} with mode {mode:04o}, expected 0600"])
    return {user.name: user for user in users}


def add(path: Path, name: str, role: Role, password: str) -> bool:
    """Add a user, or give one another role and password.

    Returns:
        Whether the user is new.

    Raises:
        ConfigError: the name or the password won't do, or the file can't be used.
    """
    if len(password) < SHORTEST_PASSWORD:
        expected = f"at least {SHORTEST_PASSWORD} characters"
        raise ConfigError([f"password: received {len(password)} characters, expected {expected}"])
    return _put(path, User(name, role, password=generate_password_hash(password)))


def add_token(path: Path, name: str, role: Role) -> tuple[str, bool]:
    """Add a user, or change one, who shows a bearer token.

    Returns:
        The token, which can't be read again, and whether the user is new.

    Raises:
        ConfigError: the name won't do, or the file can't be used.
    """
    token = secrets.token_urlsafe(32)
    return token, _put(path, User(name, role, token=fingerprint(token)))


def remove(path: Path, name: str) -> None:
    """Remove a user.

    Raises:
        ConfigError: there is none of that name, or the file can't be used.
    """
    users = read(path)
    if name not in users:
        raise ConfigError([f"user: received {name!r}, expected one of {', '.join(users)}"])
    del users[name]
    _write(path, users)


def fingerprint(token: str) -> str:
    """What the file keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _put(path: Path, user: User) -> bool:
    if not NAME.fullmatch(user.name):
        expected = "at most 100 letters, digits, dots, @, - and _"
        raise ConfigError([f"user: received {user.name!r}, expected {expected}"])
    users = read(path) if path.exists() else {}
    new = user.name not in users
    _write(path, {**users, user.name: user})
    return new


def _write(path: Path, users: dict[str, User]) -> None:
    rows = {
        user.name: {
            key: value for key, value in asdict(user).items() if key != "name" and value is not None
        }
        for user in users.values()
    }
    try:
        with artifact_store.replacing(path, durable=True) as unfinished:
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump(rows, file, indent=2)
                file.write("\n")
    except artifact_store.ArtifactError as error:
        raise ConfigError([f"--users: received {error}, expected a place to write"]) from error
