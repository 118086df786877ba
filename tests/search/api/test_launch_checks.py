"""What a launch from Python refuses before it begins."""

import pytest

from studyhall.search.api import launch_checks
from studyhall.search.process import wire
from studyhall.search.study_file.config_error import ConfigError


def test_a_worker_of_another_study_begins_none(sqlite_url, monkeypatch):
    launch_checks.check_alone(sqlite_url, "toy")
    monkeypatch.setenv(wire.LAUNCHED, "1")
    with pytest.raises(ConfigError, match="toy: run\\(\\): received a call in a worker of another"):
        launch_checks.check_alone(sqlite_url, "toy")
