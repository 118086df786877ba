"""`studyhall tune`: data in, a study file and a proven model out."""

import signal
import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from studyhall.search.cli import tune
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError

RNG = np.random.default_rng(0)


def customers(rows=120):
    age, spend = RNG.integers(18, 80, rows), RNG.normal(50, 20, rows).round(2)
    return pd.DataFrame(
        {
            "joined": pd.date_range("2024-01-01", periods=rows).strftime("%d/%m/%Y"),
            "age": age,
            "spend": spend,
            "city": RNG.choice(["Bern", "Rome"], rows),
            "churn": np.where(age + spend > 100, "yes", "no"),
        }
    )


@pytest.fixture
def table(folder):
    customers().to_csv(folder.path / "customers.csv", index=False)
    with closing(sqlite3.connect(folder.path / "shop.db")) as connection:
        customers().to_sql("customers", connection, index=False)
    return folder


@pytest.mark.slow
def test_a_table_becomes_a_study_that_the_same_command_continues(table, interrupted):
    words = ("tune", "customers.csv", "--target", "churn", "--trials", "3", "--minutes", "9")
    said = interrupted(
        table, lambda: (found := table.status("customers-churn")) and found.finished, *words
    )
    assert "customers-churn.toml written: binary, 2 classes: no, yes; mlp, at most 3 trials" in said
    written = (table.path / "customers-churn.toml").read_text()
    said = table.run(*words)
    assert "written" not in said and "proven: reloaded in a fresh process" in said
    assert len(table.trials("customers-churn")) == 3
    assert (table.path / "customers-churn.toml").read_text() == written


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ("customers.csv",),
            "--target: received nothing, expected a column of customers.csv: joined, age, spend,"
            " city, churn",
        ),
        (
            ("customers.csv", "--target", "chrun"),
            '--target: received "chrun", expected a column of customers.csv: joined, age, spend,'
            ' city, churn; did you mean "churn"?',
        ),
        (("custom.csv", "--target", "churn"), 'SOURCE: received "custom.csv", which does not'),
        (("customers.csv", "--data", "split"), "--data: received 'split', expected KEY=VALUE"),
        (
            ("customers.csv", "--data", "source=other.csv"),
            "--data: received 'source=other.csv', expected KEY=VALUE, each key once",
        ),
        (("customers.csv", "--minutes", "1e12"), "[study] hours: received"),
        (("customers.csv", "--minutes", "5e10"), "--target: received nothing"),
        (("customers.csv", "--data", "image_size=[9]"), "--data image_size: received [9]"),
        (("customers.csv", "--data", "colour=red"), "--data colour: received an unknown key"),
        (("customers.csv", "--name", "a b"), '[study] name: received "a b"'),
        (("sklearn:iris", "--target", "churn"), '--target: received "churn" for sklearn:iris'),
        (("sklearn:irises",), 'SOURCE: received "sklearn:irises"'),
        pytest.param(
            ("keras:nist",), 'SOURCE: received "keras:nist"', marks=pytest.mark.slow
        ),  # in a process with Keras
        (("mine.py:load",), "SOURCE: received"),
        (
            ("shop.db", "--target", "churn"),
            'SOURCE: received "shop.db", a SQLite database, expected sqlite:///shop.db, and a'
            " --query on its tables",
        ),
    ],
)
def test_a_mistake_is_a_line_and_nothing_is_written(table, typed, words, line):
    before = table.files()
    code, out, err = typed("tune", *words)
    assert (code, out, len(err.splitlines())) == (2, "", 1), err
    assert err.startswith(f"studyhall tune: {line}")
    assert table.files() == before


def test_a_column_that_is_unclear_is_told_by_an_option(table, typed):
    words = ("tune", "customers.csv", "--target", "spend", "--dry-run")
    frame = customers(11)  # days up to the eleventh: months or days
    frame.to_csv(table.path / "customers.csv", index=False)
    code, _, err = typed(*words)
    assert code == 2 and "date:%d/%m/%Y" in err
    code, out, _ = typed(*words, "--data", "columns.joined=date:%d/%m/%Y")
    assert code == 0 and 'columns = { joined = "date:%d/%m/%Y" }' in out


def test_a_dry_run_shows_the_file_and_writes_nothing(table, typed):
    before = table.files()
    code, out, err = typed("tune", "customers.csv", "--target", "spend", "--dry-run")
    assert (code, err) == (0, "") and table.files() == before
    text = out.partition("customers-spend.toml would be:\n")[2]
    file = config.parse(text)
    assert (file.study.name, file.data.target, file.study.trials) == (
        "customers-spend",
        "spend",
        100,
    )


@given(
    words=st.lists(
        st.text() | st.from_regex(r"(columns(\.a)?|split)=[\[0-9.a\"\]]*", fullmatch=True)
    )
)
def test_whatever_is_written_behind_data_is_a_key_or_a_mistake(words):
    try:
        keys = tune._keys({"source": "x.csv", "target": None}, words)
    except ConfigError as error:
        assert error.problems
    else:
        assert keys.pop("source") == "x.csv" and len(keys) <= len(words)


def test_a_file_about_other_data_is_left_alone(table, typed):
    table.study("customers-churn.toml")
    before = (table.path / "customers-churn.toml").read_text()
    code, _, err = typed("tune", "customers.csv", "--target", "churn")
    assert code == 2
    assert err == (
        'customers-churn.toml: [data]: received a file with source = "sklearn:iris", target = "",'
        ' expected source = "customers.csv", target = "churn", or another --name\n'
    )
    assert (table.path / "customers-churn.toml").read_text() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--gpus", "7"), "[workers] gpus"),
        (("--storage", "mysql://host/db"), "[study] storage"),
        (("--storage", "sqlite:///gone/studyhall.db"), "there is no folder gone"),
    ],
)
def test_a_refusal_by_the_launch_leaves_no_file(table, typed, words, said):
    before = table.files()
    code, _, err = typed("tune", "customers.csv", "--target", "churn", *words)
    assert code == 2 and said in err
    assert table.files() == before


def test_pictures_of_several_sizes_get_one(folder, typed):
    for number in range(40):
        side = (40, 90)[number % 3 == 0]
        path = folder.path / "scans" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(RNG.integers(0, 256, (side, side, 3), np.uint8)).save(path)
    code, out, _ = typed("tune", "scans/", "--dry-run")
    assert code == 0
    assert "image_size = [40, 40]" in out and 'family = "cnn"' in out and 'name = "scans"' in out


CODE = """
import numpy as np

def load():
    x = np.random.default_rng(0).normal(size=(80, 12, 2)).astype("float32")
    return x, (x[:, -1, 0] > 0).astype(int)
"""


@pytest.mark.slow
def test_a_function_of_ones_own_is_read_in_another_process(folder):
    folder.write("mine.py", CODE)
    answer = folder.answer("tune", "mine.py:load", "--dry-run")
    assert answer.returncode == 0, answer.stderr
    assert 'family = "sequence"' in answer.stdout and 'source = "mine.py:load"' in answer.stdout
    folder.write("mine.py", "def load():\n    return 1 / 0\n")
    answer = folder.answer("tune", "mine.py:load")
    assert answer.returncode == 2
    assert "studyhall tune: SOURCE: received" in answer.stderr.splitlines()[-1]
    assert folder.files() == {"mine.py"}


@pytest.mark.slow
def test_a_kill_before_the_file_is_written_is_made_up_for(table, wait_for):
    words = ("tune", "customers.csv", "--target", "churn", "--trials", "2")
    process = table.start(*words)
    wait_for(lambda: table.status("customers-churn") is not None, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (table.path / "customers-churn.toml").unlink(missing_ok=True)
    assert "customers-churn.toml written" in table.run(*words)
    assert len(table.trials("customers-churn")) == 2
