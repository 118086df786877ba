"""The host names that the service answers to, and the origins from which it accepts writes.

A page of another site can make a browser send requests here, with the login that the browser
remembers (CSRF). With DNS rebinding such a page resolves its own name to this machine's address and
can read the responses, too. So only known host names are answered. IP addresses are always
accepted: they can't be rebound.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from werkzeug.exceptions import BadRequest, Forbidden
from werkzeug.sansio.utils import host_is_trusted
from werkzeug.wrappers import Request


def names(given: Iterable[str] = ()) -> list[str]:
    """Return the host names of this machine and the given further ones, in lower case."""
    own = socket.gethostname().lower()
    return sorted({"localhost", own, own.partition(".")[0], *map(str.lower, given)} - {""})


def check(request: Request, known: list[str]) -> None:
    """Check that the request's host name is known or an IP address.

    Raises:
        Forbidden: the host name is unknown.
        BadRequest: it is none.
    """
    host = request.headers.get("Host", "").lower()
    name = _parsed(f"//{host}").hostname or ""
    if not is_address(name) and not _is_known(host, known):
        raise Forbidden(f"unknown host name {name!r}; to allow it, start with --allow-host {name}")


def _is_known(host: str, known: list[str]) -> bool:
    try:
        return host_is_trusted(host, known)
    except UnicodeError:  # of Werkzeug 3.1.5, for what can be no host name
        return False


def check_origin(request: Request) -> None:
    """Check that a write comes from our own page, or from a program that is no browser.

    Raises:
        Forbidden: another site's page sent it.
        BadRequest: the origin is none.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None and site not in ("same-origin", "none"):
        raise Forbidden("pages of other sites may not change anything here")
    if origin is not None and _parsed(origin).netloc != request.host:
        raise Forbidden(f"pages of {origin} may not change anything here")


def _parsed(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:  # such as [::1 without the closing bracket
        raise BadRequest(f"received {url[:80]!r}, expected a host name or address") from error


def is_loopback(host: str) -> bool:
    """Return True if the address can be reached from this machine only."""
    with contextlib.suppress(ValueError):
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    return False


def is_address(name: str) -> bool:
    """Return True for an IP address, False for a name."""
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(name))
    return False
