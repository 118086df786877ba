"""Places for workers: how many, and what each of them trains on."""

import os

import pytest

from studyhall.search.launcher import launch, places
from studyhall.search.process import device, gpus
from studyhall.search.process.device import Device
from studyhall.search.study import record
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError


@pytest.fixture
def devices(study_file, monkeypatch):
    """The devices of a study file under a command line, where these GPUs are visible."""

    def find(visible, line, **workers):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        file = config.parse(study_file(workers=workers))
        return places.devices(file, places.given(*line), "study.toml")

    return find


NOTHING = (None, None, None)


@pytest.mark.parametrize(
    ("visible", "workers", "expected"),
    [
        ("", {}, [None]),
        ("", {"count": 3}, [None, None, None]),
        ("", {"per_gpu": 3}, [None]),
        ("0,1", {}, ["0", "1"]),
        ("0,1", {"count": 3}, ["0", "1", "0"]),
        ("0,1", {"per_gpu": 2}, ["0", "1", "0", "1"]),
        ("0,1", {"gpus": "none"}, [None]),
        ("0,1,2", {"gpus": [2, 0]}, ["2", "0"]),
        ("GPU-4f2c,GPU-9d1a", {"count": 1}, ["GPU-4f2c"]),
    ],
)
def test_a_worker_for_each_device(devices, visible, workers, expected):
    assert [found.gpu for found in devices(visible, NOTHING, **workers)] == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (("2", None, None), ["0", "1"]),
        (("auto", None, None), ["0", "1", "2"]),
        ((None, "2", None), ["2"] * 4),
        ((None, "0, 2", None), ["0", "2", "0", "2"]),
        ((None, "none", None), [None] * 4),
        ((None, None, 2), ["0", "1", "2"] * 2),
        (("3", "1", 9), ["1"] * 3),
    ],
)
def test_the_command_line_goes_before_the_study_file(devices, line, expected):
    found = devices("0,1,2", line, count=4, gpus="all")
    assert [each.gpu for each in found] == expected


def test_how_many_share_a_gpu_is_known(devices):
    found = devices("0,1", NOTHING, count=3)
    assert found == [Device("0", 2), Device("1", 1), Device("0", 2)]


@pytest.mark.parametrize(
    ("line", "workers", "said"),
    [
        (("some", None, None), {}, 'command line: [workers] count: received "some", expected a'),
        (("0", None, None), {}, "command line: [workers] count: received 0, expected a whole num"),
        ((None, "3", None), {}, 'command line: [workers] gpus: received 3, expected "all", "none"'),
        ((None, ",", None), {}, 'command line: [workers] gpus: received [], expected "all", "non'),
        ((None, None, 0), {}, "command line: [workers] per_gpu: received 0, expected a whole num"),
        (NOTHING, {"gpus": [7]}, 'study.toml: [workers] gpus: received 7, expected "all", "none"'),
    ],
)
def test_what_is_not_there_is_a_mistake(devices, line, workers, said):
    with pytest.raises(ConfigError) as refused:
        devices("0,1", line, **workers)
    (found,) = refused.value.problems
    assert found.startswith(said)


def test_too_many_for_a_gpu_are_a_mistake(devices, monkeypatch):
    monkeypatch.setattr(gpus, "memory_mib", lambda name: 4096)
    with pytest.raises(ConfigError, match="received 8 workers on GPU 0 of 4096 MiB"):
        devices("0", ("8", None, None))


def test_what_a_place_is_told(studio):
    study = studio.study()
    made = places.places(study, [Device("0"), Device()], "postgresql://ann:sesame@host/db")
    told = [place.environment for place in made]
    assert [each["CUDA_VISIBLE_DEVICES"] for each in told] == ["0", device.HIDDEN]
    assert [each["STUDYHALL_WORKER"] for each in told] == ["worker-1", "worker-2"]
    for place in made:
        assert place.environment["STUDYHALL_STORAGE"] == "postgresql://ann:sesame@host/db"
        threads = int(place.environment["TF_NUM_INTRAOP_THREADS"])
        assert threads == max(1, (os.cpu_count() or 1) // 2)
        assert place.log.parent == record.stored(study).artifacts / "logs"
    assert not any("sesame" in word for word in launch.command(study.name))
