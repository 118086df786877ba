"""The hyperparameters that studyhall knows, by name and by family; `TABLE` defines them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from studyhall.spaces import applications
from studyhall.spaces.hyperparameter_table import BACKBONES, BUILT_IN_FAMILIES, COLUMNS, TABLE
from studyhall.spaces.legal import Hyperparameter, Scalar

__all__ = [
    "BACKBONES",
    "BUILT_IN_FAMILIES",
    "COLUMNS",
    "NAMES",
    "TABLE",
    "Hyperparameter",
    "Scalar",
    "chosen",
    "column",
    "defaults",
    "find",
    "is_built_in",
    "known",
    "textbook",
]

NAMES: tuple[str, ...] = tuple(each.name for each in TABLE)
_BY_NAME = {each.name: each for each in TABLE}


def find(name: str) -> Hyperparameter:
    """Return the hyperparameter of that name.

    Raises:
        KeyError: If there is no such hyperparameter.
    """
    return _BY_NAME[name]


def is_built_in(family: str) -> bool:
    """Return True if studyhall itself builds the models of a family."""
    return family in BUILT_IN_FAMILIES or applications.is_named(family)


def known(family: str) -> dict[str, Hyperparameter]:
    """Return the hyperparameters that studyhall itself uses for a model family, by name.

    For the user's own model these are the hyperparameters of training; the user's function may
    ask for any other names.
    """
    if is_built_in(family):
        place = column(family)
        return {each.name: each for each in TABLE if not each.only or place in each.only}
    return {each.name: each for each in TABLE if each.training}


def defaults(family: str) -> dict[str, Scalar]:
    """Return the default values of a model family, for names that the study file doesn't mention.

    >>> defaults("mlp")["width"]
    128
    """
    place = column(family)
    values = {name: each.default(place) for name, each in known(family).items()}
    return {name: value for name, value in values.items() if value is not None}


def column(family: str) -> str:
    """Return the name under which the table has a family; that of an mlp for the user's own."""
    if applications.is_named(family):
        return BACKBONES
    return family if family in BUILT_IN_FAMILIES else "mlp"


def textbook(family: str) -> dict[str, Scalar]:
    """Return the configuration that a study tries first: Adam at 0.001, batch size 32, dropout.

    It consists of the defaults, which are also good first guesses within a range. `Space.params`
    moves them into the ranges of a study.
    """
    return defaults(family)


def chosen(values: Mapping[str, Any], written: Iterable[str], family: str) -> dict[str, Any]:
    """Return the values of a trial that were chosen, without those left at the family's default.

    Args:
        values: every value of the trial.
        written: the names in ``[space]`` and those that the user's function asked for.
        family: a built-in one, or the user's own function; its own names always count as chosen.
    """
    somebodys, ours = {*written}, known(family)
    return {name: value for name, value in values.items() if name in somebodys or name not in ours}
