"""Tables of trials and epochs in files: complete, and with types."""

import csv
import json

import pyarrow.parquet as pq
import pytest

from studyhall.search.interchange import rows, table_files
from studyhall.storage.queries import records


@pytest.fixture(scope="module")
def run(shared_studio):
    """A study of three trials, one of them failed."""
    study = shared_studio.study(
        study={"name": "iris", "trials": 3},
        space={"width": 4, "batch_size": {"choices": [32, "all"]}, "learning_rate": {"low": 1e-3,
               "high": 1e-1, "log": True}},
        trials=[{"batch_size": 32}, {"batch_size": "all"}],
    )  # fmt: skip
    shared_studio.finish(study)
    return shared_studio, study


@pytest.fixture
def export(run, monkeypatch, command, tmp_path):
    """Types the command; what it prints and the exit code."""
    studio, _ = run
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUDYHALL_STORAGE", f"sqlite:///{studio.folder}/studyhall.db")
    return command


def test_parquet_keeps_types_and_has_what_trials_json_has(run, export, tmp_path):
    studio, study = run
    assert export("export", "iris", "--to", "all.parquet", "--epochs") == (
        0, "all.parquet: 3 trials\nall-epochs.parquet: 9 epochs\n", "",
    )  # fmt: skip
    _, printed, _ = export("trials", "iris", "--json")
    told = json.loads(printed)
    table = pq.read_table(tmp_path / "all.parquet")
    kinds = {field.name: str(field.type) for field in table.schema}
    assert kinds["trial"] == kinds["epochs"] == kinds["repeated_epochs"] == "int64"
    assert kinds["value"] == kinds["started_at"] == kinds["params_learning_rate"] == "double"
    assert kinds["state"] == kinds["worker"] == kinds["params_batch_size"] == "string"
    assert kinds["standard_error"] == "double" and kinds["reason"] == "string"  # all null
    for row, trial in zip(table.to_pylist(), told, strict=True):
        assert json.loads(row["params_batch_size"]) == trial["params"]["batch_size"]
        for key in ("trial", "name", "state", "value", "best_epoch", "worker", "finished_at"):
            assert row[key] == trial[key]
        assert row["seconds_train"] == trial["seconds"]["train"]
        assert row["verdict"] == trial["verdict"]["name"]
    epochs = pq.read_table(tmp_path / "all-epochs.parquet").to_pylist()
    history = [each for trial in records.trials(studio.db, study)
               for each in records.history(studio.db, trial.trial_id)]  # fmt: skip
    assert [row["value"] for row in epochs] == [each["value"] for each in history]
    assert [row["val_loss"] for row in epochs] == [each["metrics"]["val_loss"] for each in history]
    assert [row["trial"] for row in epochs] == [0] * 3 + [1] * 3 + [2] * 3
    assert all(row["seconds"] > 0 for row in epochs)


def test_csv_and_json_hold_the_same(export, tmp_path):
    assert export("export", "iris", "--to", "csv")[1] == "iris.csv: 3 trials\n"
    _, printed, _ = export("trials", "iris", "--json")
    with (tmp_path / "iris.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["params_batch_size"] for row in read] == [
        str(trial["params"]["batch_size"]) for trial in json.loads(printed)
    ]
    assert float(read[0]["value"]) == json.loads(printed)[0]["value"]
    assert export("export", "iris", "--to", "deep.json", "--epochs")[0] == 0
    assert (tmp_path / "deep.json").read_text() == printed
    assert len(json.loads((tmp_path / "deep-epochs.json").read_text())) == 9


def test_a_study_without_trials_is_an_empty_table(tmp_path):
    for form in table_files.FORMATS:
        table_files.write([], tmp_path / f"none.{form}", form)
    assert pq.read_table(tmp_path / "none.parquet").num_rows == 0
    assert (tmp_path / "none.csv").read_text() == ""
    assert (tmp_path / "none.json").read_text() == "[]\n"


def test_another_ending_is_refused(export, tmp_path):
    code, _, said = export("export", "iris", "--to", "trials.xlsx")
    assert code == 2 and said.startswith("--to: received 'trials.xlsx', expected FILE.parquet")
    code, _, said = export("export", "iris", "--to", str(tmp_path / "no" / "trials.csv"))
    assert code == 2 and "No such file or directory" in said


def test_lists_are_kept(tmp_path):
    told = [{"trial": 0, "folds": [0.5, 0.25], "params": {"a": True}, "verdict": None}]
    table_files.write(rows.of_trials(told), tmp_path / "t.parquet", "parquet")
    (row,) = pq.read_table(tmp_path / "t.parquet").to_pylist()
    assert row["folds"] == [0.5, 0.25] and row["params_a"] is True
    table_files.write(rows.of_trials(told), tmp_path / "t.csv", "csv")
    assert '"[0.5, 0.25]"' in (tmp_path / "t.csv").read_text()


def test_values_of_a_maximized_objective_keep_their_sign(studio):
    study = studio.study(study={"objective": "accuracy", "trials": 1}, training={"epochs": 2})
    studio.finish(study)
    found = rows.of_epochs(studio.db, study, records.trials(studio.db, study))
    assert [row["value"] for row in found] == [row["val_accuracy"] for row in found]
