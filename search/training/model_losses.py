"""The loss function of a compiled model, without the penalties of its layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def of(model: Any) -> Callable[..., Any] | None:
    """Return the loss (targets, predictions) -> scalar; None if there is none.

    Args:
        model: Compiled. A `compute_loss` that its class overrides is not considered.
    """
    if hasattr(model, "_compile_loss"):
        return model._compile_loss  # type: ignore[no-any-return]
    if model.loss is None:
        return None
    return lambda y, predicted: model.compute_loss(None, y, predicted) - sum(model.losses)


def metrics_of(model: Any) -> Any:
    """Return all its metrics as one object; None if it has none, or Keras has no such attribute."""
    return getattr(model, "_compile_metrics", None)
