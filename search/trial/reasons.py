"""Why a trial failed, in one line: what the libraries say, without what they say around it."""

from __future__ import annotations

import re

import tensorflow as tf

OUT_OF_MEMORY = (MemoryError, tf.errors.ResourceExhaustedError)
REFUSED = tf.errors.InvalidArgumentError  # shapes that don't fit, found while training
LONGEST = 400  # characters
_AROUND = ("Graph execution error", "Detected at node", "Hint:", " ", "\t")


def one_line(error: BaseException) -> str:
    """The first paragraph of a message in one line; the error's name where there is none."""
    paragraph = str(error).strip().partition("\n\n")[0]
    return " ".join(paragraph.split())[:LONGEST] or type(error).__name__


def of_tensorflow(error: BaseException) -> str:
    """The line of a TensorFlow error that says what is wrong, not where in its graph."""
    lines = [line for line in str(error).splitlines() if line and not line.startswith(_AROUND)]
    said = re.sub(r"\{\{.*?\}\}\s*|\s*\[Op:.*", "", lines[0]) if lines else ""
    return said[:LONGEST] or one_line(error)
