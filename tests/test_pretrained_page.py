"""pretrained.md holds: its study file is one, and it tells each kind of weights."""

import re

from studyhall.search.study_file import config
from studyhall.spaces import applications, hyperparameters
from tests import pages

PAGE = pages.text("pretrained.md")


def test_its_study_file_is_one() -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    file = config.parse(text)
    assert file.model.application == applications.read("keras:MobileNetV2(alpha=0.35)")
    assert {*file.space} <= {*hyperparameters.known(file.model.family)}


def test_it_tells_each_kind_of_weights_and_families_by_their_names() -> None:
    told = [line.split("|")[1].strip(" `") for line in PAGE.splitlines() if line.startswith('| `"')]
    assert told == ['"imagenet"', '"my.weights.h5"', '"none"']
    for family in re.findall(r"`(keras:[^`…]+)`", PAGE):
        assert applications.read(family)
    for least in {*applications._SMALLEST.values(), applications.SMALLEST}:
        assert f"{least}×{least}" in PAGE
