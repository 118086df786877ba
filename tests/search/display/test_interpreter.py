"""Python's own messages on our processes: no control character of a name reaches a terminal."""

import io
import logging
import sys
import threading
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studyhall.search.display import interpreter
from studyhall.spaces.spelling import visible

NAMES = st.text(
    st.one_of(
        st.characters(categories=["Cc", "Cf", "Lu"]), st.sampled_from("\x1b[]\x07\x9b\r\u202e")
    ),
    min_size=1,
    max_size=8,
)


@pytest.fixture
def literally(monkeypatch):
    """Installs the hooks for one test."""
    make = logging.getLogRecordFactory()
    for holder, name in (
        (sys, "excepthook"), (threading, "excepthook"), (warnings, "formatwarning"),
    ):  # fmt: skip
        monkeypatch.setattr(holder, name, getattr(holder, name))
    interpreter.print_literally()
    yield
    logging.setLogRecordFactory(make)


def is_visible(text):
    return visible(text, "\n\t") == text


def printed(act):
    with pytest.MonkeyPatch.context() as patch:
        file = io.StringIO()
        patch.setattr(sys, "stderr", file)
        act()
    return file.getvalue()


def test_tracebacks(literally):
    @given(NAMES)
    def check(name):
        try:
            raise RuntimeError(f"<{name}>")
        except RuntimeError as error:
            failed = error
        shown = printed(lambda: sys.excepthook(type(failed), failed, failed.__traceback__))
        assert is_visible(shown) and f"RuntimeError: <{visible(name, chr(10) + chr(9))}>" in shown

    check()


def test_tracebacks_of_threads(literally):
    def fail():
        raise RuntimeError("\x1b[31mred")

    def start():
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()

    shown = printed(start)
    assert is_visible(shown) and "RuntimeError: \\x1b[31mred" in shown


def test_warnings(literally):
    @given(NAMES)
    def check(name):
        shown = warnings.formatwarning(f"<{name}>", UserWarning, f"{name}.py", 1, "a = 1")
        assert is_visible(shown) and "UserWarning" in shown

    check()


@pytest.mark.parametrize("logger", ["studyhall", "optuna", "of.another.library"])
def test_log_records(literally, logger):
    file = io.StringIO()
    handler, log = logging.StreamHandler(file), logging.getLogger(logger)
    log.addHandler(handler)

    @given(NAMES)
    def check(name):
        log.warning("%s: %r, %s", name, 1, {name})
        try:
            raise RuntimeError(name)
        except RuntimeError:
            log.exception("failed\x1b[0m")
        log.warning("%d", name)  # what does not fit is shown as it is

    check()
    log.removeHandler(handler)
    assert is_visible(file.getvalue()) and "failed\\x1b[0m\nTraceback" in file.getvalue()


def test_a_message_of_a_log_is_otherwise_unchanged(literally, caplog):
    logging.getLogger("studyhall").warning("%d %% of %s\n\tdone", 7, "é")
    assert caplog.messages == ["7 % of é\n\tdone"]
