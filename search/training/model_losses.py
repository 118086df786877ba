"""The loss function of a compiled model, without the penalties of its layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def of(model: Any) -> Callable[..., Any] | None:
    """Return the loss (targets, predictions[, weights]) -> scalar; None if there is none.

    Args:
        model: Compiled. A `compute_loss` that its class overrides is not considered.
    """
    if hasattr(model, "_compile_loss"):
        return model._compile_loss  # type: ignore[no-any-return]
    if model.loss is None:
        return None
    return lambda y, predicted, weights=None: (
        model.compute_loss(None, y, predicted, weights) - sum(model.losses)
    )


def metrics_of(model: Any) -> Any:
    """Return all its metrics as one object; None if it has none, or Keras has no such attribute."""
    return getattr(model, "_compile_metrics", None)


def outputs_of(model: Any) -> Any:
    """Return the symbolic outputs of a functional model in the form in which it returns them."""
    return model.outputs[0] if len(model.outputs) == 1 else model.compute_output_spec(model.input)


def output_names(model: Any) -> list[str]:
    """Return the names by which `compile` takes losses of several outputs; none if not known.

    Those of a dict are its keys.
    """
    if len(getattr(model, "outputs", None) or []) < 2:
        return []
    outputs = outputs_of(model)
    return sorted(outputs) if isinstance(outputs, dict) else [*map(str, model.output_names)]
