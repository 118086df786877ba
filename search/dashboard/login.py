"""The login by HTTP Basic or bearer token, checked against the users file.

After too many failed logins a client has to wait, longer each time: one that tries one name, one
that tries many names, and whoever tries one name from many addresses. A password that was right
before is not made to wait, so that nobody can lock another out.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import math
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from werkzeug.datastructures import Authorization, WWWAuthenticate
from werkzeug.exceptions import ServiceUnavailable, TooManyRequests, Unauthorized
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.wrappers import Request

from studyhall.search.dashboard import users
from studyhall.search.dashboard.users import Role, User
from studyhall.search.study_file.config_error import ConfigError

FREE = 4  # failed logins in a row without a wait, of one address with one name
FREE_OF_ADDRESS = 20  # of one address, whatever the name
FREE_OF_NAME = 50  # of one name, from wherever
HASHES = 2  # passwords whose slow check may go on at a time: each takes 32 MiB and a processor
HASH_WAIT_S = 5.0  # for a turn
LONGEST_NAME = 200  # characters; longer ones are nobody's
LONGEST_S = 300.0  # the longest wait
FORGOTTEN_S = 3600.0  # after which failed logins are forgotten
MOST = 10_000  # clients whose failed logins are remembered
REALM = "studyhall"
REMEMBERED = 1000  # correct passwords whose slow check (scrypt) is not repeated


class Tries:
    """The failed logins in a row of each client."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, who: str, free: int = FREE) -> float:
        """Return the seconds until a client may log in again: 1, 2, 4 … 300 after a failure.

        Args:
            who: the client.
            free: failures without a wait.
        """
        with self._lock:
            count, last = self._wrong.get(who, (0, 0.0))
        since_s = self._clock() - last
        if count <= free or since_s > FORGOTTEN_S:
            return 0.0
        return max(0.0, min(2.0 ** min(count - free - 1, 10), LONGEST_S) - since_s)

    def wrong(self, who: str) -> None:
        """Record a failed login."""
        now = self._clock()
        with self._lock:
            count, last = self._wrong.pop(who, (0, now))
            self._wrong[who] = (count + 1 if now - last <= FORGOTTEN_S else 1, now)
            if len(self._wrong) > MOST:
                self._wrong.popitem(last=False)

    def right(self, who: str) -> None:
        """Forget the failed logins of a client after a correct one."""
        with self._lock:
            self._wrong.pop(who, None)


@dataclass(frozen=True)
class Visitor:
    """The user who sent a request."""

    name: str
    role: Role


class Login:
    """The login against a users file; changes of the file take effect at the next request.

    Nobody logs in while the file can't be used: gone, damaged, or readable by other accounts.

    Args:
        path: the users file.
        proxies: addresses of proxies that are trusted to name the client's address.
        remark: called with a line, once, when the file has become unusable.

    Raises:
        ConfigError: the file can't be used.
    """

    def __init__(
        self,
        path: Path,
        proxies: Iterable[str] = (),
        remark: Callable[[str], object] = lambda line: None,
    ) -> None:
        self._path = path
        self._proxies = frozenset(proxies)
        self._hashing = threading.BoundedSemaphore(HASHES)
        self._lock = threading.Lock()
        self._remark = remark
        self._users = users.read(path)
        self._stamp = _stamp(path)
        self._unusable = False
        self._right: set[bytes] = set()
        self._key = secrets.token_bytes(32)
        # Checked for unknown names, so that the time of a response doesn't reveal which exist.
        self._nobody = generate_password_hash(secrets.token_urlsafe())
        self._tries = Tries()

    def visitor(self, request: Request) -> Visitor:
        """Return the user who sent the request.

        Raises:
            ServiceUnavailable: the users file can't be used.
            Unauthorized: there is no login, or it is wrong.
            TooManyRequests: there were too many failed logins.
        """
        self._refresh()
        given = request.authorization
        if given is None:
            raise _unauthorized("log in")
        user = self._remembered(given) or self._checked(request, given)
        return Visitor(user.name, user.role)

    def _checked(self, request: Request, given: Authorization) -> User:
        """Return the user of a login that has not been right before; make too many wrong ones wait.

        Raises:
            Unauthorized, TooManyRequests: as `visitor`.
        """
        limits = self._limits(request, given)
        wait_s = max(self._tries.wait_s(who, free) for who, free in limits.items())
        if wait_s > 0:
            raise TooManyRequests("too many failed logins", retry_after=math.ceil(wait_s))
        user = self._known(given)
        if user is None:
            for who in limits:
                self._tries.wrong(who)
            raise _unauthorized("wrong name, password or token")
        self._tries.right(next(iter(limits)))
        return user

    def address(self, request: Request) -> str:
        """Return the client's address; from a trusted proxy, the one that this saw."""
        seen = [request.remote_addr or "", *reversed(request.access_route)]
        return next((each for each in seen if each not in self._proxies), seen[0])

    def _limits(self, request: Request, given: Authorization) -> dict[str, int]:
        """Return how many failures are free, by what they are counted for: first the client."""
        address = self.address(request)
        if given.type != "basic":  # tokens are too long to be guessed, and cost nothing to check
            return {f"token {address}": FREE_OF_ADDRESS}
        name = (given.username or "")[:LONGEST_NAME]
        return {
            f"{address} {name}": FREE,
            f"address {address}": FREE_OF_ADDRESS,
            f"name {name}": FREE_OF_NAME,
        }

    def _remembered(self, given: Authorization) -> User | None:
        """Return the user whose very name and password were right before, and still are.

        Browsers send the password with every request.
        """
        user = self._refresh().get(given.username or "") if given.type == "basic" else None
        if user is None or user.password is None:
            return None
        return user if self._mark(user.password, given.password or "") in self._right else None

    def _known(self, given: Authorization) -> User | None:
        known = self._refresh()
        if given.type == "basic":
            user = known.get(given.username or "")
            hashed = user.password if user is not None else None
            right = self._is_right(hashed or self._nobody, given.password or "")
            return user if right and hashed is not None else None
        mark = users.fingerprint(given.token or "")
        same = (user for user in known.values() if hmac.compare_digest(user.token or "", mark))
        return next(same, None)

    def _is_right(self, hashed: str, password: str) -> bool:
        """Return True if it is the hashed password; remember those, by a keyed hash."""
        with self._turn():
            right = check_password_hash(hashed, password)
        if not right:
            return False
        if len(self._right) >= REMEMBERED:
            self._right.clear()
        self._right.add(self._mark(hashed, password))
        return True

    def _mark(self, hashed: str, password: str) -> bytes:
        pair = hashed.encode() + b"\0" + password.encode(errors="surrogatepass")
        return hashlib.blake2b(pair, key=self._key).digest()

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until one of the few slow checks that go on at a time may begin.

        Raises:
            TooManyRequests: too many wait already.
        """
        if not self._hashing.acquire(timeout=HASH_WAIT_S):
            raise TooManyRequests("too many logins at once", retry_after=math.ceil(HASH_WAIT_S))
        try:
            yield
        finally:
            self._hashing.release()

    def _refresh(self) -> dict[str, User]:
        """Return the current users of the file.

        Raises:
            ServiceUnavailable: the file has become unusable.
        """
        with self._lock:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._stamp, self._unusable = stamp, True
                try:
                    self._users, self._unusable = users.read(self._path), False
                except ConfigError as error:
                    self._remark(f"nobody can log in: {error.problems[0]}")
            if self._unusable:
                raise ServiceUnavailable("nobody can log in: the users file can't be used")
            return self._users


def _stamp(path: Path) -> tuple[int, ...] | None:
    """Return what changes with a file's content, mode or owner; None if it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ctime_ns, found.st_mtime_ns, found.st_ino, found.st_mode


def _unauthorized(why: str) -> Unauthorized:
    basic = WWWAuthenticate("basic", {"realm": REALM, "charset": "UTF-8"})
    return Unauthorized(why, www_authenticate=[basic, WWWAuthenticate("bearer", {"realm": REALM})])
