"""The types of a study file's keys: their bounds, and what a user is told to be expected."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from studyhall.search.study_file.limits import MOST, MOST_TIME
from studyhall.search.study_file.losses import LOSSES, METRICS

Positive = Annotated[float, Field(gt=0, le=MOST_TIME)]
Count = Annotated[int, Field(ge=1, le=MOST)]
CountOrZero = Annotated[int, Field(ge=0, le=MOST)]
Text = Annotated[str, Field(min_length=1)]
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
]
Pixels = Annotated[int, Field(ge=1, le=10_000)]
ImageSize = Annotated[
    tuple[Pixels, Pixels],
    Field(
        strict=False,
        json_schema_extra={"expected": "[height, width], whole numbers ≥ 1 and ≤ 10000"},
    ),
]
Loss = Annotated[
    str, Field(json_schema_extra={"expected": f"one of {', '.join(['auto', *LOSSES])}"})
]
Gpus = Annotated[
    Literal["all", "none"] | Annotated[list[CountOrZero | Text], Field(min_length=1)],
    Field(json_schema_extra={"expected": '"all", "none" or a list of GPU numbers'}),
]
Metrics = Annotated[
    Literal["auto"] | Annotated[list[str], Field(min_length=1)],
    Field(json_schema_extra={"expected": f'"auto" or some of {", ".join(METRICS)}'}),
]


Objective = Annotated[
    str | list[str],
    Field(json_schema_extra={"expected": "a name or a list of names, see docs/evaluation.md"}),
]


class Section(BaseModel):
    """The base of all tables: unknown keys and values of another type are mistakes.

    The string below each key is its meaning, which `search.study_file.reference` reads.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
    )
