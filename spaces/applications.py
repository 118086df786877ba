"""The networks of `keras.applications` that a family ``keras:…`` names, without importing Keras."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from studyhall.spaces import spelling
from studyhall.spaces.legal import Scalar

PREFIX = "keras:"
NAMES = [
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtSmall",
    "ConvNeXtTiny",
    "ConvNeXtXLarge",
    "DenseNet121",
    "DenseNet169",
    "DenseNet201",
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2L",
    "EfficientNetV2M",
    "EfficientNetV2S",
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Large",
    "MobileNetV3Small",
    "NASNetLarge",
    "NASNetMobile",
    "ResNet101",
    "ResNet101V2",
    "ResNet152",
    "ResNet152V2",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "VGG19",
    "Xception",
]
SMALLEST = 32  # pixels of a side, of all but these
_SMALLEST = {"InceptionResNetV2": 75, "InceptionV3": 75, "Xception": 71}
# Arguments that change the network, with a value of their type.
_ARGUMENTS: dict[str, dict[str, type]] = {
    "MobileNet": {"alpha": float, "depth_multiplier": int},
    "MobileNetV2": {"alpha": float},
    "MobileNetV3Large": {"alpha": float, "minimalistic": bool},
    "MobileNetV3Small": {"alpha": float, "minimalistic": bool},
}
_CALL = re.compile(r"keras:(?P<name>\w+)\s*(\((?P<arguments>.*)\))?")


@dataclass(frozen=True)
class Application:
    """A network of `keras.applications`.

    Attributes:
        name: of Keras' function that makes it.
        arguments: what that function takes besides the shape and the weights.
    """

    name: str
    arguments: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def smallest(self) -> int:
        """The least height and width of a picture, in pixels."""
        return _SMALLEST.get(self.name, SMALLEST)


def is_named(family: object) -> bool:
    """Return True for a family ``keras:…``, whether there is such a network or not."""
    return isinstance(family, str) and family.startswith(PREFIX)


@functools.cache
def read(family: str) -> Application:
    """Return the network that a family names: ``keras:ResNet50``, ``keras:MobileNet(alpha=0.5)``.

    Raises:
        ValueError: there is none; the message says what is expected.
    """
    found = _CALL.fullmatch(family.strip())
    name = found["name"] if found else family.removeprefix(PREFIX)
    if found is None or name not in NAMES:
        raise ValueError(f"after {PREFIX} {spelling.one_of(name, NAMES)}")
    return Application(name, _arguments(found["arguments"] or "", name))


def _arguments(text: str, name: str) -> dict[str, Scalar]:
    """Parse ``alpha=0.5`` as a dict; nothing is executed."""
    known = _ARGUMENTS.get(name, {})
    expected = f"{', '.join(f'{key}=…' for key in known)} for {name}" if known else "no arguments"
    try:
        call = ast.parse(f"_({text})", mode="eval").body
        assert isinstance(call, ast.Call) and not call.args
        found = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError, AssertionError):
        raise ValueError(expected) from None
    if not all(_fits(known.get(key), value) for key, value in found.items()):
        raise ValueError(expected)
    return found


def _fits(kind: type | None, value: object) -> bool:
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    number = isinstance(value, int) or (kind is float and isinstance(value, float))
    return kind is not None and number and value > 0  # type: ignore[operator]
