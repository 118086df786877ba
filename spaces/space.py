"""The search space: the ``[space]`` section, from which each trial draws its hyperparameters.

An entry is a constant, a list of choices, or a range; numbers without a decimal point are
integers::

    l1            = 0.0                                        # always 0.0
    optimizer     = ["adam", "sgd"]                            # one of these
    learning_rate = { low = 1e-4, high = 1e-1, log = true }    # float range
    depth         = { low = 1, high = 4 }                      # integer range
    dropout       = { low = 0.0, high = 0.5, step = 0.1 }
    width         = { low = 16, high = 256, log = true, per_layer = true }
    momentum      = { low = 0.0, high = 0.99, when = { optimizer = "sgd" } }
    decay_rate    = { choices = [0.1, 0.5], when = { decay = ["step", "exponential"] } }
    beta_1        = { value = 0.95, when = { optimizer = "adam" } }
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from studyhall.spaces import hyperparameters
from studyhall.spaces.entry import Entry, Value
from studyhall.spaces.legal import Scalar
from studyhall.spaces.reading import Problem, SpaceError, read_entry
from studyhall.spaces.spelling import as_toml, nearest, one_of

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

__all__ = ["Entry", "Scalar", "Space", "SpaceError", "Value", "read_space"]


@dataclass(frozen=True)
class Space:
    """The entries of a ``[space]`` section.

    Attributes:
        entries: The entries, each after those that it depends on.
        depth: Number of layers if no entry sets it: the family's default.
    """

    entries: tuple[Entry, ...]
    depth: int = 1

    def suggest(self, trial: BaseTrial) -> dict[str, Value]:
        """Let Optuna choose a value for every entry that applies; the others are left out.

        >>> space = read_space({"depth": {"low": 1, "high": 4}, "l2": 0.01}, family="mlp")
        >>> space.suggest(optuna.trial.FixedTrial({"depth": 3}))
        {'depth': 3, 'l2': 0.01}
        """
        return self._choose(lambda entry, name: entry.suggest(trial, name))

    def values(self, params: Mapping[str, Scalar]) -> dict[str, Value]:
        """Return the values that `suggest` gave a recorded trial, from its parameters in Optuna.

        Raises:
            KeyError: If a parameter is missing, as in a trial that has not started.
        """
        return self._choose(lambda entry, name: params[name])

    def params(self, values: Mapping[str, Value]) -> dict[str, Scalar]:
        """Return the parameters to enqueue in Optuna for `values`, as for the textbook trial.

        A number that the space doesn't allow becomes the nearest allowed one; a word that it
        doesn't allow is left out, so that the sampler chooses.
        """
        params: dict[str, Scalar] = {}

        def draw(entry: Entry, name: str) -> Scalar:
            wanted = _of_layer(values.get(entry.name), entry, name)
            near = None if wanted is None else entry.nearest(wanted)
            if near is None:
                return _UNDECIDED
            params[name] = near
            return near

        self._choose(draw)
        return params

    def smallest(self) -> dict[str, Value]:
        """Return the values of the space that make the smallest model."""
        return self._choose(lambda entry, name: entry.smallest())

    def largest(self) -> dict[str, Value]:
        """Return the values of the space that make the largest model."""
        return self._choose(lambda entry, name: entry.largest())

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Return name, kind, range and condition of every entry, as text for a table."""
        return [entry.row() for entry in self.entries]

    def _choose(self, draw: Callable[[Entry, str], Scalar]) -> dict[str, Value]:
        chosen: dict[str, Value] = {}
        for entry in self.entries:
            if entry.applies(chosen):
                depth = chosen.get("depth", self.depth)
                chosen[entry.name] = entry.value(depth if isinstance(depth, int) else 0, draw)
        return chosen


_UNDECIDED = "\0undecided"  # different from any value that a condition could require


def _of_layer(value: Value | None, entry: Entry, name: str) -> Scalar | None:
    if not isinstance(value, list):
        return value
    of_layer = dict(zip(entry.names(len(value)), value, strict=False))
    return of_layer.get(name)


def read_space(table: Mapping[str, Any], *, family: str) -> Space:
    """Read a ``[space]`` section.

    Args:
        table: The section as parsed from TOML.
        family: a built-in family or the user's own ``file.py:function``, which may use any name.

    Raises:
        SpaceError: If the section has mistakes; the error lists them all.
    """
    known = hyperparameters.known(family)
    own_names = not hyperparameters.is_built_in(family)
    entries: dict[str, Entry] = {}
    problems: list[Problem] = []
    for name, written in table.items():
        if name not in known and not own_names:
            problems.append((name, "an unknown hyperparameter", _known_name(name, known)))
            continue
        try:
            entries[name] = read_entry(name, written, known.get(name))
        except SpaceError as error:
            problems += error.problems
    problems += _together(entries, table)
    if problems:
        raise SpaceError(problems)
    depth = hyperparameters.defaults(family).get("depth", 1)
    return Space(tuple(_in_order(entries)), depth=int(depth))


def _known_name(name: str, known: Mapping[str, object]) -> str:
    near = nearest(name, known)
    return f'a known name, perhaps "{near}"' if near else one_of(name, known)


def _in_order(entries: Mapping[str, Entry]) -> list[Entry]:
    """Sort the entries so that each follows those in its ``when``; per-layer ones follow depth.

    Raises:
        CycleError: If the conditions are circular.
    """
    before = {name: {*entry.when} for name, entry in entries.items()}
    for name, entry in entries.items():
        before[name] |= {"depth"} if entry.per_layer else set()
        before[name] &= entries.keys()
    return [entries[name] for name in TopologicalSorter(before).static_order()]


# Checks of several entries together.


def _together(entries: Mapping[str, Entry], table: Mapping[str, Any]) -> Iterator[Problem]:
    conditions = [*_condition_problems(entries, table)]
    yield from conditions
    yield from _layer_problems(entries)
    yield from _plateau_problems(entries)
    if not conditions:
        try:
            _in_order(entries)
        except CycleError as error:
            names = error.args[1]
            yield names[0], f"a circular when: {' → '.join(names)}", "one of these without when"


def _condition_problems(
    entries: Mapping[str, Entry], table: Mapping[str, Any]
) -> Iterator[Problem]:
    for name, written in table.items():
        when = written.get("when") if isinstance(written, dict) else None
        for other in when if isinstance(when, dict) else ():
            if other not in table:
                yield name, f'when on "{other}"', _written_name(other, table, name)
    for name, entry in entries.items():
        for other in entry.when.keys() & entries.keys():
            yield from _impossible(name, entries[other], entry.when[other])


def _written_name(other: str, table: Mapping[str, Any], name: str) -> str:
    return f"{one_of(other, [each for each in table if each != name])} (what [space] has)"


def _impossible(name: str, other: Entry, values: tuple[Scalar, ...]) -> Iterator[Problem]:
    if other.per_layer:
        yield name, f'when on "{other.name}"', "an entry that is not per_layer"
    elif not other.choices and isinstance(other.low, float):
        yield name, f"when on {other.name}, a float range", "an entry with choices or integers"
    for value in values:
        if not other.allows(value):
            received = f"when = {{ {other.name} = {as_toml(value)} }}"
            yield name, received, f"a possible value of {other.name}: {other.row()[2]}"


def _layer_problems(entries: Mapping[str, Entry]) -> Iterator[Problem]:
    depth = entries.get("depth")
    fixed = depth.choices[0] if depth and depth.constant and not depth.when else None
    for name, entry in entries.items():
        if entry.layers and len(entry.layers) != fixed:
            yield name, f"{len(entry.layers)} values", f"depth = {len(entry.layers)} in [space]"


def _plateau_problems(entries: Mapping[str, Entry]) -> Iterator[Problem]:
    decay, warm_up = entries.get("decay"), entries.get("warmup_epochs")
    if not decay or not warm_up or "plateau" not in decay.choices or warm_up.largest() == 0:
        return
    if "plateau" in warm_up.when.get("decay", ("plateau",)):
        others = [choice for choice in decay.choices if choice != "plateau"]
        yield (
            "warmup_epochs",
            'a warm-up with decay = "plateau"',
            f"when = {{ decay = {as_toml(others)} }}" if others else "one of the two",
        )
