"""Optuna's plots of a study, as the report draws them."""

import optuna
import pytest

from studyhall.search.diagnosis import tendencies
from studyhall.search.report import optuna_figures
from studyhall.search.report.figures import LINE


def studied(direction: str, name: str, values: list[float]) -> optuna.Study:
    study = optuna.create_study(direction=direction)
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        study.set_metric_names([name])
    space = {
        "dropout": optuna.distributions.FloatDistribution(0.0, 1.0),
        "width": optuna.distributions.CategoricalDistribution((8, 16, 32)),
    }
    for place, value in enumerate(values):
        params = {"dropout": place / len(values), "width": (32, 8, 16)[place % 3]}
        trial = optuna.trial.create_trial(value=value, params=params, distributions=space)
        study.add_trial(trial)
    return study


@pytest.mark.parametrize(
    ("direction", "name", "values", "kind"),
    [
        ("maximize", "f1_macro", [0.01, 0.95, 0.96], None),
        ("maximize", "r2_score", [-3.0, 0.4, 0.5], None),
        ("minimize", "validation loss", [0.62, 0.71, 0.68], None),
        ("minimize", "validation loss", [0.003, 0.71, 0.08], "log"),
        ("minimize", "validation loss", [0.0, 0.71, 0.08], None),
    ],
)
def test_only_losses_that_span_decades_have_a_logarithmic_axis(
    direction: str, name: str, values: list[float], kind: str | None
) -> None:
    study = studied(direction, name, values)
    for figure in (optuna_figures.over_trials(study), *optuna_figures.slices(study).values()):
        assert figure is not None
        assert (figure.layout.yaxis.type, figure.layout.yaxis.dtick) == (kind, None)


@pytest.mark.parametrize(("trials", "marked"), [(4, 1), (9, 1), (10, 5), (80, 8)])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_parallel_plot_marks_the_best_and_never_most(
    direction: str, trials: int, marked: int
) -> None:
    """Optuna sorts the lines by choices that are numbers; one value is 0."""
    study = studied(direction, "accuracy", [n / 100 for n in range(trials)])
    figure = optuna_figures.parallel(study)
    assert figure is not None
    assert [line.line.color == LINE for line in figure.data] == [
        place >= trials - marked for place in range(trials)
    ]
    drawn = [float(line.customdata[0][1]) for line in figure.data]
    assert drawn == sorted(drawn, reverse=direction == "minimize")


def test_a_parallel_plot_of_losses_over_decades_is_logarithmic() -> None:
    study = studied("minimize", "validation loss", [0.001, 0.01, 0.1, 1.0])
    figure = optuna_figures.parallel(study)
    assert figure is not None
    assert [round(line.y[0], 3) for line in figure.data] == [1.0, 0.667, 0.333, 0.0]
    labels = [note.text for note in figure.layout.annotations if note.x == 0]
    assert labels == ["0.001", "0.00562", "0.0316", "0.178", "1"]


def test_importances_are_the_dashboards() -> None:
    study = studied("minimize", "validation loss", [abs(n - 7) / 9 for n in range(20)])
    theirs = optuna.importance.PedAnovaImportanceEvaluator()
    expected = optuna.importance.get_param_importances(study, evaluator=theirs)
    assert list(tendencies.importances(study).items()) == list(expected.items())
