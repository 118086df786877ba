"""The files of an exported model: compared with what the database has recorded, and copied.

Whoever can write to the folder of artifacts can change them, and the card that names their
checksums, too. So the database has the SHA-256 of each, from the export of the proven model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from studyhall.search.evaluation.best import FILES, PLAIN, Best
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.artifacts import atomic_files
from studyhall.storage.artifacts.atomic_files import ArtifactError
from studyhall.storage.database import private_files

BLOCK_BYTES = 2**20


def digests(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of each file of a folder, as 64 hexadecimal digits.

    Raises:
        FileNotFoundError, ArtifactError: one is not there, or is no regular file.
    """
    return {name: atomic_files.sha256(folder / name) for name in names}


def is_whole(found: Best) -> bool:
    """Return True if all exported files are there, as the database has recorded them."""
    if found.folder is None:
        return False
    try:
        recorded = _of_card(found) if found.sha256 is None else found.sha256
        return digests(found.folder, found.files).items() >= recorded.items()
    except (OSError, ArtifactError, ValueError, LookupError):  # gone, or no card any more
        return False


def card(found: Best) -> dict[str, Any]:
    """Return the card of an exported model; empty if there is none, or it was changed."""
    try:
        with atomic_files.opened(_folder(found) / FILES[1]) as file:
            content = file.read()
        recorded = (found.sha256 or {}).get(FILES[1])
        if recorded not in (None, hashlib.sha256(content).hexdigest()):
            return {}
        return dict(json.loads(content))
    except (ConfigError, OSError, ArtifactError, ValueError):
        return {}


def copy(found: Best, target: Path, *, model: bool = True) -> None:
    """Copy model and card into a folder, each file atomically.

    Args:
        found: the best trial.
        target: folder to copy to; created if missing.
        model: False to copy the card alone.

    Raises:
        ArtifactError: the folder can't be written, or the disk is full.
        ConfigError: there is no exported model, for example because it is not proven; or one of its
            files was changed.
    """
    folder = _folder(found)
    private_files.make_folder(target)
    recorded = found.sha256 or {}
    for name in found.files if model else FILES[1:]:
        private_files.make_folder((target / name).parent)
        copy_checked(folder / name, target / name, recorded.get(name))


def copy_model(found: Best, target: Path) -> None:
    """Copy the model alone to a file, atomically.

    Raises:
        ArtifactError: the file can't be written.
        ConfigError: there is no exported model, it was changed, or needs other files beside it.
    """
    folder = _folder(found)
    if tuple(found.load or PLAIN) != PLAIN:
        received = f"received a file, {target}, but the model needs {', '.join(found.files)}"
        raise ConfigError([f"--export: {received}, expected a folder"])
    copy_checked(folder / found.model, target, (found.sha256 or {}).get(found.model))


def copy_checked(source: Path, target: Path, sha256: str | None, *, follow: bool = True) -> None:
    """Copy a file whose content must be what was recorded; nothing is written if it isn't.

    Args:
        source: the file, in a folder that others may write to.
        target: the file to write or replace.
        sha256: of the content, as 64 hexadecimal digits; None: nothing is recorded.
        follow: as for `atomic_files.replacing`.

    Raises:
        ArtifactError: the target can't be written, or the source can't be read.
        ConfigError: the content is another.
    """
    with atomic_files.replacing(target, follow=follow) as unfinished:
        found = _copied(source, unfinished)
        if sha256 is not None and found != sha256:
            raise ConfigError(
                [f"{source}: received a file of SHA-256 {found}, expected {sha256} as recorded"]
            )


def _folder(found: Best) -> Path:
    if found.folder is None:
        raise ConfigError([f'study "{found.study.name}" has no exported model'])
    return found.folder


def _copied(source: Path, target: Path) -> str:
    """Copy a file, which may be changed meanwhile; return the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    with atomic_files.opened(source) as file, target.open("wb") as written:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            written.write(block)
    return digest.hexdigest()


def _of_card(found: Best) -> dict[str, str]:
    """Return the SHA-256 of the model that its card says, of an export of an earlier version.

    Raises:
        LookupError: there is no such card.
    """
    return {found.model: card(found)["model_sha256"]}
