"""The dashboard shows a study's trials with their notes, curves, histories and files."""

import csv
import io
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import optuna
import pytest
from optuna_dashboard import _serializer
from PIL import Image

from search import dashboard
from search.report import notes
from search.study_file import config
from storage import artifacts, pruning, studies, trials
from storage.database import Database

UPLOAD = "3b2f0c9e-1111-4222-8333-444455556666"  # as optuna-dashboard names what is uploaded

SERVE = """
import sys
from search import dashboard
from storage import artifacts
from storage.database import Database

stores = [artifacts.open_store(folder) for folder in sys.argv[2:]]
started = lambda url: print(url, flush=True)
dashboard.serve(Database.open(sys.argv[1]), stores, port=0, started=started)
"""


@dataclass
class Server:
    """A dashboard in a process of its own, and the study that it shows."""

    url: str
    study_id: int
    trial_ids: list[int]
    process: "subprocess.Popen[str]"

    def get(self, path: str) -> tuple[bytes, str]:
        with urlopen(self.url + path, timeout=30) as answer:
            return answer.read(), answer.headers["Content-Type"]

    def detail(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get(f"/api/studies/{self.study_id}")[0])
        return found

    def linked(self, filename: str) -> str:
        """The identifier under which the first trial lists a file."""
        (found,) = (
            artifact["artifact_id"]
            for artifact in self.detail()["trials"][0]["artifacts"]
            if artifact["filename"] == filename
        )
        return str(found)

    def artifact(self, number: int, identifier: str) -> tuple[bytes, str]:
        return self.get(f"/artifacts/{self.study_id}/{self.trial_ids[number]}/{identifier}")


def run_trial(store: trials.TrialStore, study_id: int, state: str, epochs: int) -> int:
    """One trial as a worker runs it; returns its identifier."""
    claim = store.claim()
    assert isinstance(claim, trials.Claim)
    dropout = claim.trial.suggest_float("dropout", 0.0, 0.5)
    for epoch in range(1, epochs + 1):
        numbers = {"loss": 1 / epoch, "val_loss": 1.1 / epoch, "accuracy": 0.5, "val_accuracy": 0.4}
        store.report(claim, epoch, numbers["val_loss"], numbers)
    trial_id = claim.lease.trial_id
    store.tell(
        claim,
        state,
        1.1 / epochs if epochs else None,
        system_attributes=notes.trial_artifacts(trial_id),
        study_system_attributes=notes.trial_note(
            study_id,
            trial_id,
            claim.number,
            state="COMPLETE" if state == "COMPLETE" else "FAIL",
            history=claim.history,
            params={"dropout": dropout},
            reason="out of memory",
        ),
    )
    return trial_id


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("dashboard")
    url = f"sqlite:///{folder}/studyhall.db"
    files = artifacts.open_store(folder / "files")
    model = files.write("model", "digits-0", b"a model", ".keras")
    removed = files.write("model", "digits-0", b"an older model", ".keras")
    files.remove(removed)
    db = Database.open(url)
    study, _ = studies.create(db, "digits", config={}, seed=0, trials=3)
    store = trials.TrialStore(
        db,
        study,
        trials.Worker("one", "here", 1, "cpu"),
        lambda seed: optuna.samplers.RandomSampler(seed),
        pruning.named("none", study_name="digits", epochs=5),
        trial_seed=lambda number: number,
    )
    plan = [("COMPLETE", 5), ("COMPLETE", 3), ("FAIL", 0)]
    ids = [run_trial(store, study.study_id, state, epochs) for state, epochs in plan]
    storage = db.optuna_storage()
    for name, filename in ((model, "digits.keras"), (removed, "gone.keras")):
        for key, value in notes.stored_artifact(ids[0], name, filename).items():
            storage.set_study_system_attr(study.study_id, key, value)
    storage.engine.dispose()
    db.close()
    command = [sys.executable, "-c", SERVE, url, str(folder / "elsewhere"), str(folder / "files")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield Server(process.stdout.readline().strip(), study.study_id, ids, process)
        process.kill()


def test_the_page_and_the_study_are_there(server: Server) -> None:
    page, kind = server.get("/dashboard")
    assert kind.startswith("text/html")
    assert b"Optuna Dashboard" in page
    (listed,) = json.loads(server.get("/api/studies")[0])["study_summaries"]
    assert listed["study_name"] == "digits"


def test_each_trial_has_its_note_and_its_two_artifacts(server: Server) -> None:
    first, _, failed = server.detail()["trials"]
    assert first["state"] == "Complete"
    assert first["note"]["body"].startswith("**Trial 0: validation loss 0.22 at epoch 5**")
    names = [artifact["filename"] for artifact in first["artifacts"]]
    assert set(names) == {"curve.png", "history.csv", "digits.keras", "gone.keras"}
    assert failed["note"]["body"].startswith("**Trial 2 failed after 0 epochs:** out of memory")


def test_the_note_points_to_a_curve_that_is_there(server: Server) -> None:
    note = server.detail()["trials"][0]["note"]["body"]
    address = note.partition("![learning curve](")[2].partition(")")[0]
    picture, kind = server.get(address)
    assert kind == "image/png"
    assert Image.open(io.BytesIO(picture)).size == (1080, 432)


def test_curves_differ_from_trial_to_trial(server: Server) -> None:
    pictures = {
        server.artifact(number, notes.artifact_id(server.trial_ids[number], notes.CURVE))[0]
        for number in range(3)
    }
    assert len(pictures) == 3


def test_the_history_is_a_table_of_all_epochs(server: Server) -> None:
    identifier = notes.artifact_id(server.trial_ids[1], notes.HISTORY)
    text, kind = server.artifact(1, identifier)
    assert kind == "text/csv"
    rows = list(csv.DictReader(io.StringIO(text.decode())))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [float(row["val_loss"]) for row in rows] == [1.1 / epoch for epoch in (1, 2, 3)]


def test_the_winners_model_comes_from_the_folder(server: Server) -> None:
    model = server.linked("digits.keras")
    assert server.artifact(0, model)[0] == b"a model"
    assert server.get(f"/artifacts/{server.study_id}/{model}")[0] == b"a model"


def test_a_file_that_is_gone_is_not_found(server: Server) -> None:
    gone = server.linked("gone.keras")
    with pytest.raises(HTTPError) as refused:
        server.artifact(0, gone)
    refused.value.close()
    assert refused.value.code == 404


def test_a_study_can_be_deleted_with_its_files(server: Server) -> None:
    request = Request(f"{server.url}/api/studies/{server.study_id}", b"{}", method="DELETE")
    request.add_header("Content-Type", "application/json")
    with urlopen(request, timeout=30) as answer:
        assert answer.status == 204
    assert json.loads(server.get("/api/studies")[0])["study_summaries"] == []


def test_ctrl_c_ends_it_quietly(server: Server) -> None:
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(20) == 0


def test_only_this_machine_may_look(tmp_path: Path) -> None:
    db = Database.open(f"sqlite:///{tmp_path}/studyhall.db")
    with pytest.raises(config.ConfigError, match=r"--host: received 0\.0\.0\.0, expected 127"):
        dashboard.serve(db, [], host="0.0.0.0", port=0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(config.ConfigError, match=f"--port: received {port}, expected a free"):
            dashboard.serve(db, [], port=port)
    db.close()


def test_looking_notes_up_by_trial_changes_nothing_that_is_shown() -> None:
    study = optuna.create_study()
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=12)
    for trial in study.trials[::2]:
        attributes = {
            **notes.note(f"trial {trial.number} " * 500, trial._trial_id),
            **notes.stored_artifact(trial._trial_id, "f" * 32, f"{trial.number}.keras"),
            **notes.note("the study's"),
        }
        for key, value in attributes.items():
            study._storage.set_study_system_attr(study._study_id, key, value)
    plain = getattr(
        _serializer.serialize_frozen_trial, "__wrapped__", _serializer.serialize_frozen_trial
    )
    whole = study._storage.get_study_system_attrs(study._study_id)
    narrowed = dashboard._narrowed(plain)
    for trial in study.trials:
        shown = narrowed(study._study_id, trial, whole)
        assert shown == plain(study._study_id, trial, whole)
    assert len(shown["artifacts"]) == 0
    assert "trial 10" in narrowed(study._study_id, study.trials[10], whole)["note"]["body"]


def test_files_that_are_uploaded_can_be_removed(tmp_path: Path) -> None:
    db = Database.open(f"sqlite:///{tmp_path}/studyhall.db")
    files = artifacts.open_store(tmp_path / "files")
    kept = dashboard.Artifacts(db, db.optuna_storage(), [files])
    kept.write(UPLOAD, io.BytesIO(b"x"))
    with kept.open_reader(UPLOAD) as reader:
        assert reader.read() == b"x"
    kept.remove(UPLOAD)
    kept.remove(UPLOAD)
    kept.remove(notes.artifact_id(1, notes.CURVE))
    assert files.objects() == []
    db.close()
