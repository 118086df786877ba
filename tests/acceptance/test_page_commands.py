"""The commands of every page run, in its order, in a folder that has what they suppose."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from studyhall.storage.database import Database
from studyhall.storage.studies import studies, trash
from tests import pages
from tests.acceptance.script_cases import COMMON, DENSE, KERAS_TUNER
from tests.pages import code

pytestmark = pytest.mark.slow

TRIALS = 6
PASSWORD = "correct horse battery staple\n"
# What a page's commands need beyond the finished study `first`, its file and what follows it.
PAGES = {
    "README.md": ("tables", "pictures", "function"),
    "index.md": ("tables",),
    "commands.md": ("nothing", "tables", "samples", "script"),
    "exports.md": (),
    "from_optuna.md": ("optuna_study",),
    "from_keras_tuner.md": ("tuner_project",),
    "move.md": (),
    "resume.md": (),
    "scripts.md": ("script",),
    "dashboard.md": ("trash_bin",),
    "notices.md": (),
    "http.md": (),
    "text.md": ("texts",),
    "tune.md": ("tables", "pictures", "data"),
}
# Pages whose commands other tests run, on a machine with what they take.
ELSEWHERE = {
    "tables.md": "tests/acceptance/test_tables_page.py",
    "clusters.md": "tests/acceptance/test_clusters.py",
    "team.md": "tests/acceptance/test_service.py",
    "gpus.md": "benchmarks/gpu.sh",
    **dict.fromkeys(
        ("first_study.md", "your_csv.md", "your_images.md", "your_keras_code.md"),
        "tests/test_tutorials.py",
    ),
}
SHORTER = "sed -i -e 's/^trials = .*/trials = 6/' -e 's/^epochs = .*/epochs = 5/'"
# Shorter, and on this machine; a dashboard serves until Ctrl-C, and other tests ask it.
INSTEAD = (
    (r"studyhall dashboard.*", ""),
    (r"(studyhall tune .*)", r"\1 --trials 2"),
    (r"(studyhall new .*)", rf"\1\n{SHORTER} first.toml"),
    (r"--minutes \d+", "--minutes 0.5"),
    (r"--trials \+20", "--trials +2"),
    (r" --format litert|studyhall best first --export winner.onnx", ""),  # need their extras
    (r"mlflow:http\S+", "mlflow:sqlite:///mlflow.db"),
)


def commands(page: str) -> str:
    """The lines of a page that call studyhall, in its order."""
    lines = "\n".join(code("sh", page)).splitlines()
    return "\n".join(line for line in lines if line.startswith("studyhall "))


def test_the_commands_of_every_page_are_run() -> None:
    typing = {path.name for path in pages.ALL if commands(path.read_text(encoding="utf-8"))}
    assert typing == {*PAGES, *ELSEWHERE}
    for path in ELSEWHERE.values():
        assert (pages.ROOT / path).is_file()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the README's first study, finished."""
    folder = tmp_path_factory.mktemp("pages") / "first"
    folder.mkdir()
    file = next(block for block in code("toml", pages.README.read_text()) if '"first"' in block)
    short = file.replace("trials = 20", f"trials = {TRIALS}") + "\n[training]\nepochs = 5\n"
    (folder / "first.toml").write_text(short, encoding="utf-8")
    run(folder, "studyhall launch first.toml")
    return folder


@pytest.mark.parametrize("name", PAGES)
def test_its_commands_run(
    name: str, first: Path, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(first, folder)
    monkeypatch.chdir(folder)
    for needed in PAGES[name]:
        NEEDED[needed](folder)
    page = (pages.README if name == "README.md" else pages.named(name)).read_text(encoding="utf-8")
    typed = commands(page).replace("postgresql://ann@db.example.org/studies", postgres_url)
    for pattern, instead in INSTEAD:
        typed = re.sub(pattern, instead, typed)
    for line in filter(None, typed.splitlines()):
        run(folder, line)


def run(folder: Path, line: str) -> None:
    """Type a line in a shell that finds the command, and see that it succeeds."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    outside = {key: value for key, value in os.environ.items() if key != "STUDYHALL_STORAGE"}
    answer = subprocess.run(
        ["bash", "-ec", line], cwd=folder, env={**outside, "PATH": path}, capture_output=True,
        input=PASSWORD if "-stdin" in line else 2 * PASSWORD, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, f"{line}\n{answer.stdout}{answer.stderr}"


def nothing(folder: Path) -> None:
    """An empty folder, as the page begins with a new study file."""
    for each in folder.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()


def tables(folder: Path) -> None:
    draw = np.random.default_rng(0)
    spend = draw.normal(50, 20, 240).round(2)
    rows = pd.DataFrame(
        {
            "joined": pd.date_range("2024-01-01", periods=240).strftime("%d/%m/%Y"),
            "city": draw.choice(["Bern", "Rome"], 240),
            "spend": spend,
            "churn": np.where(spend + draw.normal(0, 10, 240) > 50, "yes", "no"),
        }
    )
    rows.to_csv(folder / "customers.csv", index=False)
    rows.drop(columns="churn").head(9).to_csv(folder / "new_customers.csv", index=False)


def pictures(folder: Path) -> None:
    draw = np.random.default_rng(0)
    for number in range(80):
        kind = ("bright", "dark")[number % 2]
        pixels = draw.integers(0, 128, (16, 16, 3)) + (0, 127)[kind == "bright"]
        for path in (folder / "scans" / kind, folder / "new_scans"):
            path.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype("uint8")).save(path / f"{number}.png")


def function(folder: Path) -> None:
    """The README's own data, with new rows of it."""
    page = pages.README.read_text(encoding="utf-8")
    (loads,) = (block for block in code("python", page) if block.startswith("# my_data.py"))
    (folder / "my_data.py").write_text(loads, encoding="utf-8")
    (file,) = (block for block in code("toml", page) if '"mine"' in block)
    short = file.replace('"mine"', '"mine"\ntrials = 3')
    (folder / "mine.toml").write_text(short, encoding="utf-8")
    np.savez(folder / "new.npz", x=load_digits().data[:9])


def samples(folder: Path) -> None:
    """New samples for the study `first`."""
    np.savez(folder / "new.npz", x=load_digits().images[:9, ..., None])


def data(folder: Path) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(200, 4))
    np.savez(folder / "data.npz", x=x, y=(x.sum(axis=1) > 0).astype(int))


def texts(folder: Path) -> None:
    page = pages.text("text.md")
    exec(code("python", page)[0], {})
    (file,) = code("toml", page)
    (folder / "reviews.toml").write_text(file.replace("trials = 8", "trials = 2"), encoding="utf-8")
    (folder / "new.csv").write_text('review\n"The plot was great, not dull."\n', encoding="utf-8")


def script(folder: Path) -> None:
    """A script that searches by KerasTuner, and takes the name of a file as its argument."""
    (folder / "tune.py").write_text(
        COMMON.replace("sys.argv[1]", '"found.json"') + DENSE + KERAS_TUNER["arrays"],
        encoding="utf-8",
    )


def optuna_study(folder: Path) -> None:
    made = optuna.create_study(study_name="churn", storage=f"sqlite:///{folder}/optuna.db")
    made.optimize(lambda trial: trial.suggest_float("x", 0, 1), 3)


def trash_bin(folder: Path) -> None:
    """Two studies in the trash."""
    opened = Database.open(f"sqlite:///{folder}/studyhall.db")
    studies.create(opened, "old", config={"artifacts": str(folder / "old")}, seed=0, trials=1)
    for name in ("first", "old"):
        study = studies.find(opened, name)
        assert study is not None
        trash.put(opened, study.study_id, "ann")
    opened.close()


def tuner_project(folder: Path) -> None:
    """A project that KerasTuner has written, in a process of its own."""
    build = """
import keras, keras_tuner
def build(hp):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(hp.Int("units", 2, 5)),
                              keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model
tuner = keras_tuner.RandomSearch(build, "val_loss", max_trials=2, directory="tuning",
                                 project_name="prices")
tuner.search(x, y, validation_data=(x, y), epochs=2, verbose=0)
"""
    subprocess.run([sys.executable, "-c", COMMON + build], cwd=folder, check=True)


NEEDED: dict[str, Callable[[Path], Any]] = {
    each.__name__: each
    for each in (
        nothing,
        tables,
        pictures,
        function,
        samples,
        data,
        texts,
        script,
        optuna_study,
        trash_bin,
        tuner_project,
    )
}
