"""The models of a KerasTuner script: what is declared by building them, and what they must be."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

import keras

from studyhall.keras_tuner.errors import FailedTrialError
from studyhall.keras_tuner.hypermodel import HyperModel
from studyhall.search.scripts import fits
from studyhall.spaces.hp.hyperparameters import HyperParameters
from studyhall.storage.trials.claimed_trial import Claim

if TYPE_CHECKING:
    from studyhall.keras_tuner.oracle import Oracle

MOST_BUILDS = 1000  # to see what is declared under all conditions


def explore(hypermodel: HyperModel, oracle: Oracle) -> None:
    """Build with the defaults, and once for each condition, to see what is declared."""
    hp = oracle.get_space()
    hypermodel.declare_hyperparameters(hp)
    oracle.update_space(hp)
    tried: set[Any] = set()
    for _ in range(MOST_BUILDS):
        hypermodel.build(hp)
        oracle.update_space(hp)
        hp = oracle.get_space()
        inactive = [each.conditions for each in hp.space if not hp.is_active(each)]
        waiting = [conditions for conditions in inactive if conditions not in tried]
        if not waiting:
            return
        tried.add(waiting[0])
        hp.values.update({each.name: each.values[0] for each in waiting[0]})


def declare(
    hypermodel: HyperModel | None,
    hp: HyperParameters,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> None:
    """Declare what a trial would, without training: by `build`, and by a `fit` of its own.

    Args:
        hypermodel: the builder.
        hp: declares, and gives the values.
        args, kwargs: those of `fit`.
    """
    if hypermodel is None:
        return
    model, own = hypermodel.build(hp), type(hypermodel).fit
    # A `fit` that trains without Keras' own would not end where that begins.
    if own is not HyperModel.fit and ".fit(" in inspect.getsource(own):
        with _stopping_at_fit():
            hypermodel.fit(hp, model, *args, **{"callbacks": [], **kwargs})


class _Fits(BaseException):
    """Keras' `fit` begins."""


@contextmanager
def _stopping_at_fit() -> Iterator[None]:
    """End a `with` block where Keras would begin to train."""

    def fit(*args: Any, **kwargs: Any) -> None:
        raise _Fits

    with fits.replaced(fit), suppress(_Fits):
        yield


def check_point(claim: Claim) -> None:
    """Check that a trial with fixed values has asked for no others.

    Raises:
        FailedTrialError: it has; a sampler has drawn them, so that the grid would have gaps.
    """
    fixed = json.loads(claim.lease.fixed or "{}")
    drawn = [name for name in claim.trial.params if name not in fixed]
    if drawn:
        names = ", ".join(drawn)
        raise FailedTrialError(
            f"GridSearch: {names} is declared only while a trial trains, expected it in build() or "
            "in hyperparameters="
        )


def checked(model: Any, max_size: int | None) -> Any:
    """Return what a builder has returned, if it is a model.

    Raises:
        TypeError: it is anything else.
        FailedTrialError: it has more parameters than `max_size`.
    """
    if not isinstance(model, keras.Model):
        kind = type(model).__name__
        raise TypeError(f"build() returned a value of type {kind}, expected a keras.Model")
    size = sum(math.prod(each.shape) for each in model.trainable_weights) if model.built else 0
    if max_size and size > max_size:
        raise FailedTrialError(f"the model has {size} parameters, expected at most {max_size}")
    return model


def compile_anew(model: Any, optimizer: Any, loss: Any, metrics: Any) -> None:
    """Compile a model anew with the optimizer, loss and metrics that are given, if any is."""
    given = {"optimizer": optimizer, "loss": loss, "metrics": metrics}
    given = {name: value for name, value in given.items() if value}
    if not given:
        return
    if not isinstance(given.get("optimizer", ""), str):  # each model needs an optimizer of its own
        given["optimizer"] = type(optimizer).from_config(optimizer.get_config())
    model.compile(**{"optimizer": model.optimizer, "loss": model.loss, **given})


def under(strategy: Any) -> AbstractContextManager[Any]:
    """Return the scope of a `tf.distribute.Strategy`; an empty one without a strategy."""
    return nullcontext() if strategy is None else strategy.scope()
