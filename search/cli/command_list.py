"""The list of commands: each with its module and its help text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Listed:
    """A command in the list, which is shown without importing any command's module.

    Attributes:
        place: ``module:function`` in this package.
        help: the same text as that function's docstring.
    """

    place: str
    help: str = ""


SHOWN = {
    "new": Listed("study_file:new", "Write a commented study file, to FILE or to the terminal."),
    "check": Listed(
        "study_file:check",
        "Check a study file and show what it resolves to: data, space, model sizes, cost.",
    ),
    "launch": Listed(
        "launch:launch",
        "Run the study of FILE until its budget is spent; the same command continues it.",
    ),
    "tune": Listed(
        "tune:tune",
        "Search on the data SOURCE without a study file: write one, NAME.toml, and launch it.",
    ),
    "run": Listed(
        "run:run",
        "Run SCRIPT, which searches by KerasTuner or Optuna: workers run its trials as a study.",
    ),
    "resume": Listed(
        "launch:resume", "Continue a study from the database alone, optionally with more trials."
    ),
    "stop": Listed(
        "stopping:stop",
        "Ask all workers of a study, on all machines, to save a checkpoint and stop.",
    ),
    "status": Listed(
        "status:status",
        "Show a study's progress and its workers; without a name, every study.",
    ),
    "watch": Listed("watch:watch", "Show the live progress of a study until it ends."),
    "trials": Listed("trials:trials", "Show the trials of a study."),
    "best": Listed(
        "best:best",
        "Show the best trial, its proof and its test scores; with --export, copy its model.",
    ),
    "predict": Listed(
        "predict:predict",
        "Predict new data by the proven model: class names and probabilities, or values.",
    ),
    "confirm": Listed(
        "retraining:confirm",
        "Retrain the best trials with new seeds, and prove the one with the best mean.",
    ),
    "replay": Listed(
        "retraining:replay",
        "Retrain a trial from its stored settings, and check that it reproduces.",
    ),
    "datacurve": Listed(
        "retraining:datacurve",
        "Retrain the best trial on 25, 50, 75 and 100 % of the data: would more data help?",
    ),
    "report": Listed(
        "reports:report",
        "Write a report of a study: one HTML file that opens offline, Markdown or JSON.",
    ),
    "compare": Listed(
        "reports:compare",
        "Compare studies or trials side by side: results and hyperparameters that differ.",
    ),
    "refine": Listed(
        "reports:refine",
        "Write a study file with the space that a study's results suggest, warm-started from them.",
    ),
    "export": Listed(
        "export:export",
        "Write a study's trials to a file or to MLflow, or move the study to another database.",
    ),
    "adopt": Listed(
        "importing:adopt",
        "Take an Optuna study of the database in: its trials stay, commands show them.",
    ),
    "import-keras-tuner": Listed(
        "importing:import_keras_tuner", "Make a study of a project folder of KerasTuner."
    ),
    "doctor": Listed(
        "doctor:doctor",
        "Look for problems with studies, database, disk and machine, and say how to fix them.",
    ),
    "delete": Listed(
        "deletion:delete", "Delete a study with its trials, history, checkpoints and models."
    ),
    "trash": Listed(
        "deletion:trash",
        "Show the studies deleted in the dashboard; restore one, or delete it permanently.",
    ),
    "dashboard": Listed(
        "dashboard:dashboard", "Serve optuna-dashboard for every study of the database."
    ),
    "worker": Listed(
        "worker:worker",
        "Start one worker on a study, from any machine that reaches its database.",
    ),
    "slurm": Listed(
        "schedulers:slurm_command",
        "Print a job array for SLURM: workers that are queued again until the study ends.",
    ),
    "kubernetes": Listed(
        "schedulers:kubernetes_command",
        "Print an indexed job for Kubernetes: workers that are replaced until the study ends.",
    ),
    "users": Listed("dashboard:users_app", "Manage who may log in to the dashboard."),
}
HIDDEN = {  # run by studyhall itself
    "inspect": Listed("internal:inspect"),
    "propose": Listed("internal:propose"),
    "finish": Listed("internal:finish"),
    "retrain": Listed("internal:retrain"),
    "convert": Listed("internal:convert"),
    "unchanged": Listed("internal:unchanged"),
    "serve": Listed("internal:serve"),
}
