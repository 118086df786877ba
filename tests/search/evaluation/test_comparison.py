"""Studies and trials side by side, from real runs with folds and without."""

import pytest
from PIL import Image
from typer.testing import CliRunner

from studyhall.search.cli import app
from studyhall.search.evaluation import comparison
from studyhall.search.report import side_by_side as page
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.queries import records


@pytest.fixture(scope="module")
def db(shared_studio):
    """One study with three folds and two trials, another with one, and one on other data."""
    folds = {"source": "sklearn:iris", "folds": 3}
    rate = {"low": 1e-3, "high": 1e-1, "log": True}
    for name, data, trials, width in (
        ("small", folds, 2, 2), ("wide", folds, 1, 16), ("wine", {"source": "sklearn:wine"}, 1, 4)
    ):  # fmt: skip
        study = shared_studio.study(
            study={"name": name, "trials": trials},
            data=data,
            space={"width": width, "learning_rate": rate},
        )
        shared_studio.finish(study)
    return shared_studio.db


def test_a_study_stands_for_its_best_trial(db):
    whole, one = comparison.sides(db, ["small", "small:1"])
    best = min(records.trials(db, whole.study), key=lambda trial: trial.value)
    assert whole.trial == best and one.trial.number == 1 and one.name == "small:1"


def test_outcomes_and_what_differs(db):
    both = comparison.sides(db, ["small", "wide"])
    head, rows = comparison.outcomes(both)
    assert head == ["", "small", "wide"]
    told = {name: cells for name, *cells in rows}
    assert told["validation loss"][0] != "–" and told["best epoch"][1].endswith(" of 9")
    differing = {name: cells for name, *cells in comparison.differing(both)[1]}
    assert differing["width"] == ["2", "16"] and "dropout" not in differing


def test_the_same_folds_tell_a_difference_from_chance(db):
    both = comparison.sides(db, ["small", "wide"])
    (difference,) = comparison.differences(both)
    assert difference.mean == pytest.approx(both[1].trial.value - both[0].trial.value)
    assert 0 < difference.chance < 1
    assert [*comparison.remarks(both)] == [difference.sentence()]


def test_seeds_tell_a_difference_from_chance(studio):
    for width in (1, 16):
        study = studio.study(
            study={"name": f"seeds-{width}", "trials": 1},
            training={"repeats": 3},
            space={"width": width},
        )
        studio.finish(study)
    both = comparison.sides(studio.db, ["seeds-1", "seeds-16"])
    (difference,) = comparison.differences(both)
    assert difference.mean == pytest.approx(both[1].trial.value - both[0].trial.value)
    assert "over the seeds" in next(comparison.remarks(both))


def test_other_data_are_not_compared_in_silence(db):
    (remark,) = comparison.remarks(comparison.sides(db, ["wide", "wine"]))
    assert remark.startswith("data or splits differ")


def test_every_name_that_means_nothing_is_told(db):
    with pytest.raises(ConfigError) as refused:
        comparison.sides(db, ["gone", "small:7", "wide"])
    assert refused.value.problems == [
        "study: received 'gone', expected STUDY or STUDY:NUMBER; studies: small, wide, wine",
        "study: received 'small:7', expected a trial of small",
    ]


def test_the_page_and_the_picture(db, tmp_path):
    both = comparison.sides(db, ["small", "wide"])
    text = page.page(both)
    assert "<h1>small · wide</h1>" in text and 'id="plot-curves"' in text
    (tmp_path / "curves.png").write_bytes(page.picture(both))
    with Image.open(tmp_path / "curves.png") as image:
        assert image.size == (1080, 432) and len(image.getcolors(1_000_000)) > 50


def test_the_command(db, tmp_path):
    url = db.url.render_as_string(hide_password=False)
    path = tmp_path / "both.html"
    command = ["compare", "small", "wide", "--storage", url, "--output", str(path)]
    result = CliRunner().invoke(app.app, command)
    assert result.exit_code == 0, result.output
    assert path.stat().st_size > 1_000_000
    refused = CliRunner().invoke(app.app, ["compare", "small", "--storage", url])
    assert isinstance(refused.exception, ConfigError)
