"""A study in another database: every command says the same there, and it goes on the same."""

import json
import re
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from studyhall.search.interchange import study_copy
from studyhall.search.process.stop import Stop
from studyhall.search.retraining import hidden_trials
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database, StorageError
from studyhall.storage.database.companions import CONFIRM
from studyhall.storage.queries import records, status
from studyhall.storage.queries.optuna_reader import Reader
from studyhall.storage.studies import copying, notices, retrainings, scorings, studies, trash
from studyhall.storage.studies.retrainings import Retraining
from studyhall.storage.trials import control

STORAGE = re.compile(r" --storage ('[^']*'|[^\s\"\\;]+)")  # of a command to copy


@pytest.fixture
def sqlite_url(tmp_path):
    """Another file than the studio's."""
    return f"sqlite:///{tmp_path}/another.db"


@pytest.fixture
def target_url(postgres_url):
    """A PostgreSQL database."""
    return postgres_url


def open_study(url):
    db = Database.open(url)
    return db, studies.find(db, "iris")


def url_of(db):
    return db.url.render_as_string(hide_password=False)


@pytest.fixture
def full(studio):
    """A study with trials, a trial handed back, confirmations, notices, a scoring, and a proof."""
    study = studio.study(study={"name": "iris", "trials": 4}, search={"sampler": "tpe"})
    studio.finish(study)
    retrainings.plan(studio.db, study, CONFIRM, [
        Retraining(CONFIRM, trial, repeat, 100, 7) for trial in (0, 1) for repeat in (0, 1)
    ])  # fmt: skip
    hidden_trials.work(studio.db, study, CONFIRM, Stop())
    exported = {"folder": f"{record.local_folder(study)}/best", "model_sha256": "ab"}
    studies.set_fact(studio.db, study, "export", exported)
    notices.add(studio.db, study, "incumbent:1", {"trial": 1})
    scoring = scorings.begin(studio.db, study, 0, "ab" * 32, "ann@host")
    told = {"no_scores": "a loss of its own", "value": 0.5}
    scorings.finish(studio.db, study, scoring, told, [{"sample": 1}])
    studies.extend(studio.db, study, trials=3)
    objective = studio.worker(study)
    claim = objective.context.store.claim()
    objective.context.store.release(claim)
    return study


def all_said(command, db, tmp_path):
    """The JSON of every command about the study, without the moment of writing and the place."""
    output = tmp_path / "report.json"
    found = {}
    for words in (
        ("status", "iris", "--json"),
        ("trials", "iris", "--json"),
        ("best", "iris", "--json"),
        ("report", "iris", "--format", "json", "--output", output),
        ("export", "iris", "--to", tmp_path / "t.json", "--epochs"),
    ):
        code, printed, problem = command(*words, "--storage", url_of(db))
        assert code == 0, problem
        found[words[0]] = STORAGE.sub("", printed)
    page = json.loads(STORAGE.sub("", output.read_text()))
    page.pop("written_at")
    epochs = (tmp_path / "t-epochs.json").read_text()
    return {**found, "report": page, "epochs": epochs}


def test_it_says_the_same_there_and_goes_on_the_same(studio, full, command, target_url, tmp_path):
    before = all_said(command, studio.db, tmp_path)
    code, printed, problem = command(
        "export", "iris", "--to", target_url, "--artifacts", tmp_path / "elsewhere",
        "--storage", url_of(studio.db),
    )  # fmt: skip
    assert code == 0 and "with 5 trials: copied to postgresql://" in printed, problem
    there, copied = open_study(target_url)
    assert all_said(command, there, tmp_path) == before
    assert retrainings_of(there, copied) == retrainings_of(studio.db, full)
    assert scorings.read(there, copied) == scorings.read(studio.db, full)
    facts = studies.facts(studio.db, full)
    facts["export"]["folder"] = f"{tmp_path}/elsewhere/iris/best"
    assert studies.facts(there, copied) == facts
    old, new = record.local_folder(full), record.local_folder(copied)
    assert new == tmp_path / "elsewhere" / "iris"
    files = [
        {f.name: f.read_bytes() for f in folder.iterdir() if f.is_file() and f.name[0] != "."}
        for folder in (old, new)
    ]
    assert files[0] == files[1] and files[0]
    record.check_reach(copied)  # by a marker of its own
    assert copied.config["artifacts_marker"] != full.config["artifacts_marker"]
    home = f"sqlite:///{tmp_path}/home.db"
    study_copy.move(there, copied, home, str(tmp_path / "home"))
    back, _ = open_study(home)
    assert all_said(command, back, tmp_path) == before
    back.close()
    ended = [state.value for state in studio.finish(full)]
    elsewhere = type(studio)(tmp_path)
    elsewhere.db = there
    assert [state.value for state in elsewhere.finish(copied)] == ended and len(ended) == 3
    assert outcome(there, copied) == outcome(studio.db, full)
    elsewhere.close()


def retrainings_of(db, study):
    return [(one.id, one.seed, one.gpu_seconds, one.result and one.result.get("value"))
            for one in retrainings.read(db, study, CONFIRM)]  # fmt: skip


def outcome(db, study):
    found = records.trials(db, study)
    return [(one.number, one.params, one.value, one.epochs, one.state) for one in found]


def test_its_notes_and_artifacts_in_the_dashboard_are_its_own(studio, full, database_url, tmp_path):
    other = Database.open(database_url)
    studies.create(other, "before", config={}, seed=0, trials=1)
    with_other_ids(other)
    copied = study_copy.move(studio.db, full, database_url, str(tmp_path / "elsewhere"))
    new, old = records.trials(other, copied), records.trials(studio.db, full)
    assert [t.trial_id for t in new] != [t.trial_id for t in old]
    with closing(Reader(other)) as reader:
        attributes = reader.get_study_system_attrs(copied.study_id)
        of_trials = [t.system_attrs for t in reader.get_all_trials(copied.study_id)]
    notes = {key: value for key, value in attributes.items() if "note_str" in key}
    assert {int(key.split(":")[1]) for key in notes} == {t.trial_id for t in new[:4]}
    for trial in new[:4]:
        note = notes[f"dashboard:{trial.trial_id}:note_str:0"]
        assert f"(/artifacts/{copied.study_id}/{trial.trial_id}/57d7a11e-0001-" in note
        assert re.search(rf"-{trial.trial_id:012x}\)", note)
        found = of_trials[trial.number]
        assert any(key.endswith(f"{trial.trial_id:012x}") for key in found)
        assert f"{old[trial.number].trial_id:012x}" not in "".join(found)
    other.close()


def with_other_ids(db):
    rows = [{"number": number} for number in range(7)]
    text = "INSERT INTO trials (number, study_id, state) VALUES (:number, 1, 'COMPLETE')"
    db.transaction(lambda transaction: transaction.run_many(text, rows))


def test_a_moved_study_goes_on_in_one_place_only(studio, full, command, tmp_path):
    there = f"sqlite:///{tmp_path}/other.db"
    before = all_said(command, studio.db, tmp_path)
    here = ("--storage", url_of(studio.db))
    assert command("export", "iris", "--to", there, *here)[0] == 0
    db, copied = open_study(there)
    assert all_said(command, db, tmp_path) == before
    assert copied.config == full.config
    doctor = command("doctor", "iris", *here)
    assert doctor[0] == 0 and f'study "iris" was moved to {there}' in doctor[1]
    limit = status.status(studio.db, full).limit
    for words in (("resume", "iris", "--trials", "+5"), ("confirm", "iris"), ("worker", "iris")):
        code, _, problem = command(*words, *here)
        assert code == 2 and problem.startswith(f"iris: received a study that was moved to {there}")
    assert status.status(studio.db, full).limit == limit
    code, printed, _ = command("delete", "iris", "--yes", *here)
    assert code == 0 and "4 trials: deleted" in printed
    assert any(record.local_folder(copied).iterdir())
    assert studies.find(studio.db, "iris") is None
    assert command("export", "iris", "--to", url_of(studio.db), "--storage", there)[0] == 0
    back = studies.find(studio.db, "iris")
    assert back is not None
    assert outcome(studio.db, back) == outcome(db, copied)
    trash.put(db, copied.study_id, "ann")
    (binned,) = trash.contents(db)
    assert binned.artifacts is None
    db.close()


def test_what_cannot_be_moved_is_refused_in_one_line(studio, command, tmp_path, database_url):
    study = studio.study()
    here = ("--storage", url_of(studio.db))
    code, _, problem = command("export", "iris", "--to", url_of(studio.db), *here)
    assert code == 2 and "has a study 'iris' already" in problem and problem.count("\n") == 1
    store = studio.worker(study).context.store
    claim = store.claim()
    code, _, problem = command("export", "iris", "--to", database_url, *here)
    assert code == 2 and "holds trial 0: end it first, by studyhall stop iris" in problem
    store.release(claim)
    target = Database.open(database_url)
    text = "UPDATE studyhall_schema SET version = 99"
    target.transaction(lambda transaction: transaction.run(text))
    target.close()
    code, _, problem = command("export", "iris", "--to", database_url, *here)
    assert code == 2 and "its tables have version 99" in problem
    code, _, problem = command("export", "iris", "--to", database_url, "--epochs", *here)
    assert code == 2 and problem.startswith("--epochs: received the target ")
    code, _, problem = command("export", "iris", "--to", "t.csv", "--artifacts", "x", *here)
    assert code == 2 and problem.startswith("--artifacts: received the target t.csv, ")
    elsewhere = f"sqlite:///{tmp_path}/y.db"
    code, _, problem = command(
        "export", "iris", "--to", elsewhere, "--artifacts", "ftp://host", *here
    )
    assert code == 2 and problem.startswith("--artifacts: received 'ftp://host', expected a folder")
    assert studies.facts(studio.db, study).get("moved") is None


def test_a_worker_that_begins_meanwhile_ends_the_move(studio, monkeypatch, tmp_path):
    study = studio.study()
    there = f"sqlite:///{tmp_path}/other.db"
    store = studio.worker(study).context.store
    real = study_copy.copying.copy

    def late(*places, **about):
        copied = real(*places, **about)
        store.claim()
        return copied

    monkeypatch.setattr("studyhall.storage.studies.copying.copy", late)
    with pytest.raises(StorageError, match="holds trial 0"):
        study_copy.move(studio.db, study, there)
    db, copied = open_study(there)
    assert copied is None and studies.facts(studio.db, study).get("moved") is None
    db.close()
    control.free(studio.db, study, store._worker.name)
    monkeypatch.undo()

    def early(*places):
        shutil.copytree(*places)
        store.claim()

    monkeypatch.setattr(study_copy, "_copy_artifacts", early)
    folder = tmp_path / "elsewhere"
    Path(study.config["artifacts"]).mkdir(exist_ok=True)
    monkeypatch.setattr(shutil, "copytree", lambda *_: None)
    with pytest.raises(StorageError, match="holds trial 0"):
        study_copy.move(studio.db, study, there, str(folder))
    assert not any(folder.iterdir())


def test_artifacts_go_into_a_bucket_and_back(studio, s3, tmp_path):
    study = studio.study()
    studio.finish(study)
    there = f"sqlite:///{tmp_path}/other.db"
    copied = study_copy.move(studio.db, study, there, f"s3://{s3}/models")
    assert copied.config["artifacts"].startswith(f"s3://{s3}/models/iris-")
    kept = {each.name: record.objects(study).read(each.name)
            for each in record.objects(study).objects()}  # fmt: skip
    store = record.objects(copied)
    assert {each.name: store.read(each.name) for each in store.objects()} == kept and kept
    db, _ = open_study(there)
    last = f"sqlite:///{tmp_path}/last.db"
    back = study_copy.move(db, copied, last, str(tmp_path / "back"))
    store = record.objects(back)
    assert {each.name: store.read(each.name) for each in store.objects()} == kept
    db.close()
    studies.set_fact(studio.db, study, "moved", there)
    with pytest.raises(ConfigError, match="was moved to"):
        study_copy.move(studio.db, study, last)


def test_no_table_is_forgotten():
    """A new one must be copied, or named here."""
    from optuna.storages._rdb import models

    from studyhall.storage.database import schema

    tables = {*schema.metadata.tables, *models.BaseModel.metadata.tables}
    copied = {*copying._OF_TRIALS, *copying._OF_STUDIES, "studyhall_queue", "studyhall_studies"}
    copied |= {"studies", "study_directions", "trials", "trial_system_attributes"}
    copied |= {"study_user_attributes", "study_system_attributes"}
    of_the_moment = {"studyhall_workers", "trial_heartbeats"}
    of_the_database = {"studyhall_schema", "version_info", "alembic_version"}
    assert tables - of_the_database - of_the_moment == copied
    for table, columns in copying._OF_TRIALS.items():
        if columns != ("*",):
            here = {**schema.metadata.tables, **models.BaseModel.metadata.tables}[table].columns
            assert {each.name for each in here if not each.name.endswith("param_id")} - {
                "trial_value_id", "trial_intermediate_value_id", "trial_user_attribute_id",
            } == {*columns}  # fmt: skip
