"""studyhall as a contestant: `studyhall launch` on a study file, its start-up counted."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.quality_tasks import TASKS

NAME = "studyhall"
PATIENCE_S = 120  # for what is under way, once the time is over

Line = dict[str, Any]


def run(
    task: str, peer: str, seed: int, workers: int, seconds: float, folder: Path
) -> tuple[list[Line], Line]:
    """Launch a study, interrupt it when the time is over, and export and test its best model."""
    file, study = folder / "study.toml", TASKS[task].name
    file.write_text(TASKS[task].text())
    began = time.time()
    launched = _command(folder, "launch", str(file), "--seed", str(seed), "--workers", str(workers))
    with contextlib.suppress(subprocess.TimeoutExpired):
        launched.wait(seconds)
        raise SystemExit(f"studyhall launch ended by itself: {launched.returncode}")
    launched.send_signal(signal.SIGINT)
    launched.wait(PATIENCE_S)
    lines = _trials(folder, study, began, seconds)
    exported = _command(folder, "best", study, "--export", "winner").wait(PATIENCE_S)
    if exported not in (0, 3):  # 3: not proven, but exported
        return lines, {"value": None}
    return lines, _tested(task, seed, folder / "winner" / "model.keras", lines)


def _command(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "studyhall", *words],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "STUDYHALL_STORAGE": f"sqlite:///{folder}/studyhall.db"},
    )


def _trials(folder: Path, study: str, began: float, seconds: float) -> list[Line]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    known = optuna.load_study(study_name=study, storage=f"sqlite:///{folder}/studyhall.db")
    return [
        {
            "at": at,
            "value": trial.value,
            "values": trial.params,
            "state": trial.state.name,
            "epochs": len(trial.intermediate_values),
        }
        for trial in known.get_trials(deepcopy=False)
        if trial.state.is_finished() and (at := _ended(trial, began)) <= seconds
    ]


def _ended(trial: Any, began: float) -> float:
    ended: datetime = trial.datetime_complete
    return ended.replace(tzinfo=UTC).timestamp() - began


def _tested(task: str, seed: int, model: Path, lines: list[Line]) -> Line:
    import keras

    from benchmarks import quality_scores
    from studyhall.search.trial import exporting

    data = TASKS[task].data(seed)
    outputs = exporting.predict(keras.models.load_model(model), data.test.x)
    complete = [line["value"] for line in lines if line["state"] == "COMPLETE"]
    return {
        "value": min(complete, default=None),
        "test": quality_scores.of_test(data, outputs.astype(float)),
    }
