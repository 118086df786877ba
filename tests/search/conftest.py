"""Commands typed in this process, and control groups with little memory."""

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from studyhall.search.cli import app
from studyhall.search.process.control_groups import GROUPS

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Runs a command in this process: (exit code, stdout, stderr)."""

    def run(*words: Any, answers: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["studyhall", *map(str, words)])
        monkeypatch.setattr("sys.stdin", io.StringIO(answers))
        with pytest.raises(SystemExit) as ended:
            app.run()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


@pytest.fixture
def typed(studio: Any, monkeypatch: pytest.MonkeyPatch, command: Typed) -> Typed:
    """Likewise, in the studio's folder and on its database."""
    monkeypatch.chdir(studio.folder)
    monkeypatch.delenv("STUDYHALL_STORAGE", raising=False)
    return command


@pytest.fixture
def control_group() -> Iterator[Callable[[int], Path]]:
    """Makes a control group with so many MiB of memory, where we may make one."""
    own = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    paths = {controllers: path.strip("/") for _, controllers, path in own}
    first = "memory" in paths
    parent = GROUPS / "memory" / paths["memory"] if first else GROUPS / paths.get("", "")
    group = parent / f"studyhall-test-{os.getpid()}"

    def make(mib: int) -> Path:
        try:
            group.mkdir()
            limit = "memory.limit_in_bytes" if first else "memory.max"
            (group / limit).write_text(str(mib * 2**20))
        except OSError as error:
            pytest.skip(f"no control group of one's own: {error}")
        return group

    yield make
    with contextlib.suppress(FileNotFoundError):
        group.rmdir()
