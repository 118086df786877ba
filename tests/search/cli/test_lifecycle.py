"""A study created or found by its file, and what the user is told of it."""

import json
import sqlite3
from contextlib import closing

import pytest

from studyhall.search.cli import opening, stopping
from studyhall.search.cli.options import storage_option
from studyhall.search.study import inspection
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces import user_code
from studyhall.storage.studies import studies


@pytest.fixture
def opened(studio):
    """Opens a study file as a launch does."""

    def open_file(**changes):
        path = studio.write(**changes)
        file = config.load(path)
        return opening.open_or_create(studio.db, file, path, inspection.inspect(file, path))

    return open_file


NOTE = "data: 1 of 30 test samples also stand among the training and validation samples"


def test_a_new_study_is_created_with_nothing_but_a_note_on_its_data(studio, opened, capsys):
    for _ in range(2):
        opened()
        assert studies.names(studio.db) == ["iris"] and capsys.readouterr().out == f"{NOTE}\n"


def test_what_differs_is_said(opened, capsys):
    opened()
    assert capsys.readouterr().out == f"{NOTE}\n"
    study = opened(study={"trials": 5, "seed": 7}, search={"sampler": "random"})
    assert study.seed == 0
    assert capsys.readouterr().out.splitlines() == [
        NOTE,
        'study "iris" exists and continues; study.toml differs:',
        "  study.trials: 2 → 5: applies from now on",
        "  study.seed: 0 → 7: ignored, the stored value is kept",
        '  search.sampler: "auto" → "random": applies from now on',
    ]


def test_code_may_be_mended_while_every_trial_failed(studio, opened):
    code = studio.folder / "mine.py"
    own = {"model": {"family": "mine.py:build"}, "space": {"width": None}}
    code.write_text("def build(trial, input_shape, outputs):\n    raise KeyError('width')\n")
    study = opened(**own)
    objective = studio.worker(study)
    objective.run(objective.context.store.claim())
    code.write_text(
        "import keras\n\ndef build(trial, input_shape, outputs):\n"
        "    return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(outputs)])\n"
    )
    user_code.forget("mine.py:build", studio.folder)  # as in the process of the next launch
    study = opened(**own)
    assert [outcome.value for outcome in studio.finish(study)] == ["complete"]
    code.write_text(code.read_text() + "# other\n")
    with pytest.raises(ConfigError, match=r"^study.toml: mine.py: received a file with SHA-256"):
        opened(**own)


def test_a_hint_names_the_database_where_it_is_another(monkeypatch):
    monkeypatch.setenv("STUDYHALL_STORAGE", "postgresql://ann:sesame@host/db")
    assert storage_option("postgresql://ann:sesame@host/db") == ""
    assert storage_option("sqlite:///other.db") == " --storage sqlite:///other.db"
    hint = storage_option("postgresql://bob:sesame@host/db")
    assert hint == " --storage 'postgresql://bob:***@host/db'"


@pytest.mark.slow
def test_a_best_model_that_is_not_proven_is_no_success(studio, typed):
    """Of `resume`, `best` and `doctor`; none of them leaves it at the numbers."""
    study = studio.study()
    studio.finish(study)
    wrong = studio.spoil(study)

    for command in (["resume", "iris", "--workers", "1"], ["best", "iris"]):
        code, printed, _ = typed(*command)
        assert code == 3
        assert f"NOT PROVEN: trial {wrong.number}: its model, reloaded in a fresh" in printed
        assert "it is neither exported nor tested" in printed and "not done yet" not in printed
    code, printed, _ = typed("best", "iris", "--json")
    told = json.loads(printed)
    assert code == 3 and not told["proof"]["proven"] and told["test"] is told["folder"] is None
    code, printed, _ = typed("doctor", "iris")
    assert code == 3 and "! iris: the best model is not proven: trial" in printed
    code, printed, _ = typed("report", "iris", "--format", "md", "--output", "iris.md")
    assert code == 0 and "NOT PROVEN: trial" in (studio.folder / "iris.md").read_text()


MORE = (["resume", "iris", "--trials", "+2"], ["confirm", "iris"], ["datacurve", "iris"])


def contents(studio):
    """Everything that the database holds."""
    path = studio.folder / "studyhall.db"
    with closing(sqlite3.connect(path)) as connection:
        lines = [*connection.iterdump()]
    # The heartbeat of the worker that finished the study goes on.
    return [line for line in lines if not line.startswith('INSERT INTO "studyhall_workers"')]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.write_text(path.read_text() + "9.5,1\n"), "received data with finger"),
        (lambda path: path.write_text("x,y\n1,viel\n"), "[data] "),
        (lambda path: path.unlink(), "does not exist"),
    ],
)
def test_nothing_is_written_where_the_data_are_others(studio, typed, change, said):
    path = studio.folder / "t.csv"
    path.write_text("x,y\n" + "".join(f"{number % 13}.5,{number % 2}\n" for number in range(60)))
    study = studio.study(data={"source": "t.csv", "target": "y"})
    studio.finish(study)
    stopping.stop_study(studio.db, study, 0.0, "")
    before = contents(studio)
    change(path)
    for command in MORE:
        code, _, err = typed(*command)
        assert code == 2 and err.startswith("iris: ") and said in err and "Traceback" not in err
        assert contents(studio) == before


@pytest.mark.slow  # each command imports Keras to read the data
def test_nothing_is_written_where_code_makes_other_data(studio, typed):
    path = studio.folder / "rows.txt"
    path.write_text("7")
    (studio.folder / "mine.py").write_text(
        "from pathlib import Path\nimport numpy as np\n\ndef data():\n"
        "    rng = np.random.default_rng(int(Path('rows.txt').read_text()))\n"
        "    return rng.normal(size=(60, 2)), np.arange(60) % 2\n"
    )
    studio.finish(studio.study(data={"source": "mine.py:data"}))
    path.write_text("8")
    before = contents(studio)
    for command in MORE:
        code, _, err = typed(*command)
        assert code == 2 and "iris: [data] source: received data with fingerprint" in err
        assert contents(studio) == before
