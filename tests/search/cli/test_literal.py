"""Names that people have, through everything that shows names on a terminal: as they are."""

import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyhall.keras_tuner.trial import Trial
from studyhall.search.cli import app, check, deletion
from studyhall.search.display import live, score_tables, show, tables
from studyhall.search.display.terminal import Literal, complain, remark, say, write
from studyhall.search.evaluation import no_result
from studyhall.search.study_file import config_error
from studyhall.spaces.hp.hyperparameters import HyperParameters
from studyhall.spaces.spelling import visible
from studyhall.storage.leases.goal import TARGET, Goal
from studyhall.storage.queries.at_work import Running, Sight
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.queries.status import OutOfMemory, Status
from studyhall.storage.studies.trash import Deleted

NASTY = (
    "[/degC]", "[red]hot[/red]", "[link=x]", "{name}", "%(x)s", "$x_1^2$", "$\\frac{", "100 %",
    ":smile:", "a\nb", "a\tb", "\x1b[31mred", "\x00", '"', "'", "\\", "\\n", "|", "`", "```", "*b*",
    "_i_", "# h", "<b>bold</b>", "<script>alert(1)</script>", "&lt;", "&", "~~s~~", "![i](u)",
    "naïve", "日本語", "👨‍👩‍👧", "שלום", "\u202eevil", " ", "-", "=1+1", "{{ x }}", "%{y}", "<br>",
    "x" * 300,
)  # fmt: skip
NAMES = st.one_of(
    st.sampled_from(NASTY),
    st.lists(st.sampled_from(NASTY[:-1]), min_size=1, max_size=3).map(" ".join),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30),
)
names = given(name=NAMES)


def trial(name: str, **changes: Any) -> TrialRecord:
    """A trial that has the name wherever it may stand."""
    values: dict[str, Any] = {
        "trial_id": 1, "number": 0, "state": "FAIL", "value": None, "best_epoch": None,
        "epochs": 0, "params": {name: name}, "attributes": {"reason": name, "name": name},
        "started_at": 0.0, "finished_at": 1.0, "worker": name, "attempt": 1,
        "repeated_epochs": 0, "repeated_s": 0.0, "gpu_seconds_used": 0.0,
    }  # fmt: skip
    return TrialRecord(**{**values, **changes})


def status(name: str) -> Status:
    """A study with such a worker, such a fixed trial and such an objective."""
    running = Running(
        0, name, name, 1, "cpu", 1, 0.5, 0.5, 1.0, 1, True, 0, 0, 0.0, 0.0, None, 1, 0, 0, 1, name
    )
    counts = dict.fromkeys(("RUNNING", "COMPLETE", "PRUNED", "FAIL"), 0)
    best = trial(name, state="COMPLETE", value=0.5)
    return Status(
        0.0, counts, 0, 1, 0, 0.0, None, 0.0, None, best, [running],
        [Sight(name, name, 1, "cpu", 0.0, 0.0)], None, 0, 0, 0.0, OutOfMemory(0, 0.0), False, name,
        Goal(0.5), TARGET,
    )  # fmt: skip


def printed(*parts: Any) -> str:
    """Return the output on a very wide terminal."""
    file = io.StringIO()
    console = Literal(file=file, width=10_000, force_terminal=False)
    for part in parts:
        console.print(part)
    return file.getvalue()


SCORES = {"task": "multiclass", "samples": 1, "macro": {}, "confusion": [[1, 0], [0, 1]]}


def scores(name: str) -> dict[str, Any]:
    return {**SCORES, "classes": [{"name": name, "samples": 1}, {"name": "other", "samples": 1}]}


SHOWN: dict[str, Callable[[str], Any]] = {
    "a table": lambda n: tables.table(("name",), [(n,)]),
    "a header": lambda n: tables.table((n,), [("x",)]),
    "a title": lambda n: tables.table((), [("x" * 1000,)], title=n),
    "trials": lambda n: show.trials_table([trial(n)], {}),
    "running": lambda n: show.running_table(status(n)),
    "the live table": lambda n: live.picture("study", status(n)),
    "its title": lambda n: live.picture(n, status("worker")),
    "its note": lambda n: live.picture("study", status("worker"), n),
    "the trash": lambda n: deletion.trash_table([Deleted(1, n, 0.0, n, 0, None)]),
    "scores": lambda n: tables.table(*score_tables.rows(scores(n))),
    "confusion": lambda n: tables.table(*score_tables.confusion_rows(scores(n))),
    "check": lambda n: check._rows("data", [("classes", n)]),
}


@pytest.mark.parametrize("part", SHOWN)
@settings(max_examples=40)
@names
def test_terminals_show_it_as_it_is(part: str, name: str) -> None:
    shown = printed(SHOWN[part](name))
    assert visible(name).strip() in shown
    assert visible(shown, keep="\n") == shown


@names
def test_lines_show_it_as_it_is(name: str) -> None:
    name = name.replace("\t", " ")  # drawn as spaces, up to the next stop
    with pytest.MonkeyPatch.context() as patch:
        out, err = io.StringIO(), io.StringIO()
        patch.setattr("sys.stdout", out)
        patch.setattr("sys.stderr", err)
        say(f"<{name}>")
        remark(f"<{name}>")
        complain(config_error.ConfigError([f"<{name}>"]))
        live.Lines(Literal(file=out)).say(f"<{name}>")
    line = visible(f"<{name}>")
    assert out.getvalue() == err.getvalue() == f"{line}\n{line}\n"


class Terminal(io.StringIO):
    """A stream that counts as a terminal."""

    def isatty(self) -> bool:
        return True


@names
def test_what_programs_read_is_exact_but_on_a_terminal(name: str) -> None:
    text = f'class,"{name}"\n'
    for file, expected in ((io.StringIO(), text), (Terminal(), visible(text, keep="\n\t"))):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdout", file)
            write(text)
        assert file.getvalue() == expected


@names
def test_summaries_of_keras_tuner(name: str) -> None:
    made = Trial(HyperParameters(), "7", message=f"<{name}>")
    made.hyperparameters.values[name] = name
    with pytest.MonkeyPatch.context() as patch:
        out = io.StringIO()
        patch.setattr("sys.stdout", out)
        made.summary()
    shown = out.getvalue()
    assert visible(shown, keep="\n\t") == shown and "Hyperparameters:" in shown


EVIL = "\x1b[31m\x1b]0;title\x07\x9b2J\r\x08\u202eevil"
BUILDER = f"""
import keras

def build(trial, input_shape, outputs):
    if trial.number == 1:
        raise RuntimeError({EVIL!r})
    units = trial.suggest_int({"units" + EVIL!r}, 2, 5)
    kind = trial.suggest_categorical("kind", [{EVIL!r}, {EVIL[::-1]!r}])
    return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(outputs, "softmax")])
"""


def test_no_command_lets_what_a_database_holds_rule_the_terminal(
    studio: Any, monkeypatch: Any, capsys: Any
) -> None:
    study = studio.study(BUILDER, study={"trials": 3}, space={"width": None})
    objective = studio.worker(study)
    for _ in range(3):
        objective.run(objective.context.store.claim())
    with closing(sqlite3.connect(studio.folder / "studyhall.db")) as connection, connection:
        connection.execute("update studies set study_name = ?", (EVIL,))
    monkeypatch.chdir(studio.folder)
    monkeypatch.delenv("STUDYHALL_STORAGE", raising=False)
    told = {}
    for command in (
        ["status"], ["status", EVIL], ["status", EVIL, "--json"], ["trials", EVIL],
        ["trials", EVIL, "--json"], ["best", EVIL], ["doctor", EVIL], ["trials", EVIL + "?"],
        ["stop", EVIL], ["watch", EVIL, "--" + EVIL], ["deleted"],
    ):  # fmt: skip
        monkeypatch.setattr("sys.argv", ["studyhall", *command])
        with pytest.raises(SystemExit):
            app.run()
        said = capsys.readouterr()
        shown = told[tuple(command)] = said.out + said.err
        assert visible(shown, keep="\n\t") == shown, command
    assert visible(EVIL) in told["trials", EVIL] and visible(EVIL) in told["status",]
    assert json.loads(told["status", EVIL, "--json"])["study"] == EVIL
    assert {*json.loads(told["trials", EVIL, "--json"])[0]["params"]} >= {"units" + EVIL, "kind"}


def test_a_name_that_is_too_long_is_folded_not_cut() -> None:
    name = "".join(map(str, range(1000)))
    file = io.StringIO()
    Literal(file=file, width=60).print(show.trials_table([trial(name)], {}))
    assert name[-8:] in "".join(file.getvalue().split()) and "…" not in file.getvalue()


@names
def test_reasons_are_told_on_a_line_each(name: str) -> None:
    (line,) = no_result.reasons([trial(name)])
    assert name in line
