"""A worker's output on a disk that is full, in a process of its own."""

import subprocess
import sys

PRINTING = """
import logging, sys
from search.process import log_stream

log_stream.outlive_a_full_disk()
logging.basicConfig()
print("{word}", flush=True)
logging.warning("warned")
sys.exit(7)
"""


def printing(word, log):
    with log.open("ab") as out:
        command = [sys.executable, "-c", PRINTING.format(word=word)]
        return subprocess.run(command, stdout=out, stderr=out, check=False).returncode


def test_what_finds_no_room_is_dropped_and_the_worker_goes_on(small_disk):
    disk = small_disk(64 * 1024)
    assert printing("hello ä", disk / "log") == 7
    assert (disk / "log").read_text().splitlines() == ["hello ä", "WARNING:root:warned"]
    assert printing("x" * 100_000, disk / "log") == 7
    assert printing("more", disk / "log") == 7


def test_other_failures_are_told(tmp_path):
    """A descriptor that can't be written to is a bug, not a full disk."""
    code = "import os\nfrom search.process.log_stream import LogFile\n" \
        "LogFile(os.open(os.devnull, os.O_RDONLY), 'w').write(b'x')\n"  # fmt: skip
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert answer.returncode == 1 and b"Bad file descriptor" in answer.stderr
