"""The hyperparameters that the user's own code asks for beyond ``[space]``, and their ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler

from studyhall.spaces.entry import Entry
from studyhall.spaces.legal import Scalar


def entry(name: str, asked: Any) -> Entry:
    """Return the entry of a hyperparameter for which code has asked with this distribution."""
    if isinstance(asked, CategoricalDistribution):
        return Entry(name, choices=cast(tuple[Scalar, ...], asked.choices))
    step = asked.step if isinstance(asked.low, float) or asked.step != 1 else None
    return Entry(name, low=asked.low, high=asked.high, step=step, log=asked.log)


def beyond(entries: Iterable[Entry], wanted: Mapping[str, BaseDistribution]) -> Iterator[Entry]:
    """Yield the entries of what code has asked for by names that none of these entries has."""
    known = [*entries]
    for name, distribution in wanted.items():
        if not any(each.has(name) for each in known):
            yield entry(name, distribution)


class Chosen(BaseSampler):
    """Chooses every value by a function of its entry, such as `Entry.largest`.

    Args:
        choose: the function.
    """

    def __init__(self, choose: Callable[[Entry], Scalar]) -> None:
        self._choose = choose

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, BaseDistribution]:
        """Return no hyperparameters: all are chosen one by one."""
        return {}

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
        """Return no values."""
        return {}

    def sample_independent(
        self, study: Any, trial: Any, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the value that the function chooses."""
        return self._choose(entry(param_name, param_distribution))
