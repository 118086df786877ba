"""The reason of a failed trial in one line, such as what an error of Keras or its backend says."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager

from studyhall.search.diagnosis.rules import NO_NUMBER
from studyhall.search.training import backend
from studyhall.search.training.epoch import Epoch
from studyhall.search.training.settings import UnknownMetric
from studyhall.spaces import user_errors
from studyhall.spaces.failures import UserCodeError

Errors = tuple[type[BaseException], ...]


def _errors() -> tuple[Errors, Errors, Errors]:
    """Return a backend's errors: lack of memory, refused shapes, and any of its own.

    JAX and torch refuse shapes by Python's TypeError and RuntimeError, which may be anything.
    """
    if backend.name() == backend.TENSORFLOW:
        import tensorflow as tf

        found = tf.errors
        return (found.ResourceExhaustedError,), (found.InvalidArgumentError,), (found.OpError,)
    if backend.name() == backend.JAX:
        import jax

        return (), (), (jax.errors.JaxRuntimeError,)
    import torch

    return (torch.OutOfMemoryError,), (), (RuntimeError,)


_EXHAUSTED, REFUSED, _ITS_OWN = _errors()  # REFUSED: shapes that don't fit, found while training
_OUT_OF_MEMORY: Errors = (MemoryError, *_EXHAUSTED)
_KNOWN: Errors = (*REFUSED, UnknownMetric, UserCodeError)
# Backends report a lack of memory in the text of other errors, too: that of CUDA's libraries, for
# example, or, in torch, that of the CPU.
_NO_MEMORY = re.compile(
    r"out.of.memory|ALLOC_FAILED|RESOURCE_EXHAUSTED|can't allocate memory", re.IGNORECASE
)
LONGEST = 400  # characters
_PASSED_ON, _WHOLE = "Exception encountered: ", " Full object config:"
_AROUND = ("Graph execution error", "Detected at node", "Hint:", " ", "\t")


@contextmanager
def of_training(*, own_code: bool) -> Iterator[None]:
    """Turn any error in a training that runs code of the user's into a `UserCodeError`.

    Such an error makes the trial fail; without such code it would be a bug of studyhall.

    Raises:
        UserCodeError: training failed; it holds the reason.
    """
    try:
        yield
    except _KNOWN:
        raise
    except Exception as error:
        if not own_code or is_out_of_memory(error):
            raise
        place = user_errors.line_of(error)
        said = f"{f'{place}: ' if place else ''}{type(error).__name__}: {one_line(error)}"
        raise UserCodeError(f"training its model failed: {said}") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error or one of its causes reports a lack of memory."""
    if isinstance(error, _OUT_OF_MEMORY):
        return True
    if isinstance(error, _ITS_OWN) and _NO_MEMORY.search(str(error)):
        return True
    return error.__cause__ is not None and is_out_of_memory(error.__cause__)


def innermost(error: BaseException) -> str:
    """Return the innermost message of a Keras loading error.

    Each layer of a nested model wraps the message of the layer below.
    """
    said = str(error).rpartition(_PASSED_ON)[2].partition(_WHOLE)[0].strip()
    return " ".join(said.partition("\n\n")[0].split())[:LONGEST] or type(error).__name__


def one_line(error: BaseException) -> str:
    """Return the first paragraph of an error's message in one line, or the error's class name."""
    paragraph = str(error).strip().partition("\n\n")[0]
    return " ".join(paragraph.split())[:LONGEST] or type(error).__name__


def of_backend(error: BaseException) -> str:
    """Return the line of a backend's error that says what is wrong, without its graph location."""
    lines = [line for line in str(error).splitlines() if line and not line.startswith(_AROUND)]
    said = re.sub(r"\{\{.*?\}\}\s*|\s*\[Op:.*", "", lines[0]) if lines else ""
    return said[:LONGEST] or one_line(error)


def of_divergence(epoch: Epoch, best: Epoch | None, sign: float) -> str:
    """Return the reason of a trial that failed because an epoch's cost is not finite.

    Args:
        epoch: that epoch.
        best: the best epoch before it, if any.
        sign: factor that turns a cost into a value of the objective.
    """
    said = f"{NO_NUMBER} at epoch {epoch.number}"
    if best is None or not math.isfinite(best.value):
        return said
    return f"{said}; before, {sign * best.value:.5g} at epoch {best.number}"
