"""The names that people give to training, validation and test data."""

from __future__ import annotations

import re

PARTS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
FILLERS = {"set", "data", "dataset", "images", "imgs", "pictures", "photos", "samples", "split"}
FILLERS |= {"seg", "folder", "dir", "files", ""}
JOINED = re.compile(r"(?P<part>train|training|val|valid|validation|test|testing)(set|data|images)")


def of_folder(name: str) -> str | None:
    """Return "train", "validation" or "test" for a folder's name; None for any other.

    `Training`, `test_set`, `1-train` and `valImages` name parts; `train_station` does not.
    """
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)
    parts = [PARTS[part] for word in words if (part := _unjoined(word.lower())) in PARTS]
    others = [w for w in words if _unjoined(w.lower()) not in PARTS and w.lower() not in FILLERS]
    unknown = re.search(r"[^\W\d_]", re.sub(r"[A-Za-z]", "", name))  # letters beyond English ones
    return parts[0] if len(parts) == 1 and not others and not unknown else None


def _unjoined(word: str) -> str:
    found = JOINED.fullmatch(word)
    return found["part"] if found else word
