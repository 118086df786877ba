"""The doctor's findings, its advice, and its exit code if the user is needed."""

import json
import os
import re
import shutil
from dataclasses import fields, replace

import pytest

from studyhall.search.display import words
from studyhall.search.doctor import database, machine, report
from studyhall.search.doctor.finding import size
from studyhall.search.process import device_memory, disk, keras_settings
from studyhall.search.study import record
from studyhall.storage.database import health
from studyhall.storage.database.health import Health
from studyhall.storage.queries import records, status
from studyhall.storage.studies import studies
from studyhall.storage.trials import control
from tests import pages

LONG = {"epochs": 4, "patience": "none", "checkpoint_every_s": 0}
DOCS = pages.named("json.md")


def examined(studio, *found):
    return report.examine(studio.db, [(one, f"studyhall resume {one.name}") for one in found])


def lines(studio, study):
    """Of one study; what needs the user begins with an exclamation mark."""
    said = report.lines(examined(studio, study))
    return [line for line in said if study.name in line or line.startswith("!")]


def working(studio, study):
    """A worker with a trial in hand, as the database sees it."""
    objective = studio.worker(study)
    claim = objective.context.store.claim()
    objective.context.store._holding.heartbeat._beat()
    return objective, claim


def silenced(studio, objective, seconds):
    """As if the worker had been killed so long ago."""
    objective.context.store._holding.heartbeat.stop()
    for table, heard in (("leases", "heard_at"), ("workers", "seen_at")):
        text = f"UPDATE studyhall_{table} SET {heard} = {heard} - :seconds"
        studio.db.transaction(lambda t, text=text: t.run(text, seconds=seconds))


def test_a_study_that_is_done_is_well(studio):
    study = studio.study()
    studio.finish(study)
    found = examined(studio, study)
    assert found.well and report.lines(found)[-1] == "all is well"
    assert '  study "iris" has 2 of 2 trials and is finished' in report.lines(found)


def test_a_study_that_nobody_works_on_says_how_it_goes_on(studio):
    study = studio.study()
    expected = '  study "iris" has 0 of 2 trials and no workers; to continue: studyhall resume iris'
    assert expected in lines(studio, study) and examined(studio, study).well
    control.set_stop(studio.db, study, True)
    assert "and was stopped; to continue: studyhall resume iris" in lines(studio, study)[0]


def test_a_worker_and_its_trial(studio):
    study = studio.study()
    working(studio, study)
    first, worker, *_ = lines(studio, study)
    assert first == '  study "iris" has 0 of 2 trials and is running'
    assert re.fullmatch(
        r"  iris: worker worker@\S+ on cpu, with trial 0, epoch 0, last heartbeat 0 s ago", worker
    )


def test_a_silent_trial_needs_the_user_where_no_worker_is_left(studio):
    study = studio.study()
    objective, _ = working(studio, study)
    silenced(studio, objective, 140)
    expected = (
        r"! iris: trial 0 has had no heartbeat from \S+@\S+:\d+ for 2 min: the next worker takes "
        r"it over; none is running: studyhall resume iris"
    )
    assert [line for line in lines(studio, study) if re.fullmatch(expected, line)]
    assert report.lines(examined(studio, study))[-1] == "! 1 of these need your attention"
    working(studio, study)  # somebody comes, and takes trial 0
    assert examined(studio, study).well


def test_a_trial_that_was_handed_back_waits(studio):
    study = studio.study(training=LONG)
    objective, claim = working(studio, study)
    objective.context.stop.ask()
    objective.run(claim)
    expected = "  iris: trial 0 is waiting for a worker since epoch 1: "
    assert expected + "the next free worker continues it" in lines(studio, study)
    objective.context.store.close()
    assert expected + "studyhall resume iris" in lines(studio, study)


def test_a_trial_that_needs_a_larger_worker_says_so(studio, monkeypatch):
    study = studio.study(study={"trials": 1})
    monkeypatch.setenv(device_memory.DECLARED, "8192")
    studio.colleague(study, 16_384)
    for _ in range(2):
        objective, claim = working(studio, study)
        objective.context.store.release(claim, out_of_memory=True)
    assert (
        "  iris: trial 0 is waiting for a worker with more than 8.0 GiB since epoch 0: such a "
        "worker continues it; it fails once none has been alive for 90 s"
    ) in lines(studio, study)
    (waiting,) = status.status(studio.db, study).running
    assert words.awaited(waiting) == "a worker with more than 8.0 GiB"


def test_objects_that_nothing_points_to_are_counted(studio):
    study = studio.study()
    studio.finish(study)
    studio._stores[-1].close()  # the worker leaves
    objects = record.objects(study)
    objects.write("checkpoint", "iris-0", b"x" * 2048)
    assert (
        "  iris: artifacts hold 1 orphaned objects, 2 KiB: studyhall resume iris removes them"
        in lines(studio, study)
    )
    assert report.to_json(examined(studio, study))["studies"][0]["orphans"] == 1
    assert len(objects.objects()) == 2  # it changes nothing


SLY = """
import keras

class Rescaling(keras.layers.Rescaling):
    def call(self, inputs):
        return inputs * getattr(self, "secret_", 1.0)

Rescaling.__module__ = "keras.layers"  # a copy of it is made of its configuration alone

def build(trial, input_shape, outputs):
    sly = Rescaling(1.0)
    sly.secret_ = keras.ops.convert_to_tensor(3.0)
    last = keras.layers.Dense(outputs, activation="softmax")
    return keras.Sequential([keras.Input(input_shape), sly, last])
"""


def test_trials_whose_compiled_copies_differed_are_counted(studio):
    study = studio.study(code=SLY)
    studio.finish(study)
    expected = "  iris: 2 trials had a compiled copy whose predictions differed from the model's: "
    assert expected + "Keras' own fit trained them instead: slower, but correct" in lines(
        studio, study
    )
    assert report.to_json(examined(studio, study))["studies"][0]["copies_differ"] == 2
    reasons = [trial.attributes["copy_differs"] for trial in records.trials(studio.db, study)]
    assert reasons == ["its compiled copy gives different predictions"] * 2


def test_a_limit_that_is_too_small(studio):
    study = studio.study(study={"trials": 1, "artifacts_max_gib": 1e-6})
    studio.finish(study)
    (line,) = [line for line in lines(studio, study) if "artifacts_max_gib" in line]
    assert line.startswith("! iris: artifacts need ") and "received 1e-06, expected" in line


def test_a_best_model_that_is_not_there(studio):
    study = studio.study()
    studio.finish(study)
    for stored in record.objects(study).objects():
        record.objects(study).remove(stored.name)
    (line,) = [line for line in lines(studio, study) if "no saved model" in line]
    assert line.startswith("! ") and "(its file is gone)" in line


def test_a_checkpoint_that_is_not_there(studio):
    study = studio.study(training=LONG)
    objective, claim = working(studio, study)
    objective.context.stop.ask()
    objective.run(claim)
    record.objects(study).remove(claim.checkpoint)
    assert any("has lost its checkpoint " in e for e in lines(studio, study))


def test_a_folder_that_this_machine_does_not_have(studio):
    study = studio.study()
    shutil.rmtree(record.stored(study).artifacts)
    assert any(line.startswith("! iris: artifacts not found at /") for line in lines(studio, study))


def test_a_disk_that_is_full(studio, monkeypatch):
    study = studio.study()
    monkeypatch.setattr(disk, "LEAST", 2**60)
    about = {line.split(" has ")[0] for line in lines(studio, study) if line.startswith("! ")}
    assert "! database" in about  # SQLite's file lies there, too
    assert any("artifacts have little free disk space" in line for line in lines(studio, study))


WELL = Health(
    "postgresql://ann@host/db", "postgresql", "16.2", 2, "5.0.0", "v3", 1.0, 2**20,
    None, None, None, 12, 100, 0, 0.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ({"latency_ms": 250.0}, "! database answers slowly: move it closer"),
        ({"journal_mode": "delete"}, "! database uses journal mode delete instead of wal: "),
        ({"free_bytes": 1024}, "! database has 1 KiB of free disk space: free some space"),
        ({"connections": 95}, "! database has 95 of 100 connections open, and each worker"),
        ({"waiting": 3}, "  database has 3 transactions waiting for a lock"),
        ({"clock_ahead_s": -60.0}, "  database clock is -60 s ahead of this machine's: "),
    ],
)
def test_a_database_in_trouble(trouble, says):
    assert [found.needs_you for found in database.findings(WELL)] == [False]
    _, found = database.findings(replace(WELL, **trouble))
    assert f"{'!' if found.needs_you else ' '} {found.line}".startswith(says)


def test_a_library_that_is_missing():
    found = [*machine.findings({**machine.versions(), "keras": None}, machine.devices())]
    assert ("without keras", "pip install keras", True) in [
        (one.says, one.do, one.needs_you) for one in found
    ]


@pytest.mark.parametrize(
    ("there", "says"),
    [({"jax": "0.10"}, []), ({}, [("without tensorflow", "pip install tensorflow", True)])],
)
def test_one_backend_is_enough(there, says):
    none = dict.fromkeys(("tensorflow", "jax", "torch"))
    found = [*machine.findings({"keras": "3.15"} | none | there, machine.devices())]
    told = [(one.says, one.do, one.needs_you) for one in found]
    assert [each for each in told if each[0].startswith("without ")] == says


def test_a_study_whose_backend_this_machine_lacks(studio, monkeypatch):
    study = studio.study(training={"backend": "jax"})
    monkeypatch.setattr(keras_settings, "is_installed", lambda name: name != "jax")
    said = '! study "iris" computes with jax, which this machine lacks: pip install studyhall[jax]'
    assert said in lines(studio, study)


def test_devices_are_named_without_tensorflow(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,GPU-4f2c")
    names = [one["device"] for one in machine.devices()]
    assert names == ["cpu", "0", "GPU-4f2c"] and machine.devices()[0]["cores"] == os.cpu_count()


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (2048, "2 KiB"), (150 * 2**20, "150 MiB"), (2**33, "8 GiB")]
)
def test_sizes(count, text):
    assert size(count) == text


# The command


def test_the_exit_code_says_whether_the_user_is_needed(studio, typed):
    study = studio.study()
    code, printed, _ = typed("doctor")
    assert code == 0 and printed.splitlines()[-1] == "all is well"
    shutil.rmtree(record.stored(study).artifacts)
    code, printed, _ = typed("doctor", "iris")
    assert code == 3 and printed.splitlines()[-1] == "! 1 of these need your attention"
    assert typed("doctor", "iri")[0] == 2


def test_the_json_has_the_keys_that_are_told(studio, typed):
    studio.study()
    code, printed, _ = typed("doctor", "--json")
    found = json.loads(printed)
    assert code == 0 and found["well"]
    assert found["versions"]["tensorflow"] and found["database"]["kind"] == "sqlite"
    assert [*found["database"]] == [field.name for field in fields(Health)]
    assert told("The doctor: `doctor --json`") == [*found]
    assert told("A study of the doctor's") == [*found["studies"][0]]
    assert told("A finding of the doctor's") == [*found["findings"][0]]


def told(heading):
    """The keys that json.md tells under a heading."""
    text = DOCS.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_it_asks_the_database_of_either_kind(db):
    studies.create(db, "one", config={}, seed=0, trials=1)
    said = [found.line for found in database.findings(health.read(db))]
    assert re.search(r"(SQLite|PostgreSQL) \d+\.\d+", said[0]), said
