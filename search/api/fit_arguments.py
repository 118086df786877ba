"""The arguments of Keras' `fit` that a search gets, looked at before anything is written."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from studyhall.search.study_file import objectives
from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces import spelling

OF_VALIDATION = ("validation_data", "validation_split")


def is_of_keras(model: Any) -> bool:
    """Return whether it is Keras' own `fit` that trains a model."""
    return type(model).fit is keras.Model.fit


def named(study: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `fit` by their names.

    Args:
        study: the study's name, for messages.
        args, kwargs: the arguments.

    Raises:
        ConfigError: Keras' `fit` has no such arguments; a line for each.
    """
    known = [*inspect.signature(keras.Model.fit).parameters][1:]
    problems = [
        f"{study}: search(): received {name}=, expected an argument of search() or of Keras' fit: "
        f"{spelling.one_of(name, known)}"
        for name in kwargs
        if name not in known
    ]
    if len(args) > len(known):
        problems.append(f"{study}: search(): received {len(args)} arguments of fit without names")
    given = dict(zip(known, args, strict=False))
    problems += [f"{study}: search(): {name}: received it twice" for name in {*given} & {*kwargs}]
    if problems:
        raise ConfigError(problems)
    return {**given, **kwargs}


def check_measured(study: str, objective: str, given: Mapping[str, Any]) -> None:
    """Check that there are validation data for an objective that is measured on them.

    Callbacks may measure it by data of their own.

    Args:
        study: the study's name, for messages.
        objective: the metric's name in Keras' logs.
        given: the arguments of `fit` by name.

    Raises:
        ConfigError: there are none.
    """
    there = any(given.get(name) is not None for name in (*OF_VALIDATION, "callbacks"))
    if there or not objective.startswith(objectives.VALIDATION):
        return
    bare = objective.removeprefix(objectives.VALIDATION)
    expected = f'validation_data= or validation_split=, or objective="{bare}" of the training data'
    raise ConfigError(
        [f'{study}: search(): objective: received "{objective}", but nothing to measure it on, '
         f"expected {expected}"]
    )  # fmt: skip
