"""The encoding of values in tables: of numbers in Optuna's, of JSON and bytes in ours."""

import functools
import json
import math
import sys
from array import array
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

# NumPy and Optuna are imported where they are used: reading values needs neither, and their import
# takes longer than the reading.
if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from optuna.distributions import BaseDistribution

Params = tuple[dict[str, Any], dict[str, "BaseDistribution"]]
# The numbers that are not finite: Optuna's tables hold them as a null of such a kind.
BY_KIND = {"NAN": math.nan, "INF_POS": math.inf, "INF_NEG": -math.inf}


def stored(value: float | None) -> tuple[float | None, str | None]:
    """Return a number as Optuna's tables hold it: the value if it is finite, and its kind."""
    if value is None:
        return None, None
    if math.isnan(value):
        return None, "NAN"
    if math.isinf(value):
        return None, "INF_POS" if value > 0 else "INF_NEG"
    return value, "FINITE"


def pack_params(
    params: Mapping[str, Any], spaces: Mapping[str, "BaseDistribution"]
) -> tuple[str, str]:
    """Return values (in Optuna's internal representation) and distributions as two JSON objects."""
    internal = {name: spaces[name].to_internal_repr(value) for name, value in params.items()}
    texts = ", ".join(f"{json.dumps(name)}: {distribution_json(spaces[name])}" for name in params)
    return json.dumps(internal), "{" + texts + "}"


def unpack_params(params: str, spaces: str) -> Params:
    """Decode what `pack_params` returned: values as the user sees them, and their distributions."""
    known = _distributions(spaces)
    internal = json.loads(params)
    return {name: known[name].to_external_repr(value) for name, value in internal.items()}, known


def values(params: str, spaces: str) -> dict[str, Any]:
    """Decode the values alone, as the user sees them, without importing Optuna."""
    known = json.loads(spaces)
    return {name: _value(value, known[name]) for name, value in json.loads(params).items()}


def _value(internal: Any, distribution: Mapping[str, Any]) -> Any:
    kind = distribution["name"]
    if kind == "CategoricalDistribution":
        return distribution["attributes"]["choices"][int(internal)]
    return int(internal) if kind == "IntDistribution" else internal


@functools.lru_cache(maxsize=4096)
def distribution_json(distribution: "BaseDistribution") -> str:
    """Return a distribution as JSON, as Optuna's table holds it."""
    from optuna.distributions import distribution_to_json

    return distribution_to_json(distribution)


@functools.lru_cache(maxsize=4096)
def _distributions(text: str) -> dict[str, "BaseDistribution"]:
    return {name: distribution(json.dumps(one)) for name, one in json.loads(text).items()}


@functools.lru_cache(maxsize=4096)
def distribution(text: str) -> "BaseDistribution":
    """Return the distribution of a JSON text from Optuna's table."""
    from optuna.distributions import json_to_distribution

    return json_to_distribution(text)


def pack_reports(reports: Mapping[int, float]) -> bytes:
    """Encode values by step (0, 1, 2, …) as little-endian doubles; a step without one is NaN."""
    steps = range(max(reports, default=-1) + 1)
    packed = array("d", (reports.get(step, math.nan) for step in steps))
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def unpack_reports(packed: bytes) -> "npt.NDArray[np.float64]":
    """Return the values of the steps 0, 1, 2, …, shape (steps,); NaN where there was none."""
    import numpy as np

    return np.frombuffer(packed, "<f8")


def pack_metrics(metrics: Mapping[str, Any]) -> str:
    """Return metrics as standard JSON: NaN and infinities as strings, NumPy's scalars as numbers.

    JSON has no NaN or infinity. A text that looks like one of these strings gets a tilde in front.
    """
    return to_json(_spelt(metrics))


def unpack_metrics(text: str) -> dict[str, Any]:
    """Decode what `pack_metrics` returned."""
    return {name: _read(value) for name, value in json.loads(text).items()}


def to_json(value: Any) -> str:
    """Return a value as JSON, as Optuna does; NumPy's scalars and arrays as numbers and lists.

    Raises:
        TypeError: JSON can't hold the value.
    """
    return json.dumps(value, default=_without_numpy)


_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def _spelt(value: Any) -> Any:
    if _is_numpys(value):
        value = _without_numpy(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, str) and value.lstrip("~") in _NOT_FINITE:
        return f"~{value}"
    if isinstance(value, Mapping):
        return {name: _spelt(inner) for name, inner in value.items()}
    return [_spelt(inner) for inner in value] if isinstance(value, list | tuple) else value


def _read(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip("~") in _NOT_FINITE:
        return _NOT_FINITE.get(value, value[1:])
    if isinstance(value, dict):
        return {name: _read(inner) for name, inner in value.items()}
    return [_read(inner) for inner in value] if isinstance(value, list) else value


def _is_numpys(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "numpy"


def _without_numpy(value: Any) -> Any:
    if _is_numpys(value):
        import numpy as np

        if isinstance(value, np.ndarray):
            return value.tolist()
        for kind, python in ((np.bool_, bool), (np.integer, int), (np.floating, float)):
            if isinstance(value, kind):
                return python(value)
    raise TypeError(f"{value!r}: JSON can't hold a {type(value).__name__}")
