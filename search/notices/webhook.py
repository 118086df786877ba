"""The delivery of notices: JSON by HTTP POST, signed so that the receiver can verify the sender.

The signature is the HMAC-SHA256 (RFC 2104) of the time stamp, a dot and the body. The receiver is
not trusted: it can neither lead a notice elsewhere nor hold the sender up.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import socket
import threading
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.studies.notices import Notice

TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Webhook:
    """The receiver of notices.

    Attributes:
        url: an http or https URL; it may contain a secret, so it is never shown.
        secret: the key of the signatures; if empty, notices are not signed.
        timeout_s: seconds after which an answer that is not complete counts as none.
    """

    url: str
    secret: str = ""
    timeout_s: float = TIMEOUT_S

    def send(self, notice: Notice) -> bool:
        """Send a notice; return True if the receiver itself accepted it, in time."""
        body = json.dumps({"id": notice.key, "at": notice.at, **notice.said}).encode()
        request = urllib.request.Request(self.url, body, self._headers(notice, body))
        until = time.monotonic() + self.timeout_s
        try:
            with _OPENER.open(request, timeout=self.timeout_s) as answer:
                # An answer that was cut off at the timeout looks like a complete one.
                return bool(200 <= answer.status < 300) and time.monotonic() < until
        except (OSError, ValueError, HTTPException):
            return False

    def _headers(self, notice: Notice, body: bytes) -> dict[str, str]:
        stamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "studyhall",
            "X-Studyhall-Delivery": notice.key,
            "X-Studyhall-Timestamp": stamp,
        }
        if self.secret:
            headers["X-Studyhall-Signature"] = f"sha256={signature(self.secret, stamp, body)}"
        return headers


class _Timed(HTTPConnection):
    """A connection that ends after its timeout, even if something arrives all the time."""

    def connect(self) -> None:
        super().connect()
        # Another descriptor of the connection: with TLS, that of this socket changes hands.
        timer = threading.Timer(self.timeout or TIMEOUT_S, _end, [self.sock.dup()])
        timer.daemon = True
        timer.start()


class _TimedTls(HTTPSConnection, _Timed):
    pass


def _end(connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Http(urllib.request.HTTPHandler):
    def http_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_Timed, request)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_TimedTls, request)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect, which could lead a signed notice to any address of this network."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_Http, _Https, _Stay)


def signature(secret: str, stamp: str, body: bytes) -> str:
    """Return the signature of a notice, in hexadecimal."""
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


def chosen(environment: Mapping[str, str] = os.environ) -> Webhook | None:
    """Return the webhook of the environment; None if it names none.

    Raises:
        ConfigError: the URL is not http or https, or the file of the secret is empty or can't be
            read.
    """
    url = environment.get("STUDYHALL_WEBHOOK")
    if not url:
        return None
    if urlsplit(url).scheme not in ("http", "https"):
        raise ConfigError(["STUDYHALL_WEBHOOK: received another scheme, expected http or https"])
    return Webhook(url, _secret(environment))


def _secret(environment: Mapping[str, str]) -> str:
    file = environment.get("STUDYHALL_WEBHOOK_SECRET_FILE")
    if not file:
        return environment.get("STUDYHALL_WEBHOOK_SECRET", "")
    try:
        secret = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        received = f"{file} ({getattr(error, 'strerror', None) or 'not UTF-8'})"
        raise ConfigError(
            [f"STUDYHALL_WEBHOOK_SECRET_FILE: received {received}, expected a file"]
        ) from error
    if not secret:
        received = f"{file}, which is empty"
        raise ConfigError(
            [f"STUDYHALL_WEBHOOK_SECRET_FILE: received {received}, expected a secret in it"]
        )
    return secret
