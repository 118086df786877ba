"""The audit log: a line for each write, for its owner's eyes."""

import json
import threading

import pytest

from studyhall.search.dashboard.audit import Audit
from studyhall.search.study_file.config_error import ConfigError


def test_a_line_for_each_write(tmp_path):
    log = Audit(tmp_path / "audit.jsonl")
    log.note(user="ann", method="DELETE", path="/api/studies/1", status=204, why=None)
    log.note(user="ann\n{}", method="PUT", path="/api/studies/1/note", status=204)
    first, second = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert json.loads(first).keys() == {"at", "user", "method", "path", "status"}
    assert json.loads(second)["user"] == "ann\n{}"
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_lines_stay_whole_and_earlier_ones_stay(tmp_path):
    path = tmp_path / "audit.jsonl"
    logs = [Audit(path) for _ in range(4)]
    threads = [
        threading.Thread(target=lambda log=log: [log.note(path="x" * 500) for _ in range(50)])
        for log in logs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = path.read_text().splitlines()
    assert len(lines) == 200 and {json.loads(line)["path"] for line in lines} == {"x" * 500}


def test_a_place_that_cant_be_written(tmp_path):
    with pytest.raises(ConfigError, match=r"--audit: received .*, expected a file to append to"):
        Audit(tmp_path / "nowhere" / "audit.jsonl")


def test_a_write_is_noted_before_and_its_status_afterwards(tmp_path):
    path = tmp_path / "audit.jsonl"
    log = Audit(path)
    with log.before(user='null "status": null', method="PUT") as ended:
        (line,) = map(json.loads, path.read_text().splitlines())
        assert line["status"] is None and line["method"] == "PUT"
        log.note(user="ann", status=200)
        ended(204)
    with pytest.raises(ZeroDivisionError), log.before(user="bob"):
        raise ZeroDivisionError
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["status"] for line in lines] == [204, 200, None]
    assert lines[0]["user"] == 'null "status": null'


def test_what_a_sender_makes_long_is_cut(tmp_path):
    log = Audit(tmp_path / "audit.jsonl")
    log.note(user="é" * 100_000, path="/short")
    (line,) = (tmp_path / "audit.jsonl").read_text().splitlines()
    found = json.loads(line)
    assert len(line) < 4_000 and found["user"].endswith("… (100000 characters)")
    assert found["path"] == "/short"
