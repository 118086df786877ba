"""The instructions for loading an exported model: lines of Python and the user's modules."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from studyhall.search.evaluation import best
from studyhall.search.evaluation.reloading import Reloaded, own_objects
from studyhall.search.process import handover
from studyhall.search.training import backend
from studyhall.search.trial import exporting
from studyhall.search.trial.blueprints import Blueprint
from studyhall.spaces import own_classes

MODEL, WEIGHTS, LOADER = best.FILES[0], "model.weights.h5", "load_model.py"

_LOADER = '''\
"""The best model of a study, built by its own builder, with the weights saved in this folder.

In this folder: from load_model import load; model = load()
"""

import json
from pathlib import Path

import keras
import numpy as np

import {module}

FOLDER = Path(__file__).resolve().parent
CARD = json.loads((FOLDER / "best.json").read_text(encoding="utf-8"))


class Trial:
    """Supplies the builder with the hyperparameters of the trial."""

    number, params, user_attrs = CARD["trial"], CARD["hyperparameters"], {{}}

    def suggest_categorical(self, name, *_, **__):
        return self.params[name]

    suggest_float = suggest_int = suggest_categorical

    def set_user_attr(self, *_):
        pass


def shaped(found):
    """Return the shape of the input as a tuple; of several inputs a dict or a list of shapes."""
    if isinstance(found, dict):
        return {{name: shaped(each) for name, each in found.items()}}
    if all(isinstance(size, int) for size in found):
        return tuple(found)
    return [shaped(each) for each in found]


def inputs(shape):
    """Return Keras inputs of these shapes."""
    if isinstance(shape, tuple):
        return keras.Input(shape)
    if isinstance(shape, dict):
        return {{name: inputs(each) for name, each in shape.items()}}
    return [inputs(each) for each in shape]


def load():
    """Return the model, which takes raw samples: call it, or its predict_on_batch."""
    keras.config.set_dtype_policy(CARD["precision"])
    shape, prepared = shaped(CARD["input_shape"]), CARD["preparation"]
    built = {module}.{function}(Trial(), shape, CARD["outputs"])
    built(inputs(shape))
    built.load_weights(FOLDER / "model.weights.h5")
    if not isinstance(shape, tuple):
        return built
    raw = keras.Input(shape, dtype=prepared.get("dtype", "float32"))
    found = raw
    if prepared["kind"] != "none":
        dtype = prepared["dtype"]
        less, parts = (np.asarray(prepared[key]) for key in ("subtract", "divide"))
        found = keras.layers.Rescaling(np.ones(()), -less, dtype=dtype)(found)
        found = keras.layers.Rescaling(1 / parts, np.zeros(()), dtype=dtype)(found)
        found = keras.layers.Identity(dtype="float32")(found)
    if "fill" in prepared:
        mean = np.asarray(prepared["fill"], "float32")
        found = keras.ops.where(keras.ops.isnan(found), mean, found)
    return keras.Model(raw, built(found, training=False))
'''

# The function is in no module, so whoever loads the model brings it.
_HANDED_LOADER = (
    _LOADER.replace("import load; model = load()", "import load; model = load(build)")
    .replace("import {module}", "from studyhall.spaces import builder_forms")
    .replace("def load():", "def load(build):")
    .replace("{module}.{function}(", 'builder_forms.adapted(build, "build")(')
    .format()
)

# A builder for Optuna or KerasTuner is called as studyhall calls it.
_ADAPTED_LOADER = _LOADER.replace(
    "import {module}\n", "import {module}\nfrom studyhall.spaces import builder_forms\n"
).replace("{module}.{function}(", 'builder_forms.adapted({module}.{function}, "{function}")(')


@dataclass(frozen=True)
class Usage:
    """The requirements for loading a model from the folder of its export.

    Attributes:
        lines: Python, to be run in that folder.
        modules: the user's modules, to be copied into it.
        loader: source of a module that rebuilds the model; empty if Keras can load it.
    """

    lines: tuple[str, ...] = best.PLAIN
    modules: tuple[ModuleType, ...] = ()
    loader: str = ""

    @property
    def model(self) -> str:
        """The name of the exported model's file."""
        return WEIGHTS if self.loader else MODEL


def of(reloaded: Reloaded, plan: Blueprint) -> Usage:
    """Return the way to load a reloaded model of a study from its export."""
    found = Usage()
    if reloaded.named is None:
        found = _built_anew(plan)
    elif not reloaded.named.nothing:
        found = _with_own_classes(reloaded.named)
    return replace(found, lines=(*_settings(plan), *found.lines))


def _settings(plan: Blueprint) -> Iterator[str]:
    """Yield what comes before Keras' import, where that does not mean its default backend.

    A normalisation in float64 would be computed in float32 by JAX, unless it is asked not to.
    """
    if backend.name() == backend.TENSORFLOW:
        return
    yield "import os"
    wanted = {"KERAS_BACKEND": backend.name()}
    if backend.name() == backend.JAX and exporting.needs_doubles(plan.data):
        wanted["JAX_ENABLE_X64"] = "1"
    yield from (f'os.environ["{name}"] = "{value}"' for name, value in wanted.items())


def _with_own_classes(named: own_classes.NamedObjects) -> Usage:
    own = own_objects(named)
    names = [*own, *sorted(named.registered)]
    written = {name: own_classes.find(name) for name in names}
    homes = sorted({each.__module__ for each in written.values() if each is not None})
    options = [f'"{MODEL}"', "compile=False"]
    if own:
        pairs = (f'"{name}": {each.__module__}.{each.__name__}' for name, each in own.items())
        options.append(f"custom_objects={{{', '.join(pairs)}}}")
    if named.lambdas:
        options.append("safe_mode=False")
    load = f"model = keras.models.load_model({', '.join(options)})"
    if named.lambdas:
        # Lambdas are stored as byte code, which only the same Python version can run.
        load += "  # its lambdas are byte code of Python {}.{}".format(*sys.version_info)
    modules = own_classes.needed([m for m in own_classes.modules() if m.__name__ in homes])
    return Usage(("import keras", *(f"import {home}" for home in homes), load), tuple(modules))


def _built_anew(plan: Blueprint) -> Usage:
    if handover.is_handed(plan.file.model.family):
        return Usage(("from load_model import load", "model = load(build)"), (), _HANDED_LOADER)
    file, _, function = plan.file.model.family.rpartition(":")
    homes = [each for each in own_classes.modules() if hasattr(each, function)]
    home = next(each for each in homes if Path(str(each.__file__)).name == Path(file).name)
    template = _LOADER if getattr(home, function) is plan.builder else _ADAPTED_LOADER
    loader = template.format(module=home.__name__, function=function)
    lines = ("from load_model import load", "model = load()")
    return Usage(lines, tuple(own_classes.needed([home])), loader)
