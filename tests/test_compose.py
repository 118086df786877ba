"""docker-compose.yml, Dockerfile and locks: what can be known without a container engine."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
LOCKS = sorted((ROOT / "docker").glob("*.lock"))
FROM_IMAGE = ("nvidia-", "setuptools", "wheel")  # which only the worker's CUDA needs


def pinned(lock: Path) -> dict[str, set[str]]:
    """Versions by package."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)(?:\[\w+\])?==([^ ;]+)", lock.read_text(), re.M):
        found.setdefault(name.lower(), set()).add(version)
    return found


# The compose file


def test_it_is_a_compose_file() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec",
         "docker-compose.yml"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_compose_itself_understands_it(tmp_path: Path) -> None:
    if not shutil.which("docker"):
        pytest.skip("docker is not installed")
    for name in ("docker-compose.yml", ".env.example"):
        shutil.copy(ROOT / name, tmp_path)
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode:
        pytest.skip("docker has no compose plugin")
    checked = subprocess.run(
        ["docker", "compose", "--env-file", ".env.example", "config", "-q"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr


def test_only_the_dashboard_is_published_and_only_for_this_machine() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {"dashboard": ["127.0.0.1:${DASHBOARD_PORT:-8080}:8080"]}


def test_no_password_is_written_anywhere() -> None:
    assert "password" not in (ROOT / ".env.example").read_text().replace("Passwords are", "")
    settings = json.dumps([service.get("environment") for service in SERVICES.values()])
    assert re.findall(r"\w*PASSWORD\w*", settings) == ["POSTGRES_PASSWORD_FILE"]


def test_the_dashboard_reads_only_unless_somebody_says_otherwise() -> None:
    mounts = SERVICES["dashboard"]["volumes"]
    assert "${DASHBOARD_ROLE:-reader}:/secrets/storage:ro" in mounts
    assert "studies:/var/lib/studyhall:${DASHBOARD_FILES:-ro}" in mounts
    assert not any(mount.startswith("owner:") for mount in mounts)
    assert SERVICES["dashboard"]["read_only"]


def test_a_worker_has_every_gpu_and_the_time_to_save_its_trials() -> None:
    (devices,) = SERVICES["worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    assert (SERVICES["worker"]["profiles"], SERVICES["worker-cpu"]["profiles"]) == (
        ["gpu"],
        ["cpu"],
    )
    for name in ("worker", "worker-cpu"):
        assert SERVICES[name]["command"][0] == "launch"
        assert (SERVICES[name]["stop_grace_period"], SERVICES[name]["init"]) == ("10m", True)


def test_every_volume_is_declared_and_every_setting_is_explained() -> None:
    named = {
        mount.split(":")[0]
        for service in SERVICES.values()
        for mount in service.get("volumes", ())
        if not mount.startswith((".", "$"))
    }
    assert named == set(COMPOSE["volumes"])
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    told = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.M))
    assert told == used | {"COMPOSE_PROFILES"}


# The images


def stages() -> dict[str, str]:
    """The Dockerfile's stages by name."""
    parts = re.split(r"^FROM (\S+) AS (\S+)$", (ROOT / "Dockerfile").read_text(), flags=re.M)
    return dict(zip(parts[2::3], parts[3::3], strict=True))


def test_every_image_that_is_asked_for_can_be_built() -> None:
    targets = {service["build"]["target"] for service in SERVICES.values() if "build" in service}
    assert targets <= stages().keys()
    for name in targets:
        assert f"COPY docker/{name}.lock" in stages()[name]
        assert "pip install --require-hashes" in stages()[name]
        assert "USER studyhall" in stages()[name]


def test_what_the_dockerfile_copies_is_let_through(tmp_path: Path) -> None:
    let_through = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    ]
    for name in let_through:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, symlinks=True)
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    for copied in re.findall(r"^COPY (docker/.*) \S+$", (ROOT / "Dockerfile").read_text(), re.M):
        assert all((tmp_path / name).is_file() for name in copied.split()), copied
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "dist").glob("studyhall-*.whl")
    assert "studyhall/storage/database/connection.py" in zipfile.ZipFile(wheel).namelist()


def test_the_locks_of_the_images_are_those_of_the_project() -> None:
    known = pinned(ROOT / "requirements.lock")
    for lock in LOCKS:
        versions = pinned(lock)
        assert versions, lock
        for name, found in versions.items():
            assert name.startswith(FROM_IMAGE) or found <= known[name], (lock.name, name)
        assert lock.read_text().count("--hash=sha256:") >= len(versions)


def test_the_locks_hold_what_the_project_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {Requirement(each).name.lower() for each in project["dependencies"]}
    assert needed <= pinned(ROOT / "docker/worker-cpu.lock").keys()
    assert needed <= pinned(ROOT / "docker/worker.lock").keys()
    assert "nvidia-cudnn-cu12" in pinned(ROOT / "docker/worker.lock")
    dashboard = pinned(ROOT / "docker/dashboard.lock").keys()
    assert needed - dashboard == {"tensorflow", "keras"}
