"""The types of values in a study file: their bounds, and the checks of what is written.

A check returns the value unchanged, or raises a ValueError that says what is expected.
"""

from __future__ import annotations

import importlib.util
import math
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from studyhall.search.study_file import paths
from studyhall.search.study_file.limits import MOST, MOST_TIME
from studyhall.spaces import applications, hyperparameters, spelling

USER_FAMILY = re.compile(r".+\.py:[A-Za-z_]\w*")
HANDED_FAMILY = re.compile(r"python:\w+")  # a function that only a Python program has
LOCAL = "local"
WORKPLACES = '"local", "ray", or an address of a Ray cluster: ray://host:10001 or host:6379'
TRACKING = ("http", "https", "sqlite", "postgresql", "mysql", "databricks")
COLUMN_KINDS = (
    *("number", "decimal comma", "category", "date", "boolean", "text"),
    *("keep", "drop"),  # whatever kind it seems to be
)
DRIVERS = ("sqlite", "postgresql", "postgresql+psycopg")


def _workplace(on: str) -> str:
    if not re.fullmatch(r"local|ray|ray://[^\s/]+:\d+|[^\s/:]+:\d+", on):
        raise ValueError(WORKPLACES)
    return on


def _database(url: str) -> str:
    if not _readable(url):
        raise ValueError("sqlite:///file.db or postgresql://user@host/database")
    return url


def _readable(url: str) -> bool:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):
        return False
    return url.isprintable() and parts.drivername in DRIVERS and bool(parts.database)


def _source(source: str) -> str:
    """Check a path, a name, or the URL of a database, which has no password."""
    if not re.match(r"[\w+]+://", source):
        return paths.check(source)
    if not _readable(source):
        raise ValueError("sqlite:///file.db or postgresql://user@host/database")
    from sqlalchemy.engine import make_url

    parts = make_url(source)
    if parts.database == ":memory:":
        raise ValueError("a file: a database in memory is empty")
    if parts.password or parts.query.get("password"):
        raise ValueError("a URL without a password, which $PGPASSWORD or ~/.pgpass may hold")
    return source


def _tracking_uri(uri: str) -> str:
    try:
        parts = urlsplit(uri)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in TRACKING:
        raise ValueError("a URI such as http://host:5000 or sqlite:///mlflow.db")
    if parts.password:
        raise ValueError("a URI without a password, which $MLFLOW_TRACKING_PASSWORD may hold")
    return uri


def check_artifact_place(place: str) -> str:
    """Return a folder or bucket for artifacts.

    Raises:
        ValueError: it is neither; the message says what is expected.
    """
    paths.check(place)
    if "://" in place and not re.match(r"s3://[^/]+", place):
        raise ValueError("a folder, relative or absolute, or s3://bucket/prefix")
    return place


def _whole(split: tuple[float, float, float]) -> tuple[float, float, float]:
    if not math.isclose(sum(split), 1, abs_tol=1e-6):
        raise ValueError(f"three fractions that sum to 1; these sum to {sum(split):g}")
    return split


def _builder(family: str) -> str:
    if applications.is_named(family):
        applications.read(family)
        return family
    paths.check(family)
    known = hyperparameters.BUILT_IN_FAMILIES
    own = USER_FAMILY.fullmatch(family) or HANDED_FAMILY.fullmatch(family)
    if family not in known and not own:
        raise ValueError(spelling.one_of(family, [*known, "keras:ResNet50", "my_model.py:build"]))
    return family


def _weights(named: str) -> str:
    paths.check(named)
    if named not in ("none", "imagenet") and not named.endswith(".h5"):
        raise ValueError('"imagenet", "none" or a file that ends in .weights.h5 or .h5')
    return named


def _column_kinds(kinds: dict[str, str]) -> dict[str, str]:
    for name, kind in kinds.items():
        if kind not in COLUMN_KINDS and not kind.startswith("date:%"):
            known = spelling.one_of(kind, [*COLUMN_KINDS, "date:%d.%m.%Y"])
            raise ValueError(f"for {name} {known}")
    return kinds


def _installed(sampler: str) -> str:
    if sampler == "gp" and importlib.util.find_spec("torch") is None:
        raise ValueError("another sampler, or torch installed (pip install torch)")
    return sampler


Positive = Annotated[float, Field(gt=0, le=MOST_TIME)]
Count = Annotated[int, Field(ge=1, le=MOST)]
CountOrZero = Annotated[int, Field(ge=0, le=MOST)]
Text = Annotated[str, Field(min_length=1)]
ColumnKinds = Annotated[
    dict[str, str],
    Field(json_schema_extra={"expected": 'a table such as { age = "number", id = "drop" }'}),
    AfterValidator(_column_kinds),
]
Source = Annotated[Text, AfterValidator(_source)]
ArtifactPlace = Annotated[Text, AfterValidator(check_artifact_place)]
DatabaseUrl = Annotated[str, AfterValidator(_database)]
TrackingUri = Annotated[
    str,
    Field(json_schema_extra={"expected": "http://host:5000 or sqlite:///mlflow.db"}),
    AfterValidator(_tracking_uri),
]
Family = Annotated[str, AfterValidator(_builder)]
Sampler = Annotated[
    Literal["auto", "tpe", "gp", "cmaes", "nsgaii", "random", "grid", "qmc"],
    AfterValidator(_installed),
]
Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        json_schema_extra={"expected": "at most 100 letters, digits, dots, - and _"},
    ),
]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Split = Annotated[
    tuple[Fraction, Fraction, Fraction],
    Field(strict=False, json_schema_extra={"expected": "three numbers > 0 that sum to 1"}),
    AfterValidator(_whole),
]
Pixels = Annotated[int, Field(ge=1, le=10_000)]
ImageSize = Annotated[
    tuple[Pixels, Pixels],
    Field(
        strict=False,
        json_schema_extra={"expected": "[height, width], whole numbers ≥ 1 and ≤ 10000"},
    ),
]
Colour = Annotated[
    str,
    Field(
        pattern=r"^(white|black|grey|#[0-9a-fA-F]{6})$",
        json_schema_extra={"expected": "white, black, grey, or #rrggbb"},
    ),
]
Weights = Annotated[
    str,
    Field(json_schema_extra={"expected": "imagenet, none or my.weights.h5"}),
    AfterValidator(_weights),
]
Gpus = Annotated[
    Literal["all", "none"] | Annotated[list[CountOrZero | Text], Field(min_length=1)],
    Field(json_schema_extra={"expected": '"all", "none" or a list of GPU numbers'}),
]
Workplace = Annotated[
    str, Field(json_schema_extra={"expected": WORKPLACES}), AfterValidator(_workplace)
]
