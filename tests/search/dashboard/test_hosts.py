"""The host names that are answered, and the pages from which a write is accepted."""

import socket

import pytest
from werkzeug.exceptions import BadRequest, Forbidden
from werkzeug.wrappers import Request

from studyhall.search.dashboard import hosts


def request(host, **headers):
    environ = {"HTTP_HOST": host, "SERVER_NAME": "x", "SERVER_PORT": "80", "REQUEST_METHOD": "POST"}
    named = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return Request({**environ, "wsgi.url_scheme": "http", **named})


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:80", "192.168.0.7", "LOCALHOST",
     socket.gethostname(), "studies.example.org", "studies.example.org:443"],
)  # fmt: skip
def test_our_names_and_any_address(host):
    hosts.check(request(host), hosts.names(["studies.example.org"]))


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8080", "a b"]
)
def test_a_name_that_somebody_has_rebound(host):
    with pytest.raises(Forbidden, match="unknown host name"):
        hosts.check(request(host), hosts.names())


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "same-origin", "origin": "http://localhost:8080"},
        {"sec_fetch_site": "none"},
        {"origin": "https://localhost:8080"},
    ],
)
def test_a_write_from_our_page_or_from_no_page(headers):
    hosts.check_origin(request("localhost:8080", **headers))


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "http://evil.example"},
        {"origin": "http://localhost:9090"},
        {"origin": "null"},
    ],
)
def test_a_write_from_elsewhere(headers):
    with pytest.raises(Forbidden, match="may not change anything here"):
        hosts.check_origin(request("localhost:8080", **headers))


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True),
     ("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("example.org", False)],
)  # fmt: skip
def test_loopback(host, expected):
    assert hosts.is_loopback(host) is expected


@pytest.mark.parametrize("host", ["[::1", "[", "a]b["])
def test_what_is_no_host_at_all(host):
    with pytest.raises((BadRequest, Forbidden)):
        hosts.check(request(host), hosts.names())
    with pytest.raises((BadRequest, Forbidden)):
        hosts.check_origin(request("localhost", origin=f"http://{host}"))
