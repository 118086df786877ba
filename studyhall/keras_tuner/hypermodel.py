"""The class that a KerasTuner script's model builders derive from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from studyhall.spaces.hp.hyperparameters import HyperParameters


class HyperModel:
    """A builder of models; subclasses define `build(hp)`, and `fit` if they train differently.

    Args:
        name: a name, which nothing depends on.
        tunable: kept for scripts that give it.
    """

    def __init__(self, name: str | None = None, tunable: bool = True) -> None:
        self.name = name
        self.tunable = tunable

    def build(self, hp: HyperParameters) -> Any:
        """Return a compiled `keras.Model`."""
        raise NotImplementedError

    def declare_hyperparameters(self, hp: HyperParameters) -> None:
        """Declare hyperparameters before the first build."""

    def fit(self, hp: HyperParameters, model: Any, *args: Any, **kwargs: Any) -> Any:
        """Train a model; return a `History`, a dictionary of metrics, or the objective."""
        return model.fit(*args, **kwargs)


class Built(HyperModel):
    """The builder of a script that gives a function instead of a class."""

    def __init__(self, build: Callable[[HyperParameters], Any]) -> None:
        super().__init__()
        self.build = build  # type: ignore[method-assign, assignment]


class Alike(HyperModel):
    """A builder of another class with the same methods, such as KerasTuner's own.

    Args:
        theirs: the builder.
    """

    def __init__(self, theirs: Any) -> None:
        super().__init__(getattr(theirs, "name", None))
        self._theirs = theirs

    def build(self, hp: HyperParameters) -> Any:
        """Return a compiled `keras.Model`."""
        return self._theirs.build(hp)

    def fit(self, hp: HyperParameters, model: Any, *args: Any, **kwargs: Any) -> Any:
        """Train a model, by the other's method if it has one."""
        own = getattr(self._theirs, "fit", None)
        return own(hp, model, *args, **kwargs) if own else super().fit(hp, model, *args, **kwargs)


def fits_as_keras(hypermodel: HyperModel | None) -> bool:
    """Return True if a builder leaves its training to Keras' `fit`, with all of its options."""
    return hypermodel is not None and type(hypermodel).fit is HyperModel.fit


def of(hypermodel: Any) -> HyperModel | None:
    """Return the builder for a `HyperModel` or for anything that can be called with `hp`.

    Raises:
        ValueError: it is neither.
    """
    if hypermodel is None or isinstance(hypermodel, HyperModel):
        return hypermodel
    if callable(getattr(hypermodel, "build", None)) and not isinstance(hypermodel, type):
        return Alike(hypermodel)
    if not callable(hypermodel):
        raise ValueError(
            f"hypermodel: received {hypermodel!r}, expected a function build(hp) that returns a "
            "model, or an instance of HyperModel"
        )
    return Built(hypermodel)
