"""The output streams of a command's process: full, closed, broken off, without signs."""

import json
import os
import subprocess
import sys
from typing import IO, Any

import pytest

from studyhall.search.process.wire import LAUNCHED

PRINTING = """
import sys, warnings
from studyhall import __main__
from studyhall.search.process import streams

def run():
    print(WORD, flush=True)
    print("told", file=sys.stderr)
    warnings.warn("a library's")
    sys.exit(CODE)

sys.modules["studyhall.search.cli.app"] = type(sys)("studyhall.search.cli.app")
sys.modules["studyhall.search.cli.app"].run = run
__main__.main()
"""


def printing(word: str, *, code: int = 0, env: Any = None, **streams: Any) -> Any:
    """A command that prints a word, told in the end how that went."""
    script = PRINTING.replace("WORD", ascii(word)).replace("CODE", str(code))
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **(env or {})},
        check=False,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
    )


def full() -> IO[bytes]:
    return open("/dev/full", "wb")


@pytest.mark.parametrize(("code", "ends"), [(0, 1), (3, 3)])
def test_a_full_disk_is_told_in_a_line(code: int, ends: int) -> None:
    with full() as disk:
        answer = printing("result", code=code, stdout=disk)
    assert answer.returncode == ends
    *_, last = answer.stderr.decode().splitlines()
    assert last == "standard output could not be written completely: No space left on device"


def test_a_full_disk_under_stderr_loses_remarks_only() -> None:
    with full() as disk:
        answer = printing("result", stderr=disk)
    assert (answer.returncode, answer.stdout) == (0, b"result\n")


def test_a_workers_log_that_finds_no_room_is_dropped(small_disk: Any) -> None:
    log = small_disk(64 * 1024) / "log"
    for word in ("hello → ä", "x" * 100_000, "more"):
        with log.open("ab") as out:
            env = {LAUNCHED: "1", "PYTHONIOENCODING": "ascii"}
            assert printing(word, code=7, stdout=out, stderr=out, env=env).returncode == 7
    assert log.read_text(encoding="utf-8").startswith("hello → ä\ntold\n")


def test_a_reader_that_has_seen_enough_is_no_failure() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    answer = printing("result", stdout=writing)
    os.close(writing)
    assert (answer.returncode, answer.stderr.decode().splitlines()[0]) == (0, "told")
    assert "Traceback" not in answer.stderr.decode()


@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1, 2]])
def test_closed_streams_lead_nowhere(closed: list[int], tmp_path: Any) -> None:
    """A file opened later must not get their numbers, or it would get what is printed."""
    script = PRINTING.replace("WORD", "'result'").replace("CODE", "open('f', 'w').fileno()")
    shut = " ".join(f"{number}{'<' if number == 0 else '>'}&-" for number in closed)
    command = ["bash", "-c", f'"$0" -c "$1" {shut}', sys.executable, script]
    answer = subprocess.run(command, capture_output=True, cwd=tmp_path, check=False)
    assert answer.returncode > 2
    assert answer.stdout == (b"" if 1 in closed else b"result\n")


@pytest.mark.parametrize(
    ("word", "shown"),
    [("a → b × c – d … ≥ ²", "a -> b x c - d ... >= 2"), ("ä ▁▂▃", "\\xe4 \\u2581\\u2582\\u2583")],
)
def test_a_terminal_without_our_signs_gets_plain_ones(word: str, shown: str) -> None:
    plain = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    answer = printing(word, env=plain)
    assert (answer.returncode, answer.stdout.decode("ascii")) == (0, f"{shown}\n")


def test_names_that_are_no_text_are_escaped() -> None:
    """Names of files may hold any bytes; Python keeps them as halves of surrogate pairs."""
    assert printing("caf\udce9", env={"PYTHONUTF8": "1"}).stdout == b"caf\\udce9\n"


def test_a_librarys_warning_is_no_failure() -> None:
    answer = printing("result", env={"PYTHONWARNINGS": "error"})
    assert (answer.returncode, answer.stdout) == (0, b"result\n")


@pytest.mark.parametrize("command", [["status", "--json"], ["--help"]])
def test_the_command_itself_on_an_old_terminal(command: list[str], tmp_path: Any) -> None:
    plain = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C", "TERM": "dumb"}
    env = {**os.environ, **plain, "PYTHONWARNINGS": "error", "STUDYHALL_STORAGE": ""}
    env.pop("HOME", None)
    answer = subprocess.run(
        [sys.executable, "-P", "-m", "studyhall", *command, *_empty(command, tmp_path)],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert answer.stdout.isascii() and (command == ["--help"] or json.loads(answer.stdout) == [])


def _empty(command: list[str], folder: Any) -> list[str]:
    if command == ["--help"]:
        return []
    from studyhall.storage.database import Database

    url = f"sqlite:///{folder}/studyhall.db"
    Database.open(url).close()
    return ["--storage", url]
