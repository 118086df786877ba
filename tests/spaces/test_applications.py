"""The names of Keras' networks, known without importing Keras, are those that it has."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import keras
import pytest

from studyhall.spaces import applications

IN_KERAS = [
    name
    for name in dir(keras.applications)
    if inspect.isfunction(getattr(keras.applications, name))
]


def test_the_names_are_those_of_keras() -> None:
    assert sorted(applications.NAMES) == sorted(IN_KERAS)


@pytest.mark.parametrize("name", applications.NAMES)
def test_the_smallest_pictures_are_what_keras_says(name: str) -> None:
    make = getattr(keras.applications, name)
    with pytest.raises(ValueError, match="at least") as caught:
        make(input_shape=(1, 1, 3), include_top=False, weights=None)
    least = re.search(r"at least (\d+)x\d+", str(caught.value))
    assert least is not None and int(least[1]) == applications.read(f"keras:{name}").smallest
    arguments = applications._ARGUMENTS.get(name, {})
    assert {*arguments} <= {*inspect.signature(make).parameters}


def test_names_with_arguments() -> None:
    found = applications.read("keras:MobileNet(alpha=0.25, depth_multiplier=2)")
    assert (found.name, found.arguments) == ("MobileNet", {"alpha": 0.25, "depth_multiplier": 2})
    assert applications.read("keras:MobileNetV3Small(minimalistic=True)").arguments
    assert applications.read("keras:ResNet50()").arguments == {}


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("keras:ResNet5", 'did you mean "ResNet50"?'),
        ("keras:", "after keras: one of"),
        ("keras:ResNet50(alpha=1)", "no arguments"),
        ("keras:MobileNet(alpha='x')", "alpha=…, depth_multiplier=… for MobileNet"),
        ("keras:MobileNet(alpha=-1)", "alpha=…"),
        ("keras:MobileNet(depth_multiplier=0.5)", "alpha=…"),
        ("keras:MobileNet(0.5)", "alpha=…"),
        ("keras:MobileNet(alpha=print())", "alpha=…"),
        ("keras:MobileNetV3Small(minimalistic=1)", "alpha=…, minimalistic=…"),
    ],
)
def test_mistakes(family: str, expected: str) -> None:
    with pytest.raises(ValueError) as caught:
        applications.read(family)
    assert expected in str(caught.value)


def test_they_are_read_without_keras() -> None:
    code = (
        "import sys; from studyhall.spaces import applications, hyperparameters as h;"
        "h.known('keras:VGG16'); applications.read('keras:VGG16'); sys.exit('keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
