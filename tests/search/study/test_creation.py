"""A study file becomes a study in the database, or goes on with the one that is there."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from studyhall.search.study import chosen_backend, creation, fingerprints, inspection, record
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.leases.goal import Goal
from studyhall.storage.queries import records, status
from studyhall.storage.studies import studies


@pytest.fixture
def launched(studio):
    """Launches a file as the command does: creates the study, or goes on with it."""

    def launch(*, begun=True, **changes):
        path = studio.write(**changes)
        file = config.load(path)
        found = inspection.inspect(file, path)
        study = studies.find(studio.db, file.study.name)
        if study is None:
            return creation.create(studio.db, file, path.parent, found), []
        differences = creation.compare(study, file, found, path.name, begun=begun)
        return creation.apply(studio.db, study, file, differences, found), differences

    return launch


def told(differences):
    return {change.key: (change.old, change.new, change.effect) for change in differences}


def test_a_study_remembers_its_file(studio, launched):
    study, _ = launched(study={"trials": 7, "hours": 2.0, "seed": 5})
    found = record.stored(studies.find(studio.db, "iris"))
    assert found.file == chosen_backend.settled(config.load(studio.folder / "study.toml"))
    assert found.folder == studio.folder.resolve()
    assert found.artifacts == studio.folder / "artifacts" / "iris"
    assert found.inspection == inspection.inspect(found.file, studio.folder / "study.toml")
    state = status.status(studio.db, study)
    assert (state.limit, state.seconds_limit, state.gpu_seconds_limit) == (7, 7200.0, None)
    assert study.seed == 5


def test_the_second_launch_finds_the_first_ones_study(studio, launched):
    first, _ = launched()
    second, differences = launched()
    assert second.study_id == first.study_id and differences == []
    assert studies.names(studio.db) == ["iris"]


def test_the_textbooks_configuration_comes_first(studio, launched):
    study, _ = launched(space={"optimizer": ["sgd", "adam"]})
    assert status.status(studio.db, study).queued == 1
    claim = studio.worker(study).context.store.claim()
    assert claim.trial.suggest_float("learning_rate", 1e-3, 1e-1, log=True) == 1e-3
    assert claim.trial.suggest_categorical("optimizer", ["sgd", "adam"]) == "adam"


def test_fixed_trials_come_before_the_textbooks_and_are_queued_once(studio, launched):
    fixed = [{"name": "fast", "learning_rate": 0.1}, {"learning_rate": 0.01}]
    study, _ = launched(study={"trials": 4}, trials=fixed)
    again, differences = launched(study={"trials": 4}, trials=fixed)
    assert differences == [] and status.status(studio.db, again).queued == 3
    store = studio.worker(study).context.store
    rates = [
        store.claim().trial.suggest_float("learning_rate", 1e-3, 1e-1, log=True) for _ in range(3)
    ]
    assert rates == [0.1, 0.01, 1e-3]
    names = [trial.attributes.get("name") for trial in records.trials(studio.db, study)]
    assert names == ["fast", None, None]


def test_fixed_trials_that_a_file_gains_are_queued_and_those_it_loses_stay(studio, launched):
    one, two = {"name": "one", "learning_rate": 0.1}, {"name": "two", "learning_rate": 0.01}
    launched(study={"trials": 5}, trials=[one])
    study, differences = launched(study={"trials": 5}, trials=[two])
    assert [(d.key, d.old, d.new, d.effect) for d in differences] == [
        ("trials", None, [two], "applies"),
        ("trials", [one], None, "kept"),
    ]
    assert status.status(studio.db, study).queued == 3
    study, differences = launched(study={"trials": 5}, trials=[one, two])
    assert differences == [] and status.status(studio.db, study).queued == 3


def test_of_several_launches_at_once_one_queues_what_a_file_gains(studio, launched):
    study, _ = launched()
    file = config.load(studio.write(study={"trials": 4}, trials=[{"learning_rate": 0.01}]))
    found = record.stored(study).inspection
    barrier = threading.Barrier(4)

    def launch(_):
        db = Database.open(f"sqlite:///{studio.folder}/studyhall.db")
        changes = config.differences(record.stored(study).file, file)
        barrier.wait()
        changed = creation.apply(db, study, file, changes, found)
        db.close()
        return changed.config["file"]["trials"]

    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(launch, range(4))] == [[{"learning_rate": 0.01}]] * 4
    state = status.status(studio.db, study)
    assert (state.queued, state.limit) == (2, 4)


@pytest.mark.parametrize(
    "changes",
    [
        {"search": {"first": "none"}},
        {"search": {"sampler": "grid"}, "space": {"learning_rate": [0.1, 0.01]}},
    ],
)
def test_unless_not_wanted_or_on_a_grid(studio, launched, changes):
    study, _ = launched(**changes)
    assert status.status(studio.db, study).queued == 0


def test_what_applies_is_stored_and_what_is_kept_is_not(studio, launched):
    launched()
    study, differences = launched(
        study={"trials": 9, "seed": 0, "hours": 1.0, "target": 0.25, "stop_after": 7},
        search={"sampler": "random", "first": "none"},
        workers={"heartbeat": 3.0},
    )
    assert told(differences) == {
        "study.trials": (2, 9, "applies"),
        "study.hours": (None, 1.0, "applies"),
        "study.target": (None, 0.25, "applies"),
        "study.stop_after": (None, 7, "applies"),
        "search.sampler": ("auto", "random", "applies"),
        "search.first": ("textbook", "none", "kept"),
        "workers.heartbeat": (15.0, 3.0, "applies"),
    }
    again = record.stored(studies.find(studio.db, "iris"))
    assert (again.file.search.sampler, again.file.search.first) == ("random", "textbook")
    assert again.file.workers.heartbeat == 3.0
    state = status.status(studio.db, study)
    assert (state.limit, state.seconds_limit, state.goal) == (9, 3600.0, Goal(0.25, 7))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"space": {"width": 8}}, "[space] width: received 8, expected 4"),
        (
            {"space": {"learning_rate": {"low": 1e-4, "high": 1e-1, "log": True}}},
            "[space] learning_rate: received { low = 0.0001, high = 0.1, log = true },"
            " expected { low = 0.001, high = 0.1, log = true }",
        ),
        ({"space": {"width": None}}, "[space] width: received nothing, expected 4"),
        ({"training": {"epochs": 9}}, "[training] epochs: received 9, expected 3"),
        ({"model": {"family": "cnn"}}, '[model] family: received "cnn", expected "mlp"'),
        (
            {"data": {"source": "sklearn:wine"}},
            '[data] source: received "sklearn:wine", expected "sklearn:iris"',
        ),
    ],
)
def test_what_would_change_the_values_is_refused(studio, launched, changes, line):
    launched()
    with pytest.raises(ConfigError) as refused:
        launched(**changes)
    assert refused.value.problems[0] == f"study.toml: {line}"
    assert "use another [study] name" in refused.value.problems[-1]
    assert record.stored(studies.find(studio.db, "iris")).file.training.epochs == 3


def test_data_that_changed_under_the_same_name_are_refused(studio, launched):
    table = studio.folder / "table.csv"
    rows = [f"{n},{n % 7},{'ab'[n % 2]}" for n in range(60)]
    table.write_text("\n".join(["x,z,y", *rows]))
    own = {"data": {"source": "table.csv", "target": "y"}}
    launched(**own)
    table.write_text("\n".join(["x,z,y", "100,1,b", *rows[1:]]))
    with pytest.raises(ConfigError, match="received data with fingerprint"):
        launched(**own)


def test_code_may_be_mended_until_a_trial_has_a_value(studio, launched):
    code = studio.folder / "mine.py"
    own = {"model": {"family": "mine.py:build"}}
    code.write_text("def build(trial, input_shape, outputs): 1 / 0")
    launched(**own)
    code.write_text("def build(trial, input_shape, outputs): ...")
    study, _ = launched(begun=False, **own)
    mended = fingerprints.of_code(record.stored(study).file, studio.folder)
    assert record.stored(studies.find(studio.db, "iris")).inspection.code == mended
    code.write_text("def build(trial, input_shape, outputs): return 3")
    with pytest.raises(ConfigError, match=r"^study.toml: mine.py: received a file with SHA-256"):
        launched(**own)
    assert record.stored(studies.find(studio.db, "iris")).inspection.code == mended


def test_a_storage_urls_password_is_not_stored(studio, launched):
    study, _ = launched(study={"storage": "postgresql://ann:sesame@host/db"})
    assert "sesame" not in str(study.config)
    assert record.stored(study).file.study.storage == "postgresql://ann@host/db"
    _, differences = launched(study={"storage": "postgresql://ann:sesame@host/db"})
    assert differences == []


@pytest.mark.parametrize("folder", ["new", "new/deep", "."])
def test_a_folder_for_artifacts_is_only_looked_at(studio, monkeypatch, folder):
    monkeypatch.chdir(studio.folder)
    file = config.load(studio.write(study={"artifacts": folder}))
    before = sorted(os.listdir())
    creation.check_artifacts(file, "study.toml")
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("folder", ["study.toml", "study.toml/deep", "/dev/null/x"])
def test_a_folder_for_artifacts_that_cannot_be_made(studio, monkeypatch, folder):
    monkeypatch.chdir(studio.folder)
    file = config.load(studio.write(study={"artifacts": folder}))
    with pytest.raises(ConfigError, match="is not a folder, expected a writable folder"):
        creation.check_artifacts(file, "study.toml")


def test_deleted_artifacts_are_gone(studio, launched):
    study, _ = launched()
    objects = record.objects(study)
    objects.write("model", "iris-0", b"weights")
    record.remove_artifacts(study)
    assert not objects.root.exists()
    record.remove_artifacts(study)  # and may be gone already
