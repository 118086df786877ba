"""The two commands of a fresh machine: what they run, and what they say without a Python."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from studyhall.search.cli import app

ROOT = Path(__file__).resolve().parent.parent


def make(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    # These tests may be run by make, which says so to every make that it leads to.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=outside, capture_output=True, text=True, check=False
    )


def test_what_the_demo_says_to_type_next_is_understood() -> None:
    recipe = make("--dry-run", "--old-file=.venv/.locked", "demo").stdout
    typed = re.findall(r"studyhall (\w+) ?([\w./]*)", recipe.replace("\\n", "\n"))
    assert typed[0] == ("launch", "recipes/digits.toml")
    assert {"status", "best", "dashboard"} <= {command for command, _ in typed}
    for command, argument in typed:
        app.imported(command).make_context(command, argument.split())  # raises for a wrong one


def test_the_demo_installs_what_it_runs_and_no_tests_or_linters(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    locks = ("requirements.lock", "docker/worker-cpu.lock", "docker/build.lock")
    for name in ("Makefile", "pyproject.toml", *locks):
        shutil.copy(ROOT / name, tmp_path / name)
    recipe = make("--dry-run", "demo", folder=tmp_path).stdout
    assert "-r docker/worker-cpu.lock -r docker/build.lock" in recipe
    assert "-r requirements.lock" not in recipe and "-e ." in recipe
    build = (ROOT / "docker" / "build.lock").read_text(encoding="utf-8")
    assert all(f"{name}==" in build for name in ("hatchling", "editables"))  # for `-e`
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".locked").touch()
    assert "install" not in make("--dry-run", "demo", folder=tmp_path).stdout
    assert "-r requirements.lock" in make("--dry-run", "--always-make", "test").stdout


def test_a_machine_without_a_fitting_python_is_told_so(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    answer = make("setup", "PYTHON=", folder=tmp_path)
    assert answer.returncode == 2
    assert "studyhall needs Python 3.11, 3.12 or 3.13" in answer.stderr
    assert not (tmp_path / ".venv").exists()


def test_the_oldest_versions_are_looked_for_and_tested() -> None:
    recipe = make("--dry-run", "--always-make", "test-lowest").stdout
    assert "--resolution lowest-direct" in recipe and "../pyproject.toml" in recipe
    assert ".venv-lowest/bin/pytest" in recipe.splitlines()[-1]


def test_peers_of_the_benchmarks_have_an_environment_of_their_own() -> None:
    recipe = make("--dry-run", "--always-make", "peers").stdout
    assert ".venv-peers/bin/pip install" in recipe and "-r benchmarks/peers.txt" in recipe
    assert ".venv-peers" in make("--dry-run", "clean").stdout


def test_the_documentation_is_built_strictly_in_an_environment_of_its_own() -> None:
    recipe = make("--dry-run", "--always-make", "docs").stdout
    assert "-r docs.lock" in recipe and "mkdocs build --strict" in recipe.splitlines()[-1]
    assert ".venv-docs" in make("--dry-run", "clean").stdout


def test_the_containers_are_tested_between_start_and_end_of_an_engine() -> None:
    recipe = make("--dry-run", "--old-file=.venv/.locked", "test-compose").stdout
    said = [
        recipe.index(word) for word in ("engine.sh start", "test_containers.py", "engine.sh stop")
    ]
    assert said == sorted(said)
    for script in (ROOT / "tests/acceptance/engine").glob("*.sh"):
        assert os.access(script, os.X_OK)
        subprocess.run(["bash", "-n", script], check=True)
