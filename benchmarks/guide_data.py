"""The sources of the guide's data on this machine, and a description of the machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.guide_recipes import CIFAR10

CATS_AND_DOGS = {"cat": 3, "dog": 5}  # their numbers in CIFAR-10
OF_EACH = 2_500  # the pictures of cats and of dogs


def local() -> Path | None:
    """The folder that $STUDYHALL_DATA names."""
    named = os.environ.get("STUDYHALL_DATA")
    return Path(named) if named else None


def prepare(recipe: str, folder: Path) -> dict[str, str]:
    """Put a recipe's data beside its study file; the environment that its launch needs.

    Without $STUDYHALL_DATA, Keras fetches its sets, and `catsdogs` must lie there.
    """
    data = local()
    if data is None:
        return {}
    home = folder / "keras-home"  # Keras leaves a home that it can't write to for another
    if not home.is_dir():
        shutil.copytree(data / "keras", home)
        for path in [home, *home.rglob("*")]:
            path.chmod(path.stat().st_mode | 0o200)
    if recipe in ("cifar10-cnn", "cifar10-vgg", "catsdogs-mlp"):
        _cifar10(data, folder / CIFAR10)
    if recipe == "catsdogs-mlp" and not (folder / "catsdogs").is_dir():
        _cats_and_dogs(folder)
    return {"KERAS_HOME": str(home)}


def machine() -> str:
    """The processor and its cores, as far as Linux tells."""
    cores = len(os.sched_getaffinity(0))
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")
    return f"{cores} cores{f' of {model}' if model else ''}, no GPU"


def _cifar10(data: Path, path: Path) -> None:
    if not path.exists():
        command = [sys.executable, data / "cifar10.py", path, "--train", "50000", "--test", "10000"]
        subprocess.run(command, check=True)


def _cats_and_dogs(folder: Path) -> None:
    """The cats and dogs of CIFAR-10 as a folder of pictures."""
    from PIL import Image

    with np.load(folder / CIFAR10) as archive:
        x, y = archive["x_train"], archive["y_train"]
    for name, number in CATS_AND_DOGS.items():
        place = folder / "catsdogs" / name
        place.mkdir(parents=True)
        for position, picture in enumerate(x[y == number][:OF_EACH]):
            Image.fromarray(picture).save(place / f"{position:05}.png")
