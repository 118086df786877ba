"""Sources from `sklearn.datasets`, such as `sklearn:digits` and `sklearn:blobs(centers=3)`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn import datasets

from studyhall.search.data.arrays import Arrays


@dataclass(frozen=True)
class Bundled:
    """A scikit-learn data set: its loader, permitted arguments, and defaults for some of them."""

    load: Callable[..., Any]
    arguments: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)


# Generated data don't depend on the study's seed, only on their own `random_state`.
SETS = {
    "digits": Bundled(datasets.load_digits, ("n_class",)),
    "iris": Bundled(datasets.load_iris),
    "wine": Bundled(datasets.load_wine),
    "breast_cancer": Bundled(datasets.load_breast_cancer),
    "diabetes": Bundled(datasets.load_diabetes, ("scaled",)),
    "blobs": Bundled(
        datasets.make_blobs,
        ("n_samples", "n_features", "centers", "cluster_std", "center_box", "random_state"),
        {"n_samples": 1000, "centers": 3, "random_state": 0},
    ),
    "moons": Bundled(
        datasets.make_moons,
        ("n_samples", "noise", "random_state"),
        {"n_samples": 1000, "noise": 0.2, "random_state": 0},
    ),
}


def read(name: str, arguments: Mapping[str, Any]) -> Arrays:
    """Load one of `SETS`; digits as images (N, 8, 8, 1).

    Raises:
        ValueError: scikit-learn refuses an argument's value.
    """
    bundled = SETS[name]
    found = bundled.load(**{**bundled.defaults, **arguments})
    if isinstance(found, tuple):
        return Arrays(found[0].astype(np.float32), found[1])
    if name == "digits":
        images = found.images.astype(np.float32)[..., np.newaxis]
        return Arrays(images, found.target, classes=_names(found))
    x = found.data.astype(np.float32)
    return Arrays(x, found.target, classes=_names(found), columns=tuple(found.feature_names))


def _names(bunch: Any) -> tuple[str, ...]:
    return tuple(str(name) for name in bunch.get("target_names", ()))
