"""A test before the budget is spent: can a model of this study be saved, loaded and exported?

It runs in the process that built the model, but hides the classes that building it registered with
Keras: they will not be registered where the exported model is loaded.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.samplers import BaseSampler
from optuna.trial import Trial

from studyhall.search.data.loading import Data
from studyhall.search.evaluation import best, reloading, usage
from studyhall.search.evaluation.reloading import NotProvenError, Reloaded
from studyhall.search.process import quiet
from studyhall.search.process.patience import TooLong, at_most
from studyhall.search.study_file import objectives
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile
from studyhall.search.training import backend
from studyhall.search.training.settings import UnknownMetric
from studyhall.search.trial import best_model, blueprints, exporting, failures, forms, modelling
from studyhall.search.trial.blueprints import Blueprint
from studyhall.search.trial.modelling import Built
from studyhall.spaces import hyperparameters, user_code
from studyhall.spaces.failures import ArchitectureError, UnusableCodeError, UserCodeError
from studyhall.spaces.legal import Scalar
from studyhall.storage.artifacts.artifact_store import ArtifactStore

SAMPLES = 8
NOT_BY_THE_MODEL = (objectives.LOSS, *objectives.AT_THE_END)
LONGEST_S = 20.0  # longest delay of a launch by this test, in seconds
CLOSE = 1e-2  # share of the largest output: rounding is less, and another model differs by more


@dataclass(frozen=True)
class _Saved:
    """The description of a saved model, as a trial has it."""

    params: dict[str, Any]
    attributes: dict[str, Any]
    number: int = 0


def drawn(
    plan: Blueprint, params: Mapping[str, Scalar], sampler: BaseSampler | None = None
) -> tuple[Built, Trial]:
    """Build a model with given parameters. Return it with the trial that has them all.

    Args:
        plan: blueprint of the study.
        params: hyperparameters.
        sampler: what chooses those that are missing; by default they are drawn at random.
    """
    study = quiet.optuna_study(sampler=sampler or optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial(dict(params))
    trial = study.ask()
    return modelling.build(plan, trial, plan.data.split.size), trial


def refuse(file: StudyFile, data: Data, folder: Path) -> None:
    """Check that the first model that a study tries can be built and exported.

    If its builder is slow, or fails only with these values, nothing is raised: trials will show it.

    Args:
        file: the study file.
        data: the study's data.
        folder: folder of the study file.

    Raises:
        ConfigError: the model can't be exported; the reason is Keras' own message.
        UnusableCodeError: the builder fails whatever the values are.
    """
    plan = blueprints.of_file(file, data, folder)
    first = plan.space.params(hyperparameters.textbook(file.model.family))
    try:
        with suppress(ArchitectureError, optuna.TrialPruned, TooLong), at_most(LONGEST_S):
            takes(plan, first)
    except UnusableCodeError:
        raise
    except UserCodeError:
        return


def takes(plan: Blueprint, params: Mapping[str, Scalar]) -> str:
    """Save and load a model; return in words what is needed to load an exported model.

    Args:
        plan: blueprint of the study.
        params: hyperparameters; those that are missing are drawn at random.

    Raises:
        ConfigError: the model can't be saved, or the loaded model gives different outputs.
        ArchitectureError, UserCodeError: it can't be built.
    """
    registered = dict(keras.saving.get_custom_objects())
    built, trial = drawn(plan, params)
    if built.callbacks is not None:
        built.callbacks()  # so that what they are not is said before anything is trained
    fold = plan.data.folds[0]
    few = fold.few(SAMPLES)
    pair = forms.pair(fold, few, built.form, len(plan.data.classes))
    _check_objectives(plan, built, pair)
    _shift(built.model)
    prepared = exporting.dense(pair[0])
    expected = [user_code.call(partial(built.model, training=False), prepared) for _ in range(2)]
    problems = []
    doubles = backend.doubles(needed=exporting.needs_doubles(plan.data))
    with tempfile.TemporaryDirectory() as folder, _registered(registered), doubles:
        objects = ArtifactStore(Path(folder))
        saved = _saved(plan, objects, built, trial.params)
        for way in reloading.ways(saved, plan):
            try:
                loaded = way(objects)
                found = user_code.call(
                    loaded.model.predict_on_batch, exporting.taken(loaded.model, few.x)
                )
            except (NotProvenError, UserCodeError) as error:
                problems.append(str(error))
                continue
            # A model that differs from itself, by randomness at inference, can't be compared.
            if not _alike(*expected) or _alike(expected[0], found):
                return _words(loaded, plan, problems)
            problems.append("its saved model gives different outputs when loaded")
    raise _refusal(plan, problems[0])


def _check_objectives(plan: Blueprint, built: Built, pair: tuple[Any, ...]) -> None:
    """Check that a model of the user's measures every objective, as far as callbacks don't.

    Raises:
        ConfigError: it does not; the message lists what it measures.
    """
    measured = [name for name in plan.objectives if name not in NOT_BY_THE_MODEL]
    if plan.builder is None or not measured or built.callbacks is not None:
        return
    x, y, *weights = pair
    found = user_code.call(
        partial(built.model.test_on_batch, exporting.dense(x), y, *weights, return_dict=True)
    )
    names = {f"val_{name}" for name in found}
    for name in map(objectives.recorded, measured):
        if name not in names:
            raise ConfigError([str(UnknownMetric(name, sorted(names)))])


def _saved(plan: Blueprint, objects: ArtifactStore, built: Built, params: dict[str, Any]) -> _Saved:
    try:
        own = built.data_loss is None
        name = best_model.write(objects, "check-0", plan.data, built.model, 0, built.form, own=own)
    except best_model.UNSAVABLE as error:
        raise _refusal(plan, f"it can't be saved: {failures.innermost(error)}") from error
    about = {"model": name, "model_sha256": objects.sha256(name), "model_fold": 0}
    return _Saved(params, about)


def _refusal(plan: Blueprint, why: str) -> ConfigError:
    expected = "a model that can be saved and loaded, or rebuilt and given its weights"
    received = f'"{plan.file.model.family}", whose models can\'t be exported: {why}'
    return ConfigError([f"[model] family: received {received}, expected {expected}"])


def _words(loaded: Reloaded, plan: Blueprint, problems: list[str]) -> str:
    used = usage.of(loaded, plan)
    if used.loader:
        why = problems[0] if problems else "Keras can't write it"
        return f"weights only; your code rebuilds the model: {why}"
    if used.lines[-1] == best.PLAIN[-1]:
        return "one file, which Keras loads without your code"
    return f"loaded with your code: {used.lines[-1]}"


def _shift(model: keras.Model) -> None:
    """Shift the weights, as training would: a new model could otherwise equal the saved one."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        if weight.dtype.startswith("float"):
            value = np.asarray(weight)
            weight.assign(value + 0.1 * np.abs(random.normal(size=value.shape)))


def _alike(one: Any, other: Any) -> bool:
    pairs = zip(*map(keras.tree.flatten, (one, other)), strict=True)
    return all(itertools.starmap(_same, pairs))


def _same(one: Any, other: Any) -> bool:
    first, second = (np.asarray(keras.ops.convert_to_numpy(each), float) for each in (one, other))
    return first.shape == second.shape and _close(first, second)


def _close(first: NDArray[Any], second: NDArray[Any]) -> bool:
    size = np.nanmax(np.abs(first), initial=0.0)
    return bool(np.allclose(first, second, rtol=0.0, atol=CLOSE * size, equal_nan=True))


@contextmanager
def _registered(before: dict[str, Any]) -> Iterator[None]:
    """Restore Keras' registry of custom classes to an earlier state within the block."""
    known = keras.saving.get_custom_objects()
    now = dict(known)
    known.clear()
    known.update(before)
    try:
        yield
    finally:
        known.update(now)
