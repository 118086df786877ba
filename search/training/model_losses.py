"""A compiled model's own loss of targets and predictions, without the penalties of its layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def of(model: Any) -> Callable[..., Any] | None:
    """(targets, predictions) -> loss; None where a model was compiled without one.

    Args:
        model: Compiled. Where its class has a loss of its own, it is another than this.
    """
    if hasattr(model, "_compile_loss"):
        return model._compile_loss  # type: ignore[no-any-return]
    if model.loss is None:
        return None
    return lambda y, predicted: model.compute_loss(None, y, predicted) - sum(model.losses)


def metrics_of(model: Any) -> Any:
    """Its metrics as one; None where it has none, or Keras hides them."""
    return getattr(model, "_compile_metrics", None)
