"""The study file's sampler and pruner as objects of Optuna, and the recording of suggestions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from optuna.samplers import BaseSampler
from optuna.trial import BaseTrial

from studyhall.search.study_file import objectives
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces.entry import Entry
from studyhall.spaces.space import Space
from studyhall.storage.sampling import pruning, samplers
from studyhall.storage.sampling.part_pruning import PartPruner
from studyhall.storage.sampling.predictive_pruning import Predictive
from studyhall.storage.sampling.pruning import Pruner


def sampler_factory(file: StudyFile, space: Space | None) -> Callable[[int], BaseSampler]:
    """Return a function that creates the sampler of one trial from that trial's seed.

    With one sampler per trial, seeded by its number, suggestions are the same after any restart.
    """
    name = file.search.sampler
    points = grid(space) if name == "grid" and space is not None else None
    return samplers.named(
        name,
        study_seed=file.study.seed,
        grid=points,
        startup_trials=file.search.startup_trials,
    )


def grid(space: Space) -> dict[str, list[Any]]:
    """Return the grid of a grid search: all values of each hyperparameter, by Optuna's names."""
    depth = space.largest().get("depth", space.depth)
    layers = depth if isinstance(depth, int) else space.depth
    searched = [entry for entry in space.entries if not entry.constant]
    return {name: _values(entry) for entry in searched for name in entry.names(layers)}


def _values(entry: Entry) -> list[Any]:
    if entry.choices:
        return list(entry.choices)
    step = entry.step or 1  # float ranges without a step are refused in the study file
    return [entry.low + index * step for index in range(entry.count())]


def pruner(file: StudyFile, study_name: str) -> Pruner:
    """Return the study file's pruner, which reads the epochs of other trials from the database.

    With folds or repeats, warm-up counts the epochs of all parts.
    """
    chosen = file.search
    if len(objectives.of_file(dict(file.study))) > 1:  # Optuna prunes by one objective only
        return pruning.Never()
    if chosen.pruner == "auto":
        return Predictive(chosen.pruner_startup_trials, chosen.pruner_warmup_epochs)
    if chosen.pruner in ("median", "percentile"):
        return pruning.Percentile(
            chosen.pruner_percentile if chosen.pruner == "percentile" else 50.0,
            chosen.pruner_startup_trials,
            chosen.pruner_warmup_epochs,
        )
    if chosen.pruner == "hyperband":
        return pruning.Hyperband(
            study_name,
            min_resource=chosen.pruner_min_epochs,
            max_resource=file.training.epochs * file.data.folds * file.training.repeats,
            reduction_factor=chosen.pruner_reduction,
        )
    return pruning.Never()


def part_pruner(file: StudyFile) -> PartPruner:
    """Return the pruner that ends trials between two of their folds or repeats."""
    single = len(objectives.of_file(dict(file.study))) == 1
    by_parts = single and file.search.pruner in ("auto", "wilcoxon")
    return PartPruner(file.search.pruner_p_value if by_parts else 0.0)


def noting(trial: BaseTrial, note: Callable[[], None]) -> BaseTrial:
    """Wrap a trial so that ``note`` is called after each suggestion.

    A trial whose worker died may end the next worker too, while its model is built. Its values
    must be recorded before that, or samplers could not avoid similar ones.
    """
    return cast(BaseTrial, _Noting(trial, note))


class _Noting:
    def __init__(self, trial: BaseTrial, note: Callable[[], None]) -> None:
        self._trial, self._note = trial, note

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._trial, name)
        return self._noted(found) if name.startswith("suggest_") else found

    def _noted(self, suggest: Callable[..., Any]) -> Callable[..., Any]:
        def suggested(*arguments: Any, **named: Any) -> Any:
            value = suggest(*arguments, **named)
            self._note()
            return value

        return suggested
