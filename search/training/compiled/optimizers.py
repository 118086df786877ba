"""A user's optimizer once more, with numbers that a compiled function reads anew."""

from __future__ import annotations

from typing import Any

from studyhall.search.training.compiled import adjustable, learning_rates, updates


def copied(optimizer: Any) -> Any:
    """An optimizer of the same configuration, not built yet.

    Its learning rate is a variable, as the engine writes each step's rate itself.
    """
    config = optimizer.get_config()
    if "inner_optimizer" in config:  # it scales the loss
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
    """The adjustable numbers of a copy, by their names."""
    named = {name: getattr(optimizer, name, None) for name in adjustable.OPTIMIZER_NUMBERS}
    return {name: it for name, it in named.items() if isinstance(it, adjustable.Number)}


def hidden_state(optimizer: Any) -> str | None:
    """What an optimizer holds beyond its configuration, so that a copy would lack it, or None."""
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
