"""Requests that the guard and the dashboard behind it would read differently are refused.

The guard reads a request with Werkzeug, optuna-dashboard with Bottle. Where they differ, one of
them checks another path or body than the other acts on: of a byte that isn't UTF-8, Werkzeug makes
a replacement character, and Bottle nothing.
"""

from __future__ import annotations

import json
import re
from typing import Any

from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.wrappers import Request

# No control characters, no backslash, no empty segment and none of dots alone.
PATH = re.compile(r"/|(/(?!\.{1,2}(/|$))[^/\\\x00-\x1f\x7f]+)+/?")
NUMBER = re.compile(r"/-?0*(\d+)(?=/|$)")
LARGEST_NUMBER = 2**31 - 1  # PostgreSQL's largest identifier
DEEPEST = 32  # levels of a body's JSON; the dashboard's own have three


def check_path(wsgi: dict[str, Any]) -> None:
    """Check that a request's path is one that all parsers read alike.

    Raises:
        BadRequest: it is not.
    """
    written = wsgi.get("PATH_INFO") or "/"
    try:
        path = written.encode("latin-1").decode("utf-8")
    except UnicodeError as error:
        raise BadRequest("the path is not valid UTF-8") from error
    if wsgi.get("SCRIPT_NAME") or not PATH.fullmatch(path):
        raise BadRequest(
            "the path contains empty or dotted segments, backslashes or control characters"
        )
    if any(len(digits) > 10 or int(digits) > LARGEST_NUMBER for digits in NUMBER.findall(path)):
        raise BadRequest(f"the path contains a number above {LARGEST_NUMBER}")


def check_body(request: Request, body: bytes) -> None:
    """Check that the body of a write is a JSON object, and said to be one.

    A form of another page can send text that is JSON, but never as ``application/json``.

    Raises:
        UnsupportedMediaType: it is said to be something else.
        BadRequest: it is no JSON object, or nested too deeply.
    """
    if not body:
        return
    if request.mimetype != "application/json":
        received = request.mimetype[:80] or "no content type"
        raise UnsupportedMediaType(f"received {received}, expected application/json")
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is not JSON") from error
    if not isinstance(said, dict) or _is_deeper(said, DEEPEST):
        raise BadRequest(f"the body is no JSON object of at most {DEEPEST} levels")


def _is_deeper(value: Any, levels: int) -> bool:
    """Return True if a JSON value is nested in more than so many levels."""
    if not isinstance(value, dict | list):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(part, levels - 1) for part in parts)
