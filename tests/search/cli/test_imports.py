"""The imports of each command: nothing that it does not need, so that users need not wait."""

import json
import os
import subprocess
import sys

import pytest

from studyhall.search.cli import app, command_list

pytestmark = pytest.mark.part(6)

# What takes long to import and belongs to training, to reports, to the dashboard, or to a server.
HEAVY = {
    "alembic", "boto3", "keras", "matplotlib", "optuna", "optuna_dashboard", "pandas", "plotly",
    "prometheus_client", "psycopg", "scipy", "sklearn", "sqlalchemy", "tensorflow", "waitress",
    "werkzeug",
}  # fmt: skip
ASKED = """
import json, sys
from studyhall.search.cli import app as cli
sys.argv = ["studyhall", *sys.argv[1:]]
try:
    cli.run()
finally:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def asked(shared_studio):
    """A folder whose database holds a study with a best trial."""
    shared_studio.finish(shared_studio.study(study={"name": "iris", "trials": 2}))
    return shared_studio


def run(studio, *words):
    """A command in a process of its own."""
    environment = {**os.environ, "STUDYHALL_STORAGE": f"sqlite:///{studio.folder}/studyhall.db"}
    return subprocess.run(
        [sys.executable, "-c", ASKED, *words],
        cwd=studio.folder,
        env=environment,
        capture_output=True,
        text=True,
    )


def imported_by(answer):
    """The top-level modules that a command has imported."""
    return {*json.loads(answer.stderr.splitlines()[-1])}


def imported(studio, *words):
    """Likewise, of a command that must end well."""
    answer = run(studio, *words)
    assert answer.returncode == 0, answer.stderr
    return imported_by(answer)


@pytest.mark.parametrize(
    "words",
    [("--version",), ("--help",), ("-h",), ("status",), ("status", "iris"), ("stop", "iris")],
)
def test_questions_that_need_no_numbers_import_none_of_it(asked, words):
    assert not imported(asked, *words) & {*HEAVY, "numpy"}


@pytest.mark.parametrize(
    "words", [("trials", "iris"), ("best", "iris"), ("doctor",), ("resume", "-h"), ("report", "-h")]
)
def test_questions_with_verdicts_import_numpy_at_most(asked, words):
    assert not imported(asked, *words) & HEAVY


def test_a_report_imports_what_draws_it_and_no_more(asked):
    found = imported(asked, "report", "iris")
    drawing = {"optuna", "plotly"}
    assert drawing < found and not found & (HEAVY - drawing - {"scipy", "sqlalchemy"})


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"training": {"patients": 3}}, "[training] patients"),
        ({"data": {"source": "nowhere.csv"}}, "[data] source"),
        ({"data": {"source": "nowhere.py:load"}}, "[data] source"),
        ({"model": {"family": "nowhere.py:build"}}, "[model] family"),
        ({"data": {"source": "one.csv", "target": "y"}}, "[data] target"),
    ],
)
@pytest.mark.parametrize("command", ["check", "launch"])
def test_a_mistake_that_needs_no_tensorflow_is_refused_before_it_is_imported(
    studio, command, words, said
):
    (studio.folder / "one.csv").write_text("a,b\n1,2\n")
    path = studio.write(**words)
    answer = run(studio, command, path.name)
    assert answer.returncode == 2 and said in answer.stderr, answer.stderr
    assert not imported_by(answer) & {"keras", "tensorflow"}


def test_the_list_says_what_the_commands_say():
    for name, each in command_list.SHOWN.items():
        assert each.help == app.imported(name).help, name
    assert all(app.imported(name).name == name for name in command_list.HIDDEN)
