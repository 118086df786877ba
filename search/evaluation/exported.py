"""Whether an exported model still is the file that was proven. Needs no Keras."""

from __future__ import annotations

import hashlib
import json

from studyhall.search.evaluation.best import FILES, Best


def is_whole(found: Best) -> bool:
    """Whether all its files are there, and the model is the one that its card names."""
    if found.folder is None:
        return False
    try:
        card = json.loads((found.folder / FILES[1]).read_bytes())
        with (found.folder / found.model).open("rb") as model:
            sha256 = hashlib.file_digest(model, "sha256").hexdigest()
    except (OSError, ValueError):  # gone, or no card any more
        return False
    there = all((found.folder / name).is_file() for name in found.files)
    return there and card.get("model_sha256") == sha256
