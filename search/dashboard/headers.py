"""Security headers of responses, after OWASP's recommendations."""

from __future__ import annotations

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
FILE: Headers = [
    (
        "Content-Security-Policy",
        "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; "
        "style-src 'unsafe-inline'; frame-ancestors 'self'",
    ),
    ("X-Frame-Options", "SAMEORIGIN"),
]
PAGE_POLICY = "frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
FILES = "/artifacts/"
KEPT = "/static/"  # never changes while the service runs, so browsers may cache it


def guarded(path: str, headers: Iterable[tuple[str, str]]) -> Headers:
    """Return a response's headers with ours added and cross-origin access removed."""
    kept = [each for each in headers if each[0].lower() != "access-control-allow-origin"]
    if path.startswith(FILES):
        return [*_without(kept, "content-security-policy"), *ALWAYS, *FILE, _unkept()]
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


def _without(headers: Headers, name: str) -> Headers:
    return [each for each in headers if each[0].lower() != name]


def _unkept() -> tuple[str, str]:
    return ("Cache-Control", "private, no-cache")
