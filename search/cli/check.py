"""The checks behind `studyhall check`: data, search space, model sizes, export and cost."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from optuna.trial import Trial
from rich.console import RenderableType
from rich.table import Table

from studyhall.search.data import description, duplicates, loading
from studyhall.search.display import tables, words
from studyhall.search.evaluation import round_trip
from studyhall.search.process import handover
from studyhall.search.study import inspection
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile
from studyhall.search.training import backend
from studyhall.search.training.settings import UnknownMetric
from studyhall.search.trial import blueprints, failures, forms, modelling, result
from studyhall.search.trial.blueprints import Blueprint
from studyhall.search.trial.modelling import Built
from studyhall.spaces import asked, fixed, hyperparameters, spelling
from studyhall.spaces.entry import Entry
from studyhall.spaces.failures import ArchitectureError

TRIED_EPOCHS = 2  # the first epoch includes graph tracing; the second is timed


def report(
    file: StudyFile, path: Path, loaded: loading.Data | None = None
) -> Iterator[RenderableType]:
    """Yield each part of the report as soon as it is known.

    Args:
        file: the validated study file.
        path: the study file's path.
        loaded: the data, if already loaded.

    Raises:
        ConfigError: the data can't be used, or neither the smallest nor the largest model can be
            built.
        UserCodeError: a function of the user's fails or returns something unusable.
    """
    loaded = loaded or inspection.load(file, path)
    said = [*file.model.notes, *duplicates.notes(loaded)]
    notes = [("note", sentence) for sentence in said]
    yield _rows("data", [*description.rows(loaded), *notes])
    with inspection.naming(path.name, inspection.builder(file)):
        plan = blueprints.of_file(file, loaded, path.parent)
        found = {name: _tried(plan, name) for name in EXTREMES}
        yield _space(plan, [each.trial for each in found.values() if isinstance(each, Extreme)])
        yield from _never_named(plan, path.parent)
        built = [each.built for each in found.values() if isinstance(each, Extreme)]
        if not built:
            raise ConfigError([f"[space]: no model can be built: {found['smallest']}"])
        models = {
            name: each.built if isinstance(each, Extreme) else each for name, each in found.items()
        }
        yield _rows("models", [(name, _size(each)) for name, each in models.items()])
        yield from _fixed(plan)
        yield _rows("export", list(_exports(plan, found)))
        yield _rows("cost", _cost(plan, built[0], built[-1]))


@dataclass(frozen=True)
class Extreme:
    """The smallest or the largest model of a space, and the trial that it was built for."""

    built: Built
    trial: Trial


EXTREMES = {"smallest": Entry.smallest, "largest": Entry.largest}


def _tried(plan: Blueprint, name: str) -> Extreme | ArchitectureError:
    """Build the model; return the error instead if a trial with these values would fail."""
    values = plan.space.smallest() if name == "smallest" else plan.space.largest()
    try:
        params = plan.space.params(values)
        return Extreme(*round_trip.drawn(plan, params, asked.Chosen(EXTREMES[name])))
    except ArchitectureError as error:
        return error


def _size(found: Built | ArchitectureError) -> str:
    if isinstance(found, Built):
        return f"{found.model.count_params():,} parameters"
    return f"can't be built; trials with these values will fail: {found}"


def _exports(
    plan: Blueprint, found: Mapping[str, Extreme | ArchitectureError]
) -> Iterator[tuple[str, str]]:
    """Save and load each model, and yield what code is needed to load it after export.

    Raises:
        ConfigError: a model can't be saved and loaded.
    """
    for name, each in found.items():
        if isinstance(each, Extreme):
            yield name, round_trip.takes(plan, each.trial.params)


def _fixed(plan: Blueprint) -> Iterator[Table]:
    """Yield a table of the fixed trials, with their hyperparameters and model sizes."""
    rows = []
    for number, trial in enumerate(fixed.read(plan.file.trials, plan.space), start=1):
        values = " ".join(f"{name}={words.value(value)}" for name, value in trial.params.items())
        try:
            size = _size(round_trip.drawn(plan, trial.params)[0])
        except ArchitectureError as error:
            size = _size(error)
        rows.append((words.called(number, trial.name), values, size))
    if rows:
        yield _rows("fixed trials", rows)


def _cost(plan: Blueprint, small: Built, large: Built) -> list[tuple[str, str]]:
    """Estimate the study's duration from a measured epoch of the smallest and the largest model."""
    # Of two models of nearly the same speed, either may happen to be measured as the slower one.
    (quick, one_start), (slow, other_start) = sorted((_timed(plan, small), _timed(plan, large)))
    file, loaded = plan.file, plan.data
    trainings = file.study.trials * len(loaded.folds) * file.training.repeats
    epochs = file.training.epochs * trainings
    starts = trainings if backend.name() != backend.TENSORFLOW else 0  # it shares what is compiled
    whole = quick * epochs + one_start * starts, slow * epochs + other_start * starts
    least, most = map(words.duration, sorted(whole))
    return [
        ("one epoch", f"{_between(f'{quick * 1000:.0f}', f'{slow * 1000:.0f}')} ms, measured here"),
        (
            "the study",
            f"at most {file.study.trials} trials × {file.training.epochs} epochs"
            f"{_times(len(loaded.folds), 'folds')}{_times(file.training.repeats, 'repeats')}: "
            f"{_between(least, most)}"
            " on one worker; "
            "pruning and early stopping end most trials sooner",
        ),
    ]


def _times(count: int, what: str) -> str:
    return f" × {count} {what}" if count > 1 else ""


def _between(least: str, most: str) -> str:
    return least if least == most else f"{least} to {most}"


def _timed(plan: Blueprint, built: Built) -> tuple[float, float]:
    """Train as a trial would and return the seconds of an epoch, and those that the first adds.

    Raises:
        ConfigError: every trial would fail: the objective is not measured, or shapes don't fit.
        UserCodeError: every trial would fail: the user's own model raises an error.
    """
    engine = forms.engine(plan.data.split, built.form, len(plan.data.classes))
    settings = replace(modelling.settings(plan, built, 0), epochs=TRIED_EPOCHS, patience=None)
    try:
        with failures.of_training(own_code=plan.runs_own_code):
            epochs = [*engine.training(built.model, settings).epochs()]
        result.check_objectives(plan.objectives, epochs[-1].metrics)
    except UnknownMetric as error:
        raise ConfigError([str(error)]) from error
    except failures.REFUSED as error:
        said = f"TensorFlow refused the model: {failures.of_backend(error)}"
        raise ConfigError([f"[model] family: {said}"]) from error
    return epochs[-1].seconds, max(0.0, epochs[0].seconds - epochs[-1].seconds)


def _never_named(plan: Blueprint, folder: Path) -> Iterator[str]:
    """Yield a warning for each hyperparameter that the user's model code never mentions."""
    family = plan.file.model.family
    if plan.builder is None or handover.is_handed(family):
        return
    file = family.rpartition(":")[0]
    with tokenize.open(folder / file) as opened:
        code = opened.read()
    space = plan.file.space
    places = {name: "[space]" for name in space if name not in hyperparameters.known(family)}
    for number, trial in enumerate(plan.file.trials, start=1):
        own = [key for key in trial if key not in (fixed.NAME, *space)]
        places |= dict.fromkeys(own, f"[[trials]] {number}")
    for name, place in places.items():
        if not _speaks_of(code, name):
            yield f"{place} {spelling.as_key(name)}: {file} does not use it; is it spelled right?"


def _speaks_of(code: str, name: str) -> bool:
    """Return True if the code contains the name, as a word or as a result of an f-string."""
    if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", code):
        return True
    texts = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.JoinedStr)]
    return any(re.fullmatch(_pattern(text), name) for text in texts)


def _pattern(text: ast.JoinedStr) -> str:
    """Return a regex of the f-string's possible results.

    It matches nothing if the f-string has no literal word: f"{a}" could be any name.
    """
    parts = [part.value if isinstance(part, ast.Constant) else None for part in text.values]
    if not any(re.search(r"\w", str(part)) for part in parts if part is not None):
        return r"(?!)"
    return "".join(".*" if part is None else re.escape(str(part)) for part in parts)


def _rows(title: str, rows: Sequence[tuple[str, ...]]) -> Table:
    return tables.table((), rows, title=title)


def _space(plan: Blueprint, trials: Sequence[Trial]) -> Table:
    """Return a table of the space, with what the user's code asks for beyond ``[space]``."""
    every = {name: each for trial in trials for name, each in trial.distributions.items()}
    rows = [each.row() for each in asked.beyond(plan.space.entries, every)]
    head = ("name", "kind", "range", "condition")
    return tables.table(head, [*plan.space.rows(), *rows], title="space")
