"""The installation: one package, beside which the user's own modules keep their names."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import studyhall
from tests import pages

ROOT = Path(__file__).parents[2]
OWN_MODEL = """
import keras
from search import DEPTH
from spaces.widths import WIDTH
from storage import units


def build(trial, input_shape, outputs):
    layers = [keras.layers.Dense(units(WIDTH), "relu") for _ in range(DEPTH)]
    rate = trial.suggest_float("learning_rate", 1e-3, 1e-2, log=True)
    model = keras.Sequential([keras.Input(input_shape), *layers, keras.layers.Dense(outputs)])
    model.compile(keras.optimizers.Adam(rate), keras.losses.SparseCategoricalCrossentropy(True))
    return model
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_a_wheel_holds_one_package_and_all_of_it(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"studyhall", f"studyhall-{studyhall.__version__}.dist-info"}
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "search", "spaces", "storage"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    assert {f"studyhall/{name}" for name in files if (ROOT / name).exists()} <= {*names}


def test_a_wheel_works_away_from_its_sources(wheel, folder):
    zipfile.ZipFile(wheel).extractall(folder.path / "site")
    folder.environment["PYTHONPATH"] = str(folder.path / "site")
    folder.study()
    assert "multiclass" in folder.run("check", "study.toml")
    code = "import studyhall; print(studyhall.__file__, studyhall.__version__)"
    said = subprocess.run(
        [sys.executable, "-c", code],
        env=folder.environment, cwd="/", capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert said == [str(folder.path / "site/studyhall/__init__.py"), studyhall.__version__]


@pytest.fixture
def clean(tmp_path):
    """An environment with the dependencies, by a path, and without studyhall."""
    venv.create(tmp_path / "clean", with_pip=True)
    (site,) = (tmp_path / "clean/lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return tmp_path / "clean"


def installed(clean, archive):
    """Install an archive as a user does, but for the dependencies; return where it is."""
    subprocess.run(
        [clean / "bin/pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation",
         "--force-reinstall", archive],
        check=True, capture_output=True,
    )  # fmt: skip
    code = "import studyhall; print(studyhall.__file__, studyhall.__version__)"
    said = subprocess.run(
        [clean / "bin/python", "-c", code], cwd="/", check=True, capture_output=True, text=True
    ).stdout.split()
    assert said[0].startswith(f"{clean}/lib/") and said[1] == studyhall.__version__
    return Path(said[0]).parent


@pytest.mark.slow
def test_the_first_study_of_the_readme_runs_where_a_wheel_or_an_sdist_is_installed(
    wheel, clean, tmp_path
):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (sdist,) = tmp_path.glob("*.tar.gz")
    places = [installed(clean, archive) for archive in (sdist, wheel)]
    files = {path.relative_to(places[1]) for path in places[1].rglob("*") if path.suffix != ".pyc"}
    assert places[0] == places[1] and Path("py.typed") in files
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert {"README.md", "LICENSE", "pyproject.toml", "docs/index.md"} <= held

    file = pages.code("toml", pages.README.read_text(encoding="utf-8"))[0]
    (tmp_path / "first.toml").write_text(file.replace("trials = 20", "trials = 2"))
    outside = {key: value for key, value in os.environ.items() if key != "STUDYHALL_STORAGE"}
    launched = subprocess.run(
        [clean / "bin/studyhall", "launch", "first.toml"],
        cwd=tmp_path, env=outside, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert launched.returncode == 0, launched.stdout + launched.stderr
    assert "proven: reloaded in a fresh process" in launched.stdout
    assert (tmp_path / "studyhall-artifacts/first/best/model.keras").is_file()


@pytest.fixture
def same_names(folder):
    """A folder with modules of the user that are called as folders of ours."""
    folder.write("search.py", "DEPTH = 2\n")
    folder.write("spaces/widths.py", "WIDTH = 4\n")
    folder.write("storage.py", "def units(width):\n    return 2 * width\n")
    folder.write("my_model.py", OWN_MODEL)
    space = {"width": None, "depth": None}
    folder.study(study={"trials": 1}, model={"family": "my_model.py:build"}, space=space)
    folder.environment["PYTHONPATH"] = "."
    return folder


def test_users_modules_may_be_called_search_spaces_and_storage(same_names):
    assert "multiclass" in same_names.run("check", "study.toml")


@pytest.mark.slow
def test_they_may_be_in_every_process_of_a_launch(same_names):
    folder = same_names
    folder.run("launch", "study.toml", "--workers", "1")
    (trial,) = folder.json("trials", "iris")
    assert trial["state"] == "complete"
    assert folder.json("best", "iris")["proof"]["proven"]
