"""Checks of the bodies of writes: optuna-dashboard trusts their types, and errs otherwise."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated, Any, Literal

import pydantic
from werkzeug.exceptions import BadRequest


def _data_uri(text: str) -> str:
    head, comma, content = text.partition(",")
    if not (head.startswith("data:") and comma):
        raise ValueError("expected data:TYPE;base64,CONTENT")
    try:
        base64.standard_b64decode(content)
    except (binascii.Error, ValueError) as error:
        raise ValueError("expected content in base64") from error
    return text


class Note(pydantic.BaseModel, strict=True):
    """A note, of which version."""

    body: str
    version: int


class Attachment(pydantic.BaseModel, strict=True):
    """A file, as text."""

    file: Annotated[str, pydantic.AfterValidator(_data_uri)]
    filename: str = ""


class Told(pydantic.BaseModel, strict=True):
    """The request that ends a trial."""

    state: str
    values: list[float] | None = None


class Created(pydantic.BaseModel, strict=True):
    """A new study."""

    study_name: str
    directions: list[Literal["minimize", "maximize", "MINIMIZE", "MAXIMIZE"]]


class Attributes(pydantic.BaseModel, strict=True):
    """User attributes of a trial."""

    user_attrs: dict[str, Any]


class Preference(pydantic.BaseModel, strict=True):
    """The trials that were shown, and the one that was chosen."""

    mode: str
    candidates: list[int]
    clicked: int


class Component(pydantic.BaseModel, strict=True):
    """The output of a trial that is shown."""

    output_type: str
    artifact_key: str | None = None


EXPECTED: dict[str, type[pydantic.BaseModel]] = {
    "/api/studies/<study>/note": Note,
    "/api/studies/<study>/<trial>/note": Note,
    "/api/artifacts/<study>": Attachment,
    "/api/artifacts/<study>/<trial>": Attachment,
    "/api/trials/<trial>/tell": Told,
    "/api/studies": Created,
    "/api/trials/<trial>/user-attrs": Attributes,
    "/api/studies/<study>/preference": Preference,
    "/api/studies/<study>/preference_feedback_component": Component,
}


def check(path: str, body: bytes) -> None:
    """Check what the body of a write holds.

    Args:
        path: the path of its route.
        body: JSON, or nothing.

    Raises:
        BadRequest: something is missing, or of another type; the message names the keys.
    """
    if path not in EXPECTED:
        return
    try:
        EXPECTED[path].model_validate(json.loads(body or b"{}"))
    except pydantic.ValidationError as error:
        said = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise BadRequest("; ".join(said)) from error
