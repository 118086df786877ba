"""own_code.md holds: its study runs."""

from studyhall.storage.queries import records
from tests import page_study


def test_its_study_runs_with_its_code(studio) -> None:
    study = page_study.finished(studio, "own_code.md", ["study.toml", "mine.py"])
    trials = records.trials(studio.db, study)
    assert len(trials) == 3 and all(trial.state == "COMPLETE" for trial in trials)
    for trial in trials:
        assert trial.value == trial.attributes["metrics"]["val_profit"] and "factor" in trial.params
