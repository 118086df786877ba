"""data.md holds: the study of its example runs, with several inputs, outputs and weights."""

from studyhall.storage.queries import records
from tests import page_study


def test_its_study_runs_with_its_code(studio) -> None:
    study = page_study.finished(studio, "data.md", ["study.toml", "my_data.py", "my_model.py"])
    trials = records.trials(studio.db, study)
    assert len(trials) == 3 and all(trial.state == "COMPLETE" for trial in trials)
    for trial in trials:
        found = trial.attributes["metrics"]
        assert trial.value == found["val_kind_accuracy"] and "length" in trial.params
        assert {"val_kind_f1_macro", "val_price_mean_absolute_error"} <= found.keys()
