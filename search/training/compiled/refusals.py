"""The errors by which compiled epochs refuse a model, known also where TensorFlow is not there."""

from __future__ import annotations


class NotCompilableError(Exception):
    """An error: this model can only be trained by `model.fit`; the message is the reason."""


class CopyDiffersError(NotCompilableError):
    """An error: the compiled copy doesn't compute the same as the model."""
