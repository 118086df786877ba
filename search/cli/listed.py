"""Which commands there are, where each is, and what a list of them says of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Listed:
    """A command in the list, which is shown without importing what any of them needs.

    Attributes:
        place: its module in this package, and its function there.
        help: as that function's docstring.
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
        "runs:launch",
        "Run the study of FILE until its budget is spent; the same command continues it.",
    ),
    "resume": Listed(
        "runs:resume", "Continue a study from the database alone, with more trials if asked for."
    ),
    "stop": Listed(
        "stop:stop", "Ask all workers of a study, on all machines, to save a checkpoint and leave."
    ),
    "status": Listed(
        "status:status",
        "Show how a study stands and what its workers do; without a name, every study.",
    ),
    "watch": Listed("watch:watch", "Follow a study, as its launch shows it, until it ends."),
    "trials": Listed("trials:trials", "Show every trial of a study."),
    "best": Listed(
        "best:best",
        "Show the best trial, its proof and its test scores; with --export, copy its model.",
    ),
    "confirm": Listed(
        "retraining:confirm",
        "Train the best trials anew with new seeds, and prove the one with the best mean.",
    ),
    "replay": Listed(
        "retraining:replay",
        "Train a trial anew from what is stored, and say whether it reproduces.",
    ),
    "datacurve": Listed(
        "retraining:datacurve",
        "Train the best trial on 25, 50, 75 and 100 % of the training data: would more help?",
    ),
    "report": Listed(
        "reports:report",
        "Write a report of a study: one HTML file that opens offline, Markdown or JSON.",
    ),
    "compare": Listed(
        "reports:compare", "Put studies or trials side by side: what they came to and what differs."
    ),
    "refine": Listed(
        "reports:refine",
        "Write a study file with the space that a study's results propose, warm-started with them.",
    ),
    "doctor": Listed(
        "doctor:doctor",
        "Look for what is wrong with studies, database, disk and machine, and say what to do.",
    ),
    "delete": Listed(
        "deletion:delete", "Delete a study: its trials, its history, its checkpoints and models."
    ),
    "trash": Listed(
        "deletion:trash",
        "Show the studies that were deleted in the dashboard; bring one back, or remove it.",
    ),
    "dashboard": Listed(
        "dashboard:dashboard", "Serve optuna-dashboard for every study of the database."
    ),
    "worker": Listed(
        "worker:worker",
        "Work on a study, started by hand on any machine that reaches its database.",
    ),
    "users": Listed("dashboard:users_app", "Say who may log in to the dashboard."),
}
HIDDEN = {  # for studyhall itself
    "inspect": Listed("internal:inspect"),
    "finish": Listed("internal:finish"),
    "retrain": Listed("internal:retrain"),
}
