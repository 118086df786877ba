"""Optuna's interface on studyhall's studies: ``from studyhall import optuna``.

`create_study` and `Study.optimize` are those of Optuna, but for what studyhall adds: the budget is
exact over all processes, and a process that is killed loses no finished trial. Everything else is
Optuna's own, under the same names: samplers, pruners, `TrialPruned`, plots.
"""

from __future__ import annotations

import sys
from typing import Any

import optuna

from studyhall.optuna import study, theirs
from studyhall.optuna.creation import create_study, load_study
from studyhall.optuna.study import Study
from studyhall.optuna.trial import Trial, callback

TrialPruned = optuna.TrialPruned
__version__ = optuna.__version__

__all__ = ["Study", "Trial", "TrialPruned", "callback", "create_study", "install", "load_study"]

sys.meta_path.append(theirs.Finder())
vars(study).update(create_study=create_study, load_study=load_study)


def install() -> None:
    """Let Optuna's own names answer with ours, for a script that is run unchanged."""
    for module in (optuna, optuna.study):
        vars(module).update(create_study=create_study, load_study=load_study)


def __getattr__(name: str) -> Any:
    return theirs.found("optuna", name)


def __dir__() -> list[str]:
    return sorted({*globals(), *optuna.__all__})
