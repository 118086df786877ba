"""The copies of a user's optimizer, with numbers that can change after tracing."""

from __future__ import annotations

from typing import Any

from studyhall.search.training.compiled import adjustable, learning_rates, updates


def copied(optimizer: Any) -> Any:
    """Return an unbuilt optimizer of the same configuration.

    Its learning rate is a plain variable, because the engine sets the rate of each step.
    """
    config = optimizer.get_config()
    if "inner_optimizer" in config:  # a LossScaleOptimizer
        del config["inner_optimizer"]
        return type(optimizer)(copied(optimizer.inner_optimizer), **config)
    config["learning_rate"] = 0.0
    copy = type(optimizer).from_config(config)
    if type(copy) in adjustable.OPTIMIZERS:
        for name in adjustable.OPTIMIZER_NUMBERS:
            if isinstance(config.get(name), float) and config[name] > 0:
                setattr(copy, name, adjustable.Number(config[name]))
    return copy


def numbers(optimizer: Any) -> dict[str, adjustable.Number]:
    """Return the adjustable numbers of a copy, by name."""
    named = {name: getattr(optimizer, name, None) for name in adjustable.OPTIMIZER_NUMBERS}
    return {name: it for name, it in named.items() if isinstance(it, adjustable.Number)}


def hidden_state(optimizer: Any) -> str | None:
    """Return what an optimizer has beyond its configuration, which a copy would lack, or None."""
    inner = updates.inner(optimizer)
    if callable(getattr(inner, "_learning_rate", None)) and not learning_rates.is_scheduled(inner):
        return "its learning rate is a function"
    try:
        inner.get_config()
    except NotImplementedError:
        return "its learning rate has no configuration"
    if int(inner.iterations) != 0:
        return f"its optimizer has made {int(inner.iterations)} steps already"
    if hasattr(inner, "_exclude_from_weight_decay"):
        return "its optimizer leaves variables out of weight decay"
    return None
