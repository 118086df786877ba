"""The README's pictures, taken anew of a real study: .venv/bin/python pictures/take.py

It launches recipes/digits.toml on a terminal of its own with two workers, keeps a frame from the
middle and what stands there in the end, serves the dashboard, and lets chromium look at it.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pexpect
from rich.console import Console
from rich.text import Text

HERE = Path(__file__).resolve().parent
STUDYHALL = Path(sys.executable).with_name("studyhall")
COMMAND = ["launch", "recipes/digits.toml", "--workers", "2"]
COLUMNS, ROWS = 80, 24
BARS = re.compile("[▁▂▃▄▅▆▇█]")  # of the curves of trials that are running
REDRAWN = re.compile(r"\r(?:\x1b\[2K)(?:\x1b\[1A\x1b\[2K)*")  # how rich goes back to a frame's top
STEERING = re.compile(r"\x1b\[\?\d+[hl]")
FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # would be fetched from the internet
CHROMIUM = [
    *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--hide-scrollbars", "--virtual-time-budget=20000"),
]


def main() -> None:
    """Take the pictures of the terminal, then those of the dashboard."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(HERE.parent / "recipes", Path(folder, "recipes"))
        *frames, end = recorded(Path(folder))
        draw("running.svg", [f"$ studyhall {' '.join(COMMAND)}", busiest(frames)])
        draw("result.svg", [end])
        photograph(Path(folder))


def recorded(folder: Path) -> list[str]:
    """Every frame of the live table, as a terminal got them; the last one with what follows it."""
    child = pexpect.spawn(
        str(STUDYHALL), COMMAND, cwd=folder, dimensions=(ROWS, COLUMNS), encoding="utf-8"
    )
    child.expect(pexpect.EOF, timeout=900)
    child.close()
    assert child.exitstatus == 0, child.before
    shown = STEERING.sub("", child.before).replace("\r\n", "\n")
    return [frame.strip("\n") for frame in REDRAWN.split(shown)]


def busiest(frames: list[str]) -> str:
    """A frame from the second half of the study, in which most is to be seen: long curves."""
    middle = frames[len(frames) // 2 : len(frames) * 4 // 5]
    return max(middle, key=lambda frame: (frame.count("\n"), len(BARS.findall(frame))))


def draw(name: str, parts: list[str]) -> None:
    """Write what a terminal shows as an SVG."""
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        for part in parts:
            console.print(Text.from_ansi(part))
        svg = console.export_svg(title="studyhall")
    lines = (line.rstrip() for line in FONT.sub("", svg).splitlines())
    (HERE / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def photograph(folder: Path) -> None:
    """The study's page in the dashboard, and that of its best trial."""
    best = subprocess.check_output([STUDYHALL, "best", "digits", "--json"], cwd=folder, text=True)
    number = re.search(r'"trial": (\d+)', best)
    assert number
    server = pexpect.spawn(
        str(STUDYHALL), ["dashboard", "--port", "0"], cwd=folder, encoding="utf-8", timeout=60
    )
    server.expect(r"http://127\.0\.0\.1:\d+")
    study = f"{server.after}/dashboard/studies/1"
    shoot(study, "dashboard.png", "1500,1120")
    shoot(f"{study}/trials?numbers={number[1]}", "trial.png", "1500,1120")
    server.kill(signal.SIGINT)
    server.expect(pexpect.EOF)


def shoot(url: str, name: str, size: str) -> None:
    """One page, once it has drawn itself."""
    with tempfile.TemporaryDirectory() as profile:
        target = [f"--user-data-dir={profile}", f"--window-size={size}"]
        command = [*CHROMIUM, *target, f"--screenshot={HERE / name}", url]
        subprocess.run(command, check=True, capture_output=True, timeout=180)


if __name__ == "__main__":
    main()
