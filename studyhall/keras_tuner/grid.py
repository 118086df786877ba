"""The points of a grid search; what is declared may depend on values, as in a loop of layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from studyhall.spaces.hp import suggested
from studyhall.spaces.hp.hyperparameters import HyperParameters
from studyhall.spaces.hp.kinds import Fixed, HyperParameter


class Point(HyperParameters):
    """The hyperparameters of one point: given values for some, the first value for the others.

    Args:
        given: declared in advance.
        values: the values by name.

    Attributes:
        chosen: the active hyperparameters, in the order in which their values were asked for.
    """

    def __init__(self, given: HyperParameters, values: Mapping[str, Any]) -> None:
        super().__init__()
        self.chosen: list[HyperParameter] = []
        self._wanted = values
        for each in given.space:
            self.declare(each)

    def _chosen(self, hyperparameter: HyperParameter) -> Any:
        self.chosen.append(hyperparameter)
        first = hyperparameter.values[0]
        return self._wanted.get(hyperparameter.name, first)

    def stored(self) -> dict[str, Any]:
        """Return the point as the study stores it."""
        return {
            suggested.key(each, self.of_name(each.name)): suggested.stored(
                each, self.values[each.name]
            )
            for each in self.chosen
            if not isinstance(each, Fixed)
        }


def points(
    given: HyperParameters, declare: Callable[[HyperParameters], None]
) -> Iterator[dict[str, Any]]:
    """Yield every point of a grid, as the study stores it; the last value changes first.

    Args:
        given: declared in advance.
        declare: declares what a trial with the values of its argument would.
    """
    values: dict[str, Any] | None = {}
    while values is not None:
        point = Point(given, values)
        declare(point)
        yield point.stored()
        values = _next(point.chosen, point.values)


def _next(chosen: Sequence[HyperParameter], values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the values of the next point, up to the one that changes; None after the last."""
    for index in range(len(chosen) - 1, -1, -1):
        possible = [*chosen[index].values]
        place = possible.index(values[chosen[index].name])
        if place + 1 < len(possible):
            before = {each.name: values[each.name] for each in chosen[:index]}
            return {**before, chosen[index].name: possible[place + 1]}
    return None
