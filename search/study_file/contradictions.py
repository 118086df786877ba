"""Keys of a study file that are each valid but don't fit together."""

from __future__ import annotations

import math
from collections.abc import Iterator

from studyhall.search.study_file import metric_mistakes, objectives
from studyhall.search.study_file.mistake import Mistake
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import spelling


def of_whole(file: StudyFile) -> list[Mistake]:
    """Return the mistakes of keys that are each valid but don't fit together."""
    pruning = [*_of_hyperband(file), *_of_wilcoxon(file)]
    measured = metric_mistakes.of_whole(file)
    found = [*_of_number(file), *_of_goal(file), *_of_order(file), *_of_targets(file)]
    found += [*measured, *pruning]
    return [*found, *_of_weights(file), *of_backend(file)]


def _of_weights(file: StudyFile) -> Iterator[Mistake]:
    if file.model.weights is not None and file.model.application is None:
        expected = "nothing: only networks of keras.applications begin with weights"
        received = f'"{file.model.weights}" with family = "{file.model.family}"'
        yield Mistake("model", "weights", received, expected)
    if file.model.application is not None and file.data.normalize not in ("auto", "scale"):
        expected = '"auto": the network prepares its pictures by itself'
        received = f'"{file.data.normalize}" with family = "{file.model.family}"'
        yield Mistake("data", "normalize", received, expected)


def of_backend(file: StudyFile) -> Iterator[Mistake]:
    """Yield keys that the backend can't follow; none while it is "auto", so not yet known."""
    if file.training.backend == "torch" and file.training.xla == "on":
        yield Mistake("training", "xla", '"on" with backend = "torch"', '"off": torch has no XLA')
    if file.model.reads_texts and file.training.backend not in ("auto", "tensorflow"):
        expected = 'another family, or backend = "tensorflow": Keras splits texts with it only'
        received = f'"text" with backend = "{file.training.backend}"'
        yield Mistake("model", "family", received, expected)


def _of_number(file: StudyFile) -> Iterator[Mistake]:
    if len(file.trials) > file.study.trials:
        expected = f"at least {len(file.trials)}, as many as there are [[trials]]"
        yield Mistake("study", "trials", str(file.study.trials), expected)


def _of_goal(file: StudyFile) -> Iterator[Mistake]:
    """Yield keys of a goal that no result can be measured by."""
    study = file.study
    several = len(objectives.of_file(dict(study))) > 1
    for key in ("target", "stop_after"):
        value = getattr(study, key)
        if value is not None and several:
            received = f"{spelling.as_toml(value)} with several objectives"
            yield Mistake("study", key, received, "none: a Pareto front has no best value")
    if study.min_improvement and study.stop_after is None:
        received = f"{spelling.as_toml(study.min_improvement)} without stop_after"
        yield Mistake("study", "min_improvement", received, "stop_after, too")


def _of_order(file: StudyFile) -> Iterator[Mistake]:
    """Yield keys that rows in order have no use for, or would be misled by."""
    data = file.data
    if data.windows is None and data.horizon != 1:
        yield Mistake("data", "horizon", f"{data.horizon} without windows", "windows, too")
    if data.windows is not None and file.model.reads_texts:
        expected = 'nothing: texts have no windows; family = "sequence" reads these'
        yield Mistake("data", "windows", f'{data.windows} with family = "text"', expected)
    by = "windows" if data.windows else "split_by" if data.split_by else ""
    if by and data.folds > 1:
        expected = "1: folds would train on what comes after their validation set"
        yield Mistake("data", "folds", f"{data.folds} with {by}", expected)
    if by == "split_by" and data.group:
        expected = "one of the two; or windows, each over the rows of one group"
        yield Mistake("data", "group", f'"{data.group}" with split_by', expected)


def _of_targets(file: StudyFile) -> Iterator[Mistake]:
    if file.data.scale_target == "standard" and file.model.is_own:
        received = f'"standard" with family = "{file.model.family}"'
        expected = '"auto" or "none": a model of your own gets targets as they are'
        yield Mistake("data", "scale_target", received, expected)


def _of_hyperband(file: StudyFile) -> Iterator[Mistake]:
    least, most = file.search.pruner_min_epochs, file.training.epochs
    if file.search.pruner == "hyperband" and least > most:
        expected = f"at most the {most} epochs of a trial"
        yield Mistake("search", "pruner_min_epochs", str(least), expected)


def _of_wilcoxon(file: StudyFile) -> Iterator[Mistake]:
    """Yield a mistake if wilcoxon could never prune.

    With n pairs, the p-value of the signed-rank test is at least 1 / 2^n.
    """
    parts, limit = file.data.folds * file.training.repeats, file.search.pruner_p_value
    # One part more than the test needs: pruning after the last part would save nothing.
    needed = math.floor(-math.log2(limit)) + 2
    if file.search.pruner == "wilcoxon" and parts < needed:
        received = f'"wilcoxon" with folds × repeats = {parts}'
        expected = f"folds × repeats ≥ {needed} for pruner_p_value = {limit:g}"
        yield Mistake("search", "pruner", received, expected)
