"""Why a trial failed, in one line: what the libraries say, without what they say around it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from studyhall.search.training.settings import UnknownMetric
from studyhall.spaces.failures import UserCodeError

_OUT_OF_MEMORY = (MemoryError, tf.errors.ResourceExhaustedError)
# What CUDA's libraries say of it by way of other errors.
_NO_MEMORY = re.compile(r"out.of.memory|ALLOC_FAILED|RESOURCE_EXHAUSTED", re.IGNORECASE)
REFUSED = tf.errors.InvalidArgumentError  # shapes that don't fit, found while training
LONGEST = 400  # characters
_PASSED_ON, _WHOLE = "Exception encountered: ", " Full object config:"
_AROUND = ("Graph execution error", "Detected at node", "Hint:", " ", "\t")


@contextmanager
def of_training(*, own_model: bool) -> Iterator[None]:
    """What a model of the user's own raises in its training is its failure, not a bug.

    Raises:
        UserCodeError: with the reason.
    """
    try:
        yield
    except (REFUSED, UnknownMetric):
        raise
    except Exception as error:
        if not own_model or is_out_of_memory(error):
            raise
        said = f"{type(error).__name__}: {one_line(error)}"
        raise UserCodeError(f"training its model failed: {said}") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, or what caused it, says that memory did not suffice."""
    if isinstance(error, _OUT_OF_MEMORY):
        return True
    if isinstance(error, tf.errors.OpError) and _NO_MEMORY.search(str(error)):
        return True
    return error.__cause__ is not None and is_out_of_memory(error.__cause__)


def innermost(error: BaseException) -> str:
    """What Keras says in the end, where each layer of a model passes on why it can't be loaded."""
    said = str(error).rpartition(_PASSED_ON)[2].partition(_WHOLE)[0].strip()
    return " ".join(said.partition("\n\n")[0].split())[:LONGEST] or type(error).__name__


def one_line(error: BaseException) -> str:
    """The first paragraph of a message in one line; the error's name where there is none."""
    paragraph = str(error).strip().partition("\n\n")[0]
    return " ".join(paragraph.split())[:LONGEST] or type(error).__name__


def of_tensorflow(error: BaseException) -> str:
    """The line of a TensorFlow error that says what is wrong, not where in its graph."""
    lines = [line for line in str(error).splitlines() if line and not line.startswith(_AROUND)]
    said = re.sub(r"\{\{.*?\}\}\s*|\s*\[Op:.*", "", lines[0]) if lines else ""
    return said[:LONGEST] or one_line(error)
