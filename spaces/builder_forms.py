"""The forms in which users write a function that builds a model, all called in the same way."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from studyhall.spaces.failures import UnusableCodeError
from studyhall.spaces.static_checks import fits

# The arguments of a builder: of studyhall's, of one for Optuna, of one for KerasTuner.
FORMS = (("trial", "input_shape", "outputs"), ("trial",), ("hp",))
OF_HP = ("hp", "hps", "hyperparameters")  # names by which KerasTuner's argument is known
EXPECTED = "a function (trial, input_shape, outputs), (trial) or (hp) -> keras.Model"

Builder = Callable[[Any, tuple[int, ...], int], Any]


def adapted(found: Any, name: str) -> Builder:
    """Return what the user's file has under a name, as a function of trial, shape and outputs.

    Args:
        found: a function, lambda, method or partial; a class with a method ``build(hp)``, or an
            instance of one.
        name: its name, for messages.

    Raises:
        UnusableCodeError: it is none of these, or takes other arguments.
    """
    builds = _instance(found, name)
    try:
        signature = inspect.signature(builds)
    except (TypeError, ValueError) as error:
        raise UnusableCodeError(f"{name} can't be called, expected {EXPECTED}") from error
    of_model = builds is not found  # KerasTuner's own class hides what its build takes
    if fits(signature, FORMS[0]) and not of_model:
        return builds  # type: ignore[no-any-return]
    if not fits(signature, FORMS[1]):
        raise UnusableCodeError(f"{name} takes {signature}, expected {EXPECTED}")
    of_hp = of_model or takes_hp(signature.parameters.values())
    builder = _by_hp(builds) if of_hp else _by_trial(builds)
    builder.__name__ = name.rpartition(":")[2]
    return builder


def takes_hp(parameters: Iterable[inspect.Parameter]) -> bool:
    """Return True if the first parameter is KerasTuner's, by its name or its annotation."""
    first = next(iter(parameters))
    return first.name in OF_HP or "HyperParameters" in str(first.annotation)


def _instance(found: Any, name: str) -> Any:
    """Return what builds: of a class or object with a method ``build``, that method."""
    if isinstance(found, type):
        if not callable(getattr(found, "build", None)):
            raise UnusableCodeError(
                f"{name} is a class without a method build, expected {EXPECTED}"
            )
        try:
            found = found()
        except TypeError as error:
            raise UnusableCodeError(
                f"{name} is a class that needs arguments ({error}), expected an instance of it"
            ) from error
    build = getattr(found, "build", None)
    if callable(build) and not inspect.isroutine(found):
        return build
    if not callable(found):
        kind = type(found).__name__
        raise UnusableCodeError(f"{name} is a value of type {kind}, expected {EXPECTED}")
    return found


def _by_hp(builds: Callable[[Any], Any]) -> Builder:
    def build(trial: Any, input_shape: tuple[int, ...], outputs: int) -> Any:
        from studyhall.spaces.hp.suggested import Suggested  # needs Optuna, which takes a while

        return builds(Suggested(trial))

    return build


def _by_trial(builds: Callable[[Any], Any]) -> Builder:
    def build(trial: Any, input_shape: tuple[int, ...], outputs: int) -> Any:
        return builds(trial)

    return build
