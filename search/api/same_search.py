"""The check that a search which goes on is still the same: its builder, data and settings."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from functools import partial
from typing import Any

import numpy as np

from studyhall.search.process import handover
from studyhall.search.study_file import study_names
from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces import spelling
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageError
from studyhall.storage.queries import status
from studyhall.storage.studies import studies

KEY = "searched"  # attribute of the study: the fingerprints, by what they are of
BUILDER = "build"
# Arguments of `fit` that change no value, that the study compares itself, or that have no text.
UNCOMPARED = ("verbose", "epochs", "callbacks")
PLAIN = (bool, int, float, str, tuple)
LARGEST = 2**30  # bytes of an array that are read; of a larger one, rows at equal distances


def fingerprints(build: Any, given: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 (hex) of a builder and of each argument of `fit`, by its name."""
    found = {
        name: hashlib.sha256(b"".join(_parts(value))).hexdigest()
        for name, value in given.items()
        if name not in UNCOMPARED and value is not None
    }
    state = hashlib.sha256(b"".join(_parts(_settings(build)))).hexdigest()
    function = build.func if isinstance(build, partial) else build
    return {BUILDER: handover.fingerprint_of(function) + state, **found}


def check(url: str, name: str, found: Mapping[str, str]) -> None:
    """Check that a study of that name, if it has results, is of the same search.

    Args:
        url: URL of the database.
        name: the study's name.
        found: the fingerprints.

    Raises:
        ConfigError: it is of another search.
    """
    known = _known(url, study_names.legal(name))
    other = [key for key in {**known, **found} if known.get(key) != found.get(key)]
    if known and other:
        received = f"received another {spelling.listed(other)} than this study began with"
        why = "their values can't be ranked together"
        raise ConfigError([f"{name}: search(): {received}: {why}; give this search another name"])


def _known(url: str, name: str) -> dict[str, str]:
    """Return the fingerprints that a study with results was searched with."""
    with suppress(StorageError), closing(Database.open(url, create=False)) as db:
        study = studies.find(db, name)
        if study is None:
            return {}
        counts = status.status(db, study).counts
        if counts["COMPLETE"] + counts["PRUNED"]:
            attributes = db.optuna_storage().get_study_user_attrs(study.study_id)
            return dict(attributes.get(KEY, {}))
    return {}


def _settings(build: Any) -> list[Any]:
    """Return the numbers and words that a builder has been made with: defaults, closure, state."""
    if inspect.isfunction(build):
        named = (build.__kwdefaults__ or {}), inspect.getclosurevars(build).nonlocals
        held = [*(build.__defaults__ or ()), *(each for some in named for each in some.values())]
    elif isinstance(build, partial):
        held = [*build.args, *build.keywords.values(), *_settings(build.func)]
    elif inspect.ismethod(build):
        held = _settings(build.__self__)
    else:
        held = [] if inspect.isclass(build) else [*getattr(build, "__dict__", {}).values()]
    return [each for each in held if isinstance(each, PLAIN)]


def _parts(value: Any) -> Iterator[bytes]:
    """Yield what tells a value from others; of what can be read only once, its type alone."""
    if hasattr(value, "to_numpy"):  # a table
        value = value.to_numpy()
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield repr(key).encode()
            yield from _parts(each)
    elif isinstance(value, list | tuple):
        yield str(len(value)).encode()
        for each in value:
            yield from _parts(each)
    elif value is None or isinstance(value, bool | int | float | str | np.generic):
        yield repr(value).encode()
    elif hasattr(value, "shape") and hasattr(value, "dtype"):
        yield from _of_array(value)
    else:
        yield type(value).__name__.encode()


def _of_array(value: Any) -> Iterator[bytes]:
    array = np.asarray(value)
    yield f"{array.dtype.str}{array.shape}".encode()
    rows = array[:: 1 + array.nbytes // LARGEST] if array.ndim else array
    text = rows.dtype == object
    yield repr(rows.tolist()).encode() if text else np.ascontiguousarray(rows).tobytes()
