"""A model's size in words: what makes a trial run out of memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def in_words(model: Mapping[str, Any]) -> str:
    """Parameters and samples per batch; without them, why they are not known."""
    if "parameters" not in model:
        return "before its model was built"
    return f"{model['parameters']:,} parameters, {model['batch_size']:,} samples per batch"
