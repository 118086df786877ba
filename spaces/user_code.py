"""The user's own function: ``my_model.py:build``, or a message saying what was found instead.

Code is loaded by its path, so that no installed package of the same name gets in its way.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from spaces import hyperparameters
from spaces.entry import Value
from spaces.failures import UserCodeError, own_part
from spaces.space import Space
from spaces.spelling import as_toml, nearest
from spaces.user_trial import UserTrial

if TYPE_CHECKING:
    import keras
    from optuna.trial import BaseTrial

__all__ = ["UserCodeError", "UserTrial", "build_model", "call", "load", "loaded"]

# Not wrapped: the trial is pruned, or the machine is at its limits. Neither is a mistake in code.
PASSED_ON = ("TrialPruned", "ResourceExhaustedError", "MemoryError")


def load(reference: str, folder: Path, takes: tuple[str, ...] | None = None) -> Callable[..., Any]:
    """The function that a study file names.

    Args:
        reference: ``my_model.py:build``.
        folder: Where the study file lies; it is appended to `sys.path`, so that the user's
            files may import each other.
        takes: Names of the arguments that it will be called with; None = not checked.

    Raises:
        UserCodeError: With what was found instead.
    """
    file, colon, name = reference.partition(":")
    if not (file.endswith(".py") and colon and name):
        raise UserCodeError(f'received "{reference}", expected file.py:function')
    path = (folder / file).resolve()
    if not path.is_file():
        raise UserCodeError(f"there is no file {path}{_similar_file(path)}")
    function = _function(_module(path), name, path)
    if takes is not None:
        _check_signature(function, takes, f"{path.name}:{name}")
    return function


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call the user's function.

    Raises:
        UserCodeError: If it raises; the message names file and line, the cause is its own.
    """
    try:
        return function(*arguments)
    except UserCodeError:
        raise
    except Exception as error:
        if type(error).__name__ in PASSED_ON:
            raise
        raise UserCodeError(_where(error)) from error


def build_model(
    build: Callable[..., Any],
    trial: BaseTrial,
    space: Space,
    values: dict[str, Value],
    input_shape: tuple[int, ...],
    outputs: int,
) -> keras.Model:
    """Let the user's ``build(trial, input_shape, outputs)`` make the model of a trial.

    Args:
        build: From `load`.
        trial: Optuna's; the function sees it as a `UserTrial`.
        space: The study's ``[space]``.
        values: What was chosen so far; gains what the function asks for beyond ``[space]``.
        input_shape: Of one prepared sample.
        outputs: Numbers that the model must give per sample.

    Raises:
        UserCodeError: If it fails or returns anything else than a fitting model.
    """
    model = call(build, UserTrial(trial, space, values), input_shape, outputs)
    name = getattr(build, "__name__", "the function")
    _check_model(model, name)
    _check_shapes(model, name, input_shape, outputs)
    _check_training(model, name, values)
    return model


# Finding the function


_LOADED: dict[str, ModuleType] = {}  # by name in sys.modules


def loaded() -> list[ModuleType]:
    """The user's files that were loaded by name, in their order."""
    return list(_LOADED.values())


def _module(path: Path) -> ModuleType:
    name = _free_name(path.stem)
    if name in _LOADED and _LOADED[name].__file__ == str(path):
        return _LOADED[name]
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = _LOADED[name] = module
    try:
        call(spec.loader.exec_module, module)
    except BaseException:
        del sys.modules[name], _LOADED[name]
        raise
    return module


def _free_name(stem: str) -> str:
    """The file's own name, as its classes are saved under it; never that of a library."""
    library = stem in sys.stdlib_module_names or (stem in sys.modules and stem not in _LOADED)
    return f"user_{stem}" if library else stem


def _function(module: ModuleType, name: str, path: Path) -> Callable[..., Any]:
    if not hasattr(module, name):
        raise UserCodeError(f'{path.name} has no function "{name}"{_functions(module, name)}')
    found = getattr(module, name)
    if isinstance(found, type) or not callable(found):
        kind = "a class" if isinstance(found, type) else f"a value of type {type(found).__name__}"
        raise UserCodeError(f"{path.name}:{name} is {kind}, expected a function")
    function: Callable[..., Any] = found
    return function


def _functions(module: ModuleType, name: str) -> str:
    own = [
        each
        for each, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    ]
    near = nearest(name, own)
    has = f"; it has {', '.join(own)}" if own else "; it has no functions at all"
    return has + (f'; did you mean "{near}"?' if near else "")


def _similar_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f"; there is no folder {path.parent} either"
    near = nearest(path.name, [file.name for file in path.parent.glob("*.py")])
    return f'; did you mean "{near}"?' if near else ""


def _check_signature(function: Callable[..., Any], takes: tuple[str, ...], name: str) -> None:
    signature = inspect.signature(function)
    try:
        signature.bind(*takes)
    except TypeError:
        raise UserCodeError(f"{name} takes {signature}, expected ({', '.join(takes)})") from None


def _where(error: Exception) -> str:
    """File and line of the user's that an exception came from, and what it says."""
    said = f"{type(error).__name__}: {_first_line(error)}"
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}: {said}"
    frames = traceback.extract_tb(own_part(error))
    theirs = [each for each in frames if not _is_library(each.filename)]
    return f"{Path(theirs[-1].filename).name}, line {theirs[-1].lineno}: {said}" if theirs else said


def _first_line(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return error.msg
    said, of_keras, _ = str(error).partition("\n\nArguments received by ")
    lines = [line for line in said.splitlines() if line.strip()] or [""]
    # Keras says what went wrong last, and in bold.
    return re.sub(r"\x1b\[\d*m", "", lines[-1] if of_keras else lines[0])


def _is_library(file: str) -> bool:
    libraries = {sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")}
    return file.startswith(("<", *libraries))


# Checking what it returned


def _check_model(model: object, name: str) -> None:
    import keras

    if not isinstance(model, keras.Model):
        found = "a class, not an instance" if isinstance(model, type) else type(model).__name__
        found = "nothing (is its return missing?)" if model is None else found
        raise UserCodeError(f"{name} returned {found}, expected a keras.Model")


def _check_shapes(
    model: keras.Model, name: str, input_shape: tuple[int, ...], outputs: int
) -> None:
    """The model takes one batch of samples and gives `outputs` numbers for each."""
    import keras

    try:
        given = model(keras.Input(input_shape, name="sample"))
    except Exception as error:
        raise UserCodeError(
            f"the model of {name} doesn't take samples of shape {input_shape}: {_where(error)}"
        ) from error
    shape = getattr(given, "shape", None)
    if shape is None:
        raise UserCodeError(f"the model of {name} has several outputs, expected one")
    # A loss of the user's own choice may want another number of them.
    if shape != (None, outputs) and not model.compiled:
        raise UserCodeError(
            f"the model of {name} gives outputs of shape {shape}, expected (None, {outputs})"
        )


def _check_training(model: keras.Model, name: str, values: Mapping[str, Value]) -> None:
    """Names that steer training mean in the code what they mean in the study file."""
    for each in hyperparameters.known("user").values():
        steers = not model.compiled or each.name in ("batch_size", "class_weights")
        if steers and each.name in values and not each.allows(values[each.name]):
            raise UserCodeError(
                f"{name} asks for {each.name} = {as_toml(values[each.name])}, but studyhall "
                f"trains by it and expects {each.expected()}: give it another name"
            )
