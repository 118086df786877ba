"""The ready-made models of KerasTuner, from KerasTuner itself, which declare for our `hp`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from studyhall.search.process import stand_ins
from studyhall.search.study_file.config_error import ConfigError

THEIRS = "keras_tuner"
NAMES = ("HyperEfficientNet", "HyperImageAugment", "HyperResNet", "HyperXception")


def __getattr__(name: str) -> Any:
    """Return one of KerasTuner's models.

    Raises:
        ConfigError: KerasTuner is not installed.
    """
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with _itself():
        if importlib.util.find_spec(THEIRS) is None:
            received = f"received keras_tuner.applications.{name}, but KerasTuner is not installed"
            raise ConfigError([f"{received} here, expected pip install keras-tuner"])
        return getattr(importlib.import_module(f"{THEIRS}.applications"), name)


@contextmanager
def _itself() -> Iterator[None]:
    """Import KerasTuner itself in a `with` block, though ours stands in for it."""
    ours = {name: each for name, each in sys.modules.items() if name.partition(".")[0] == THEIRS}
    finders = [each for each in sys.meta_path if stand_ins.is_ours(each)]
    for name in ours:
        del sys.modules[name]
    sys.meta_path[:] = [each for each in sys.meta_path if each not in finders]
    try:
        yield
    finally:
        for name in [each for each in sys.modules if each.partition(".")[0] == THEIRS]:
            del sys.modules[name]
        sys.modules.update(ours)
        sys.meta_path[:0] = finders
