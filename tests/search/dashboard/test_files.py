"""The dashboard shows a study's trials with their notes, curves, histories and files."""

import base64
import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pytest
from PIL import Image

from studyhall.search.dashboard import misplaced
from studyhall.search.display import notes
from studyhall.storage.artifacts import artifact_store
from studyhall.storage.database import Database
from studyhall.storage.leases.workers import Worker
from studyhall.storage.sampling import pruning
from studyhall.storage.studies import studies
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore

UPLOAD = "3b2f0c9e-1111-4222-8333-444455556666"  # as optuna-dashboard names what is uploaded


@dataclass
class Server:
    """A dashboard, and the study that it shows."""

    dashboard: Any
    study_id: int
    trial_ids: list[int]

    def get(self, path: str) -> tuple[bytes, str]:
        answer = self.dashboard.get(path)
        assert answer.status == 200, answer.body
        return answer.body, answer.headers["Content-Type"]

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

    def address(self, number: int, identifier: str) -> str:
        return f"/artifacts/{self.study_id}/{self.trial_ids[number]}/{identifier}"

    def artifact(self, number: int, identifier: str) -> tuple[bytes, str]:
        return self.get(self.address(number, identifier))


def run_trial(
    store: TrialStore, study_id: int, state: str, epochs: int, attributes: dict[str, Any]
) -> int:
    """One trial as a worker runs it; returns its identifier."""
    claim = store.claim()
    assert isinstance(claim, Claim)
    dropout = claim.trial.suggest_float("dropout", 0.0, 0.5)
    for epoch in range(1, epochs + 1):
        numbers = {"loss": 1 / epoch, "val_loss": 1.1 / epoch, "accuracy": 0.5, "val_accuracy": 0.4}
        store.report(claim, epoch, numbers["val_loss"], numbers)
    trial_id = claim.lease.trial_id
    store.tell(
        claim,
        state,
        1.1 / epochs if epochs else None,
        attributes=attributes,
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
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the study's files."""
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def server(folder: Path, dashboards: Callable[..., Any]) -> Server:
    url = f"sqlite:///{folder}/studyhall.db"
    kept = artifact_store.open_store(folder / "files")
    model = kept.write("model", "digits-0", b"a model", ".keras")
    removed = kept.write("model", "digits-0", b"an older model", ".keras")
    kept.remove(removed)
    db = Database.open(url)
    record = {"artifacts": str(folder / "files")}
    study, _ = studies.create(db, "digits", config=record, seed=0, trials=3)
    store = TrialStore(
        db,
        study,
        Worker("one", "here", 1, "cpu"),
        lambda seed: optuna.samplers.RandomSampler(seed),
        pruning.Never(),
        trial_seed=lambda number: number,
    )
    saved = {"model": model, "model_sha256": kept.sha256(model)}
    plan = [("COMPLETE", 5, saved), ("COMPLETE", 3, {}), ("FAIL", 0, {})]
    ids = [run_trial(store, study.study_id, *each) for each in plan]
    storage = db.optuna_storage()
    for name, filename in ((model, "digits.keras"), (removed, "gone.keras")):
        for key, value in notes.stored_artifact(ids[0], name, filename).items():
            storage.set_study_system_attr(study.study_id, key, value)
    storage.engine.dispose()
    db.close()
    return Server(dashboards(url), study.study_id, ids)


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
    assert server.dashboard.get(server.address(0, server.linked("gone.keras"))).status == 404


def test_a_model_that_was_changed_or_is_a_link_is_not_served(
    server: Server, folder: Path, tmp_path: Path
) -> None:
    address = server.address(0, server.linked("digits.keras"))
    (model,) = (folder / "files").glob("model-*")
    model.write_bytes(b"another model")
    refused = server.dashboard.get(address)
    assert refused.status == 409 and b"another model" not in refused.body
    model.unlink()
    (tmp_path / "elsewhere").write_bytes(b"a model")  # what was recorded, but behind a link
    model.symlink_to(tmp_path / "elsewhere")
    assert server.dashboard.get(address).status == 404
    model.unlink()
    model.write_bytes(b"a model")
    assert server.dashboard.get(address).status == 200


def test_a_model_stays_with_its_study(server: Server, folder: Path) -> None:
    model = server.linked("digits.keras")
    for address in (server.address(0, model), f"/artifacts/{server.study_id}/{model}"):
        refused = server.dashboard.ask("DELETE", f"/api{address}")
        assert refused.status == 409 and "study" in refused.json["reason"]
    assert len(artifact_store.open_store(folder / "files").objects()) == 1


def test_what_is_uploaded_is_shown_in_a_sandbox_and_can_be_removed(
    server: Server, folder: Path
) -> None:
    page = base64.b64encode(b"<script>alert(1)</script>").decode()
    said = {"file": f"data:text/html;base64,{page}", "filename": "page.html"}
    answer = server.dashboard.ask("POST", f"/api/artifacts/{server.study_id}", said)
    assert answer.status == 201
    address = f"/artifacts/{server.study_id}/{answer.json['artifact_id']}"
    shown = server.dashboard.get(address)
    assert (shown.status, shown.body) == (200, b"<script>alert(1)</script>")
    assert shown.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert shown.headers["Access-Control-Allow-Origin"] is None
    assert server.dashboard.ask("DELETE", f"/api{address}").status == 200
    assert server.dashboard.get(address).status == 404
    assert len(artifact_store.open_store(folder / "files").objects()) == 1


def test_an_attachment_lies_in_the_folder_of_its_own_study(server: Server, folder: Path) -> None:
    db = Database.open(f"sqlite:///{folder}/studyhall.db")
    own, _ = studies.create(db, "own", config={"artifacts": str(folder / "own")}, seed=0, trials=1)
    none, _ = studies.create(db, "none", config={}, seed=0, trials=1)
    db.close()
    artifact_store.open_store(folder / "own")
    said = {"file": "data:text/plain;base64,eA==", "filename": "x.txt"}
    named = server.dashboard.ask("POST", f"/api/artifacts/{own.study_id}", said).json["artifact_id"]
    assert (folder / "own" / named).read_bytes() == b"x"
    assert not (folder / "files" / named).exists()
    assert server.get(f"/artifacts/{own.study_id}/{named}")[0] == b"x"
    address = f"/api/artifacts/{server.study_id}/{named}"
    server.dashboard.ask("DELETE", address)
    assert (folder / "own" / named).exists(), "only its own study's address deletes it"
    refused = server.dashboard.ask("POST", f"/api/artifacts/{none.study_id}", said)
    assert refused.status == 400 and not (folder / "none").exists()


def test_a_finished_trials_file_is_kept_rather_than_half_deleted(
    server: Server, folder: Path
) -> None:
    (folder / "files" / UPLOAD).write_bytes(b"x")
    answer = server.dashboard.ask("DELETE", f"/api{server.address(0, UPLOAD)}")
    assert (answer.status, answer.json["reason"]) == (
        409,
        "This trial has finished: its files stay until its study is deleted.",
    )
    assert (folder / "files" / UPLOAD).read_bytes() == b"x"
    (folder / "files" / UPLOAD).unlink()


def test_attachments_in_another_studys_folder_come_home(tmp_path: Path) -> None:
    db = Database.open(f"sqlite:///{tmp_path}/studyhall.db")
    made = {}
    for name in ("first", "second"):
        artifact_store.open_store(tmp_path / name)
        record = {"artifacts": str(tmp_path / name)}
        made[name] = studies.create(db, name, config=record, seed=0, trials=1)[0]
    storage = db.optuna_storage()
    storage.set_study_system_attr(made["second"].study_id, f"artifacts:{UPLOAD}", "{}")
    unknown = UPLOAD.replace("3b", "4c")
    for name in (UPLOAD, unknown):
        (tmp_path / "first" / name).write_bytes(b"x")
    assert misplaced.bring_home(db) == 1
    assert [path.name for path in (tmp_path / "first").iterdir()] == [unknown]
    assert (tmp_path / "second" / UPLOAD).read_bytes() == b"x"
    assert misplaced.bring_home(db) == 0
    db.close()
