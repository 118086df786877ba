"""Which names the service answers to, and from which pages it takes a write.

A page elsewhere can make a browser send requests here, with the login that the browser remembers.
DNS rebinding gives such a page this machine's address under its own name, so that what is read
comes back to it, too: only names that are ours are answered. An address instead of a name can't
be rebound.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from werkzeug.exceptions import Forbidden
from werkzeug.sansio.utils import host_is_trusted
from werkzeug.wrappers import Request


def names(given: Iterable[str] = ()) -> list[str]:
    """The names of this machine, and those that somebody has given it."""
    own = socket.gethostname().lower()
    return sorted({"localhost", own, own.partition(".")[0], *map(str.lower, given)} - {""})


def check(request: Request, known: list[str]) -> None:
    """See that the request was meant for us.

    Raises:
        Forbidden: it was sent to a name that is not ours.
    """
    host = request.headers.get("Host", "").lower()
    name = urlsplit(f"//{host}").hostname or ""
    if not is_address(name) and not host_is_trusted(host, known):
        raise Forbidden(f"unknown host name {name!r}; if it is ours: --allow-host {name}")


def check_origin(request: Request) -> None:
    """See that a write comes from our own page, or from no page at all.

    Raises:
        Forbidden: another site's page has sent it.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None and site not in ("same-origin", "none"):
        raise Forbidden("a page of another site may not write here")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise Forbidden(f"a page of {origin} may not write here")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    with contextlib.suppress(ValueError):
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    return False


def is_address(name: str) -> bool:
    """Whether it is an IP address, not a name."""
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(name))
    return False
