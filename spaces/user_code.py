"""Loading and calling of the user's own functions, such as ``my_model.py:build``.

Code is loaded by its path, so an installed package of the same name does not shadow it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from studyhall.spaces import builder_forms, static_checks
from studyhall.spaces.failures import UnusableCodeError, UserCodeError
from studyhall.spaces.spelling import nearest
from studyhall.spaces.user_errors import line_of, told

__all__ = ["UserCodeError", "call", "find", "forget", "load", "loaded", "where_it_belongs"]

# Exceptions passed on unchanged: a pruned trial and exhausted memory are not mistakes in the code.
PASSED_ON = ("TrialPruned", "ResourceExhaustedError", "MemoryError")


def load_builder(reference: str, folder: Path) -> Callable[..., Any]:
    """Load the builder that a study file names, in any form of `builder_forms`.

    Args:
        reference, folder: as in `load`.

    Returns:
        A function (trial, input_shape, outputs) that returns a model.

    Raises:
        UserCodeError: If there is no such builder, or its file fails.
    """
    path, name = find_builder(reference, folder)
    with contextlib.chdir(folder):
        found = _named(_module(path), name, path)
        builder = builder_forms.adapted(found, f"{path.name}:{name}")
    with contextlib.suppress(TypeError):
        _FOLDERS[builder] = folder.resolve()
    return builder


def find_builder(reference: str, folder: Path) -> tuple[Path, str]:
    """Return path and name of a builder, without running the file; see `find`."""
    return _found(reference, folder, builder_forms.FORMS, classes=True)


def find_any(reference: str, folder: Path, forms: static_checks.Forms) -> tuple[Path, str]:
    """Return path and name of a function, class or object, without running the file; see `find`.

    Args:
        reference, folder: as in `load`.
        forms: sets of arguments, of which a function must take one.
    """
    return _found(reference, folder, forms, classes=True)


def load_any(reference: str, folder: Path, forms: static_checks.Forms) -> Any:
    """Load whatever a user's file has under a name; see `find_any`.

    Raises:
        UserCodeError: If there is no such name, or its file fails.
    """
    path, name = find_any(reference, folder, forms)
    with contextlib.chdir(folder):
        found = _named(_module(path), name, path)
    with contextlib.suppress(TypeError):
        _FOLDERS[found] = folder.resolve()
    return found


def load(reference: str, folder: Path, takes: tuple[str, ...] | None = None) -> Callable[..., Any]:
    """Load the function that a study file names.

    Args:
        reference: ``my_model.py:build``.
        folder: The study file's folder, the working directory while the user's code runs. The
            folder of the user's file is appended to `sys.path`, so that files in it may import
            each other.
        takes: Names of the arguments that it will be called with; None = not checked.

    Raises:
        UserCodeError: If there is no such function, or its file fails.
    """
    path, name = find(reference, folder, takes)
    with contextlib.chdir(folder):
        function = _function(_module(path), name, path)
    if takes is not None:
        _check_signature(function, takes, f"{path.name}:{name}")
    with contextlib.suppress(TypeError):  # a callable object that is not hashable
        _FOLDERS[function] = folder.resolve()
    return function


def find(reference: str, folder: Path, takes: tuple[str, ...] | None) -> tuple[Path, str]:
    """Return the path and the function's name of a reference, without running the file.

    Raises:
        UserCodeError: If there is no such file, or `static_checks.check` refuses it.
    """
    return _found(reference, folder, None if takes is None else (takes,))


def _found(
    reference: str, folder: Path, forms: tuple[tuple[str, ...], ...] | None, classes: bool = False
) -> tuple[Path, str]:
    file, colon, name = reference.partition(":")
    if not (file.endswith(".py") and colon and name):
        raise UserCodeError(f'received "{reference}", expected file.py:function')
    path = (folder / file).resolve()
    if not path.is_file():
        raise UserCodeError(f"there is no file {path}{_similar_file(path)}")
    if not _is_loaded(path):
        static_checks.check(path, name, forms, classes=classes)
    return path, name


def forget(reference: str, folder: Path) -> None:
    """Unload the file of a function, so that `load` reads it again."""
    path = (folder / reference.partition(":")[0]).resolve()
    for name in [name for name, module in _LOADED.items() if module.__file__ == str(path)]:
        del sys.modules[name], _LOADED[name]


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call the user's function.

    Raises:
        UserCodeError: If it raises; the message has file and line, its exception is the cause.
    """
    with where_it_belongs(function):
        try:
            return function(*arguments)
        except UserCodeError as error:  # raised by our UserTrial, which the function was given
            line = line_of(error)
            raise type(error)(f"{line}: {error}" if line else str(error)) from error.__cause__
        except Exception as error:
            if type(error).__name__ in PASSED_ON:
                raise
            raise UserCodeError(told(error)) from error


# Finding the function


_LOADED: dict[str, ModuleType] = {}  # the user's modules by name in sys.modules
_FOLDERS: dict[Callable[..., Any], Path] = {}  # folder of the study file that named the function


def where_it_belongs(function: Callable[..., Any]) -> contextlib.AbstractContextManager[None]:
    """Return a context in which the study file's folder is the working directory."""
    with contextlib.suppress(KeyError, TypeError):
        return contextlib.chdir(_FOLDERS[function])
    return contextlib.nullcontext()


def _is_loaded(path: Path) -> bool:
    return any(module.__file__ == str(path) for module in _LOADED.values())


def loaded() -> list[ModuleType]:
    """Return the user's modules that a study file named, in the order of loading."""
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
    """Refuse code that changes Keras' global number types, and switch off eager execution.

    The study file sets the precision. Code may run functions eagerly for debugging, which would
    slow every training.

    Raises:
        UnusableCodeError: the code changed floatx or the global dtype policy.
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
            f"{before[0]}, {before[1]}: use [training] precision instead"
        )


def _number_types() -> tuple[str, str]:
    keras: Any = sys.modules.get("keras")
    if keras is None or not hasattr(keras, "config"):
        return "float32", "float32"
    return keras.config.floatx(), keras.config.dtype_policy().name


def _free_name(stem: str) -> str:
    """Return a module name: the file's stem, or "user_" + stem if a library has that name.

    Keras saves the file's classes under the module name, so it stays the same in every process.
    """
    library = stem in sys.stdlib_module_names or (stem in sys.modules and stem not in _LOADED)
    return f"user_{stem}" if library else stem


def _named(module: ModuleType, name: str, path: Path) -> Any:
    if not hasattr(module, name):
        raise UserCodeError(f'{path.name} has no function "{name}"{_functions(module, name)}')
    return getattr(module, name)


def _function(module: ModuleType, name: str, path: Path) -> Callable[..., Any]:
    found = _named(module, name, path)
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
