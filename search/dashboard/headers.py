"""Security headers of responses, after OWASP's recommendations."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

Headers = list[tuple[str, str]]

ALWAYS: Headers = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
]
PAGE: Headers = [("X-Frame-Options", "DENY")]
# Uploaded files are shown in a sandbox: without scripts, forms, or an origin of their own.
SANDBOX = (
    "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; "
    "style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors "
)
FILES = "/artifacts/"  # these alone may stand in a frame of our page
PAGE_POLICY = "frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
KEPT = "/static/"  # never changes while the service runs, so browsers may cache it
# What the dashboard and the guard write themselves; everything else may be a file of a user's.
OURS = re.compile(
    r"/|/dashboard(/.*)?|/(api|static|csv)/.*|/favicon\.ico|/incompatible-rdb-schema/?"
    r"|/healthz|/metrics"
)
SHOWN = ("image/png", "image/jpeg", "image/gif", "image/webp", "audio/", "video/", "text/plain")


def guarded(path: str, headers: Iterable[tuple[str, str]]) -> Headers:
    """Return a response's headers with ours added and cross-origin access removed.

    A user's file is confined to a sandbox, and downloaded unless it is a picture, sound, film or
    plain text.
    """
    kept = [each for each in headers if each[0].lower() != "access-control-allow-origin"]
    if not OURS.fullmatch(path):
        return [*_as_file(kept), *ALWAYS, *_confined(path.startswith(FILES)), _unkept()]
    policies = [value for name, value in kept if name.lower() == "content-security-policy"]
    policy = "; ".join(
        [*policies, PAGE_POLICY] if policies else ["default-src 'none'", PAGE_POLICY]
    )
    kept = _without(kept, "content-security-policy")
    cache = [] if path.startswith(KEPT) else [_unkept()]
    return [*kept, *ALWAYS, *PAGE, *cache, ("Content-Security-Policy", policy)]


def starting(path: str, start_response: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a WSGI ``start_response`` so that it adds our headers."""

    def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
        return start_response(status, guarded(path, headers), exc_info)

    return start


def _as_file(headers: Headers) -> Headers:
    """Return a file's own headers; all but what is merely shown is downloaded."""
    kept = _without(headers, "content-security-policy")
    types = [value.lower() for name, value in kept if name.lower() == "content-type"]
    if all(kind.startswith(SHOWN) for kind in types):
        return kept
    return [*_without(kept, "content-disposition"), ("Content-Disposition", "attachment")]


def _confined(framed: bool) -> Headers:
    ancestors, frame = ("'self'", "SAMEORIGIN") if framed else ("'none'", "DENY")
    return [("Content-Security-Policy", SANDBOX + ancestors), ("X-Frame-Options", frame)]


def _without(headers: Headers, name: str) -> Headers:
    return [each for each in headers if each[0].lower() != name]


def _unkept() -> tuple[str, str]:
    return ("Cache-Control", "private, no-cache")
