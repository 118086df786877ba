"""The types of the public names, as a user's own mypy sees them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import studyhall

USER = """
import keras  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import studyhall
from studyhall.optuna import Trial
from studyhall.sklearn import TunedClassifier

version: str = studyhall.__version__
tuned: TunedClassifier = TunedClassifier(space={"depth": (1, 3)}, cv=5).fit([[1.0]], [1])
study = studyhall.Study(
    "digits", space={"depth": (1, 3)}, data=(np.ones((9, 2)), np.ones(9)), model="mlp"
)
name: str = study.name
value: float = study.run(trials=60, workers=2, gpus=[0, 1], silent=True).best.value
columns: list[str] = list(study.trials.columns)
diagnosed: pd.DataFrame = study.verdicts


def build(hp: object) -> object:
    return keras.Sequential()


def objective(trial: Trial) -> float:
    if trial.should_prune():
        raise ValueError
    trial.callback()
    studyhall.callback(trial, monitor="val_loss")
    return trial.suggest_float("x", 0, 1)


study.optimize(objective, n_trials=3, workers=2).search(build, np.ones(3), epochs=3, workers=2)
again: studyhall.Study = study.optimize(objective, direction="maximize", gpus="none", silent=True)
try:
    best: studyhall.BestTrial = study.best
except (studyhall.ConfigError, studyhall.UserCodeError, studyhall.StorageError) as error:
    print(error)
number: int = best.number
exported: str = best.export("out", format=["keras", "onnx"]).name
print(best.params, best.scores, best.folder, best.model)

study.check()
study.watch(silent=True)
left: object = study.status(reap=True)["left"]
well: object = study.doctor()["well"]
stopped: bool = study.stop(trial=3, wait=2.5)
proof: object = study.prove(3, again=True)["proof"]
mean: object = study.confirm(3, seeds=2, workers=2)["trials"]
reproduces: object = study.replay(3, tolerance=1e-3)["reproduces"]
answer: object = study.datacurve(3, gpus="all")["answer"]
predicted: list[str] = list(study.predict("new.csv", trial=3).columns)
report: str = study.report("digits.md", format="md").read_text()
following: str = study.refine("next.toml", force=True)
study.export("digits.csv", epochs=True)
study.export("sqlite:///other.db", artifacts="there")

figures = [
    study.plot_history(),
    study.plot_time(),
    study.plot_learning_curves(3, metric="accuracy"),
    study.plot_importances(),
    study.plot_slice("depth"),
    study.plot_parallel_coordinates(),
    study.plot_pareto_front(),
    study.plot_confirmation(),
    study.plot_datacurve(),
    study.plot_confusion(),
]

launched: studyhall.Study = studyhall.launch("next.toml", trials=3, seed=1)
by_table: studyhall.Study = studyhall.tune("customers.csv", "churn", minutes=2.5)
adopted: studyhall.Study = studyhall.adopt("theirs")
imported: studyhall.Study = studyhall.import_keras_tuner("folder", objective="min:val_loss")
compared: studyhall.Comparison = studyhall.compare("digits", "digits:3", output="curves.png")
table: pd.DataFrame = compared.results
states: list[str] = [each["study"] for each in studyhall.status()]
print(compared.hyperparameters, compared.remarks, studyhall.doctor()["well"])
for deleted in studyhall.trash(restore="digits"):
    print(deleted["name"])
study.delete()
"""
WRONG = """
import studyhall

study = studyhall.Study("digits", space=3)
study.run(trials="60")
study.optimise
number: str = study.best.number
studyhall.compare(1, 2)
study.report(format=3)
"""


def checked(folder, program):
    """The report of a user's mypy on a program."""
    (folder / "user.py").write_text(program)
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "user.py", "--follow-imports=silent"],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(Path(studyhall.__file__).parents[1])},  # if editable
        capture_output=True,
        text=True,
    )


def test_the_program_speaks_of_every_public_name():
    parts = (studyhall.Study, studyhall.BestTrial)
    names = [*studyhall.__all__, *(name for part in parts for name in dir(part))]
    for name in names:
        if name == "__version__" or not name.startswith("_"):
            assert re.search(rf"\b(?:studyhall|study|best)\.{name}\b|\.{name}\(", USER), name


def test_the_package_says_that_it_is_typed():
    assert (Path(studyhall.__file__).parent / "py.typed").is_file()


@pytest.mark.slow
def test_a_users_program_is_typed(tmp_path):
    answer = checked(tmp_path, USER)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.slow
def test_a_users_mistakes_are_found(tmp_path):
    answer = checked(tmp_path, WRONG)
    lines = [int(line) for line in re.findall(r"user.py:(\d+): error", answer.stdout)]
    assert lines == [4, 5, 6, 7, 8, 8, 9], answer.stdout
