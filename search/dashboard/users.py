"""The users file: who may log in to the dashboard, with which role.

It contains no password or token, only hashes: Werkzeug's scrypt hash of a password, and the SHA-256
of a token, which is random and needs no slow hash.
"""

from __future__ import annotations

import enum
import hashlib
import json
import re
import secrets
import stat
from dataclasses import asdict, dataclass
from pathlib import Path

from werkzeug.security import generate_password_hash

from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.artifacts import atomic_files

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")
SHORTEST_PASSWORD = 8  # characters
MODE = 0o600


class Role(enum.StrEnum):
    """The rights of a user; each role includes those before it."""

    #: reads everything
    VIEWER = "viewer"
    #: also writes notes, uploads files, stops trials
    EDITOR = "editor"
    #: also deletes, renames and everything else
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Return True if this role has all rights of the other."""
        roles = list(Role)
        return roles.index(self) >= roles.index(other)


@dataclass(frozen=True)
class User:
    """A user of the file.

    Attributes:
        password: Werkzeug's hash of the password.
        token: SHA-256 of a bearer token, in hexadecimal.
    """

    name: str
    role: Role
    password: str | None = None
    token: str | None = None


def read(path: Path) -> dict[str, User]:
    """Read the users of a file, by name.

    Raises:
        ConfigError: the file is missing, damaged, or readable by other accounts.
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
    """Add a user, or change a user's role and password.

    Returns:
        True if the user is new.

    Raises:
        ConfigError: the name is invalid, the password too short, or the file can't be used.
    """
    if len(password) < SHORTEST_PASSWORD:
        expected = f"at least {SHORTEST_PASSWORD} characters"
        raise ConfigError([f"password: received {len(password)} characters, expected {expected}"])
    return _put(path, User(name, role, password=generate_password_hash(password)))


def add_token(path: Path, name: str, role: Role) -> tuple[str, bool]:
    """Add a user with a new bearer token, or change a user to have one.

    Returns:
        The token, which is not stored and can't be shown again; and True if the user is new.

    Raises:
        ConfigError: the name is invalid, or the file can't be used.
    """
    token = secrets.token_urlsafe(32)
    return token, _put(path, User(name, role, token=fingerprint(token)))


def remove(path: Path, name: str) -> None:
    """Remove a user.

    Raises:
        ConfigError: there is no such user, or the file can't be used.
    """
    users = read(path)
    if name not in users:
        raise ConfigError([f"user: received {name!r}, expected one of {', '.join(users)}"])
    del users[name]
    _write(path, users)


def fingerprint(token: str) -> str:
    """Return the SHA-256 of a token, in hexadecimal, as stored in the file."""
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
        with atomic_files.replacing(path, durable=True) as unfinished:
            unfinished.chmod(MODE)  # whatever group may share the folder
            unfinished.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    except atomic_files.ArtifactError as error:
        raise ConfigError([f"--users: received {error}, expected a writable file"]) from error
