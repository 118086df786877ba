"""The user's own function: ``my_model.py:build``, or a message saying what was found instead.

Code is loaded by its path, so that no installed package of the same name gets in its way.
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from studyhall.spaces import before_running
from studyhall.spaces.failures import UnusableCodeError, UserCodeError, is_ours, own_part
from studyhall.spaces.spelling import nearest

__all__ = ["UserCodeError", "call", "find", "forget", "load", "loaded", "told", "where_it_belongs"]

# Not wrapped: the trial is pruned, or the machine is at its limits. Neither is a mistake in code.
PASSED_ON = ("TrialPruned", "ResourceExhaustedError", "MemoryError")


def load(reference: str, folder: Path, takes: tuple[str, ...] | None = None) -> Callable[..., Any]:
    """The function that a study file names.

    Args:
        reference: ``my_model.py:build``.
        folder: Where the study file lies: the working directory while the user's code runs. It
            is appended to `sys.path`, so that the user's files may import each other.
        takes: Names of the arguments that it will be called with; None = not checked.

    Raises:
        UserCodeError: With what was found instead.
    """
    path, name = find(reference, folder, takes)
    with contextlib.chdir(folder):
        function = _function(_module(path), name, path)
    if takes is not None:
        _check_signature(function, takes, f"{path.name}:{name}")
    with contextlib.suppress(TypeError):  # an object that can be called, but not be a key
        _FOLDERS[function] = folder.resolve()
    return function


def find(reference: str, folder: Path, takes: tuple[str, ...] | None) -> tuple[Path, str]:
    """The file and the name that a study file refers to, without running anything.

    Raises:
        UserCodeError: There is none, or running it is known to be of no use.
    """
    file, colon, name = reference.partition(":")
    if not (file.endswith(".py") and colon and name):
        raise UserCodeError(f'received "{reference}", expected file.py:function')
    path = (folder / file).resolve()
    if not path.is_file():
        raise UserCodeError(f"there is no file {path}{_similar_file(path)}")
    if not _is_loaded(path):
        before_running.check(path, name, takes)
    return path, name


def forget(reference: str, folder: Path) -> None:
    """Let `load` read the file of a function anew."""
    path = (folder / reference.partition(":")[0]).resolve()
    for name in [name for name, module in _LOADED.items() if module.__file__ == str(path)]:
        del sys.modules[name], _LOADED[name]


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call the user's function.

    Raises:
        UserCodeError: If it raises; the message names file and line, the cause is its own.
    """
    with where_it_belongs(function):
        try:
            return function(*arguments)
        except UserCodeError as error:  # of the trial that it was given
            line = _line(error)
            raise type(error)(f"{line}: {error}" if line else str(error)) from error.__cause__
        except Exception as error:
            if type(error).__name__ in PASSED_ON:
                raise
            raise UserCodeError(told(error)) from error


# Finding the function


_LOADED: dict[str, ModuleType] = {}  # by name in sys.modules
_FOLDERS: dict[Callable[..., Any], Path] = {}  # of the study file that named the function


def where_it_belongs(function: Callable[..., Any]) -> contextlib.AbstractContextManager[None]:
    """The study file's folder as working directory, wherever this process was started."""
    with contextlib.suppress(KeyError, TypeError):
        return contextlib.chdir(_FOLDERS[function])
    return contextlib.nullcontext()


def _is_loaded(path: Path) -> bool:
    return any(module.__file__ == str(path) for module in _LOADED.values())


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
        with _settings_kept(path.name):
            call(spec.loader.exec_module, module)
    except BaseException:
        del sys.modules[name], _LOADED[name]
        raise
    return module


@contextlib.contextmanager
def _settings_kept(file: str) -> Iterator[None]:
    """Types of numbers are the study file's to say; running eagerly is for the debugger.

    Raises:
        UserCodeError: the code sets a type of numbers for everything.
    """
    before = _number_types()
    yield
    after = _number_types()
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].config.run_functions_eagerly(False)
    if after != before:
        import keras

        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])
        raise UnusableCodeError(
            f"{file} sets floatx or dtype policy to {after[0]}, {after[1]}, expected "
            f"{before[0]}, {before[1]}: [training] precision says how models compute"
        )


def _number_types() -> tuple[str, str]:
    keras: Any = sys.modules.get("keras")
    if keras is None or not hasattr(keras, "config"):
        return "float32", "float32"
    return keras.config.floatx(), keras.config.dtype_policy().name


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


def told(error: Exception) -> str:
    """File and line of the user's that an exception came from, and what it says."""
    said = f"{type(error).__name__}: {_first_line(error)}"
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}: {said}"
    if isinstance(error, FileNotFoundError) and not Path(str(error.filename)).is_absolute():
        said += f" (relative to {Path.cwd()}, where the study file lies)"
    line = _line(error)
    return f"{line}: {said}" if line else said


def _line(error: Exception) -> str:
    """File and line of the user's that an exception came from; empty where it is not theirs."""
    frames = traceback.extract_tb(own_part(error))
    theirs = [each for each in frames if not (_is_library(each.filename) or is_ours(each.filename))]
    return f"{Path(theirs[-1].filename).name}, line {theirs[-1].lineno}" if theirs else ""


def _first_line(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return error.msg
    said, of_keras, _ = str(error).partition("\n\nArguments received by ")
    lines = [line for line in said.splitlines() if line.strip()] or [""]
    # Keras says what went wrong last, and in bold.
    return re.sub(r"\x1b\[\d*m", "", lines[-1] if of_keras else lines[0])


def _is_library(file: str) -> bool:
    libraries = {sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")}
    elsewhere = {"site-packages", "dist-packages"} & {*Path(file).parts}  # of another environment
    return bool(elsewhere) or file.startswith(("<", *libraries))
