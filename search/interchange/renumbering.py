"""Identifiers of studies and trials inside optuna-dashboard's notes and artifacts.

A copied study has other identifiers, and the notes' links and the artifacts' names hold them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from studyhall.search.display import notes
from studyhall.storage.studies.copying import Identifiers

_NOTE = re.compile(r"(dashboard:(?:\d+:)?)note_str:(\d+)")
_KEY = re.compile(r"(dashboard:(?:artifacts:)?)(\d+)(?=:)")
_LINK = re.compile(r"/artifacts/(\d+)/(\d+)/")
_MADE = re.compile(r"(57d7a11e-000[12]-8000-8000-)([0-9a-f]{12})")


def renumber(attributes: dict[str, str], ids: Identifiers) -> dict[str, str]:
    """Replace the identifiers in attributes of Optuna's tables.

    Args:
        attributes: JSON texts by key.
        ids: the new identifiers by the old ones; others are left as they are.
    """
    found: dict[str, str] = {}
    written: dict[str, dict[int, str]] = {}
    for key, text in attributes.items():
        if note := _NOTE.fullmatch(key):
            written.setdefault(note[1], {})[int(note[2])] = json.loads(text)
        else:
            found[_key(key, ids)] = _links(text, ids)
    for prefix, chunks in written.items():
        found |= _note(_key(prefix, ids), _links(_whole(chunks), ids))
    return found


def _whole(chunks: Mapping[int, str]) -> str:
    return "".join(chunks[place] for place in sorted(chunks))


def _note(prefix: str, body: str) -> dict[str, str]:
    """Return a note in as many attributes as its length needs."""
    size = notes.NOTE_CHUNK
    chunks = [body[start : start + size] for start in range(0, len(body), size)] or [""]
    return {f"{prefix}note_str:{place}": json.dumps(chunk) for place, chunk in enumerate(chunks)}


def _key(key: str, ids: Identifiers) -> str:
    return _links(_KEY.sub(lambda m: f"{m[1]}{_trial(m[2], ids)}", key), ids)


def _links(text: str, ids: Identifiers) -> str:
    linked = _LINK.sub(lambda m: f"/artifacts/{_study(m[1], ids)}/{_trial(m[2], ids)}/", text)
    return _MADE.sub(lambda m: f"{m[1]}{_trial(int(m[2], 16), ids):012x}", linked)


def _trial(number: Any, ids: Identifiers) -> int:
    return ids.trials.get(int(number), int(number))


def _study(number: Any, ids: Identifiers) -> int:
    return ids.studies.get(int(number), int(number))
