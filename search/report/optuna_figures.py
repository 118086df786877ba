"""The plots of Optuna, in the colours of the report."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import FrozenTrial

from studyhall.search.diagnosis import tendencies
from studyhall.search.display import words
from studyhall.search.display.curves import TRAIN
from studyhall.search.process import quiet
from studyhall.search.report import figures, log_axis
from studyhall.search.report.figures import LINE, LOG_TICKS, QUIET, Figure, dressed, is_wide
from studyhall.search.study_file import objectives

with quiet.spared("matplotlib"):  # the unused second backend of Optuna, slow to import
    # Imported here, as Optuna would otherwise load it lazily, outside of `spared`.
    import optuna.visualization as visualization

SLICE, SCENE = 240, 480  # pixels of height
CAMERA = {"eye": {"x": 1.7, "y": 1.7, "z": 0.9}, "center": {"x": 0, "y": 0, "z": -0.15}}
MOST_SLICES, LEAST_DOTS = 12, 3
EARLY_TO_LATE = [[0, "#9fb3c8"], [1, "#d9612b"]]  # visible on light and dark backgrounds


def literal(study: optuna.Study) -> optuna.Study:
    """Copy the study with names and choices escaped so that plotly shows them literally."""
    shown = quiet.optuna_study(study_name=study.study_name, directions=study.directions)
    if study.metric_names:
        with warnings.catch_warnings():  # Optuna calls it experimental
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            shown.set_metric_names([*map(figures.literal, study.metric_names)])
    for trial in study.get_trials():
        spaces = {figures.literal(n): _shown_space(d) for n, d in trial.distributions.items()}
        trial.params = {figures.literal(n): _shown_value(v) for n, v in trial.params.items()}
        trial.distributions = spaces
        shown.add_trial(trial)
    return shown


def _shown_space(space: BaseDistribution) -> BaseDistribution:
    if not isinstance(space, CategoricalDistribution):
        return space
    return CategoricalDistribution([*map(_shown_value, space.choices)])


def _shown_value(value: Any) -> Any:
    if isinstance(value, bool):
        return words.value(value)
    return figures.literal(value) if isinstance(value, str) else value


def over_trials(study: optuna.Study) -> Figure | None:
    """Plot the value of each trial and the best value so far (Optuna's plot)."""
    figure = _optunas(visualization.plot_optimization_history, study, log=True)
    if figure is not None:
        figure.update_traces(marker_color=QUIET, name="a trial", selector={"mode": "markers"})
        line = {"color": LINE, "shape": "hv"}
        figure.update_traces(line=line, name="best so far", selector={"mode": "lines"})
        figures.on_whole_numbers(figure).update_xaxes(title="trial")
    return figure


def importance(study: optuna.Study) -> Figure | None:
    """Plot the importance of each hyperparameter (Optuna's plot of PED-ANOVA)."""
    if not (weights := tendencies.importances(study)):
        return None
    by = tendencies.evaluator(study)
    figure = _optunas(visualization.plot_param_importances, study, evaluator=by)
    if figure is not None:
        figure.update_traces(marker_color=TRAIN)
        figure.update_layout(height=90 + 28 * len(weights), showlegend=False)
        figure.update_yaxes(title=None)
    return figure


def slices(study: optuna.Study) -> dict[str, Figure]:
    """Plot the value against each hyperparameter, the most important first (Optuna's plots)."""
    complete = [t for t in study.get_trials(deepcopy=False) if _is_complete(t)]
    often = Counter(name for trial in complete for name in trial.params)
    weights = tendencies.importances(study)
    names = [name for name, count in often.items() if count >= LEAST_DOTS]
    ranked = sorted(names, key=lambda name: -weights.get(name, 0.0))[:MOST_SLICES]
    drawn = {name: slice_of(study, name) for name in ranked}
    return {name: figure for name, figure in drawn.items() if figure is not None}


def slice_of(study: optuna.Study, name: str) -> Figure | None:
    """Plot the value against one hyperparameter (Optuna's plot)."""
    figure = _optunas(visualization.plot_slice, study, params=[name], log=True)
    if figure is not None:
        marker = {"colorscale": EARLY_TO_LATE, "showscale": False, "line": None}
        figure.update_traces(marker=marker)
        figure.update_layout(height=SLICE, width=None, margin={"l": 50, "r": 12, "t": 10, "b": 44})
        figure.update_yaxes(title=None)
        _unquote(figure)
        if is_counted(study, name) and figure.layout.xaxis.type != "log":
            figures.on_whole_numbers(figure)
    return figure


def _unquote(figure: Figure) -> None:
    """Give points the names of their categories, which Optuna puts in quotes there."""
    known = {repr(name): name for name in figure.layout.xaxis.categoryarray or ()}
    for points in figure.data:
        points.x = [known.get(each, each) for each in points.x]


def is_counted(study: optuna.Study, name: str) -> bool:
    """Return True if every trial took this hyperparameter from whole numbers."""
    trials = study.get_trials(deepcopy=False)
    spaces = [trial.distributions[name] for trial in trials if name in trial.distributions]
    return bool(spaces) and all(isinstance(each, IntDistribution) for each in spaces)


def parallel(study: optuna.Study) -> Figure | None:
    """Plot each trial as a line through its hyperparameters, the best on top (Optuna's plot)."""
    figure = _optunas(visualization.plot_parallel_coordinate, study)
    if figure is None:
        return None
    lines = figure.data[: len(_values(study))]  # one per trial; a colour scale follows
    sign = objectives.sign(study.direction.name.lower())
    ranked = sorted(lines, key=lambda line: sign * line.y[0])  # the first axis is the value
    count = tendencies.marked_count(len(ranked))
    for place, line in enumerate(ranked):
        is_best = place < count
        line.update(line={"color": LINE if is_best else QUIET, "width": 2 if is_best else 1})
        line.update(opacity=0.9 if is_best else 0.4)
    values = _values(study)
    if is_wide(values, study.direction.name.lower()):
        log_axis.spread(ranked, figure.layout.annotations, min(values), max(values))
    _label_whole_numbers(study, figure)
    figure.data = ()
    figure.add_traces(ranked[::-1])  # later traces are drawn above earlier ones
    figure.update_layout(margin={"l": 60, "r": 60, "t": 24, "b": 30})
    return figure


def _label_whole_numbers(study: optuna.Study, figure: Figure) -> None:
    """Leave out the labels between whole numbers on the axes of integers."""
    names = figure.layout.xaxis.ticktext
    figure.layout.annotations = [
        note
        for note in figure.layout.annotations
        if note.x == 0 or not is_counted(study, names[int(note.x)]) or "." not in note.text
    ]


def pareto(study: optuna.Study) -> Figure | None:
    """Plot two or three objectives, the Pareto front in colour (Optuna's plot).

    Return None for one objective, more than three, or no complete trial.
    """
    trials = study.get_trials(deepcopy=False)
    if len(study.directions) not in (2, 3) or not any(t.state.name == "COMPLETE" for t in trials):
        return None
    for trial in trials:
        trial.user_attrs = {}  # otherwise the hover texts list every metric
    figure = visualization.plot_pareto_front(study, target_names=_titles(study))
    styles = (("dominated", QUIET, 5), ("on the front", LINE, 9))
    for points, (name, colour, size) in zip(figure.data, styles, strict=True):
        marker = {"color": colour, "size": size, "line": {"width": 0}}
        points.update(name=name, showlegend=True, marker=None)
        points.update(marker=marker, hovertemplate="%{text}<extra></extra>")
    figure.update_layout(title=None)
    return _on_axes(figure, study)


def _titles(study: optuna.Study) -> list[str]:
    better = ("higher" if each.name == "MAXIMIZE" else "lower" for each in study.directions)
    names = [objectives.shown(name) for name in study.metric_names or []]
    return [f"{name}, {way} is better" for name, way in zip(names, better, strict=True)]


def _on_axes(figure: Figure, study: optuna.Study) -> Figure:
    """Set logarithmic axes for objectives that span a wide range."""
    values = [t.values for t in study.get_trials(deepcopy=False) if t.state.name == "COMPLETE"]
    columns = zip(zip(*values, strict=True), study.directions, strict=True)
    kinds = ["log" if is_wide(each, way.name.lower()) else "linear" for each, way in columns]
    if len(kinds) == 3:
        axes = zip("xyz", kinds, strict=True)
        figure.update_scenes({f"{name}axis": {"type": kind, "nticks": 5} for name, kind in axes})
        figure.update_scenes(camera=CAMERA)
        return dressed(figure, None, None, height=SCENE).update_layout(margin={"l": 0, "r": 0})
    for axis, kind in zip((figure.update_xaxes, figure.update_yaxes), kinds, strict=True):
        axis(type=kind, nticks=LOG_TICKS if kind == "log" else None)
    return dressed(figure, None, None)


def _optunas(
    plot: Callable[..., Figure], study: optuna.Study, *, log: bool = False, **options: object
) -> Figure | None:
    """Make one of Optuna's plots; return None if it has nothing to show."""
    if not any(map(_is_complete, study.get_trials(deepcopy=False))):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna warns of experimental functions
        target = (study.metric_names or [objectives.LOSS])[0]
        named = {} if "evaluator" in options else {"target_name": target}
        figure = plot(study, **named, **options)
    if not figure.data:
        return None
    figure.update_layout(title=None)
    if log and is_wide(_values(study), study.direction.name.lower()):
        figure.update_yaxes(type="log", nticks=LOG_TICKS)
    return dressed(figure, None, None)


def _values(study: optuna.Study) -> list[float]:
    trials = study.get_trials(deepcopy=False)
    return [trial.values[0] for trial in trials if _is_complete(trial)]


def _is_complete(trial: FrozenTrial) -> bool:
    """Return True for a complete trial with a finite value, which Optuna's plots require."""
    return trial.state.name == "COMPLETE" and math.isfinite(trial.values[0])
