"""The delivery of notices: JSON by HTTP POST, signed so that the receiver can verify the sender.

The signature is the HMAC-SHA256 (RFC 2104) of the time stamp, a dot and the body.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
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
    """

    url: str
    secret: str = ""

    def send(self, notice: Notice) -> bool:
        """Send a notice; return True if the receiver accepted it."""
        body = json.dumps({"id": notice.key, "at": notice.at, **notice.said}).encode()
        request = urllib.request.Request(self.url, body, self._headers(notice, body))
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                return bool(200 <= answer.status < 300)
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


def signature(secret: str, stamp: str, body: bytes) -> str:
    """Return the signature of a notice, in hexadecimal."""
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


def chosen(environment: Mapping[str, str] = os.environ) -> Webhook | None:
    """Return the webhook of the environment; None if it names none.

    Raises:
        ConfigError: the URL is not http or https, or the file of the secret can't be read.
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
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        received = f"{file} ({error.strerror})"
        raise ConfigError(
            [f"STUDYHALL_WEBHOOK_SECRET_FILE: received {received}, expected a file"]
        ) from error
