"""Functions that a program hands to the processes it starts."""

import os
import subprocess
import sys
import types

import pytest

from studyhall.search.process import handover, offer

CHILD = """
from studyhall.search.process import handover
function = handover.fetched("python:add")
print(function(2), handover.fingerprint("python:add"), function.__module__)
"""
CELL = """
amount = 3
def more(number):
    return number + amount
def add(number):
    return more(number)
"""


@pytest.fixture(autouse=True)
def _nothing_held(monkeypatch):
    monkeypatch.setattr(handover, "_held", {})


def cell(code=CELL):
    """A function of a cell, which no other process can import."""
    module = types.ModuleType("__main__")
    exec(code, vars(module))
    return module.add


def child():
    return subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True)


def test_a_child_gets_the_function_with_what_it_refers_to():
    with handover.offered({"python:add": cell()}, "toy"):
        answers = [child() for _ in range(2)]
        mark = handover.fingerprint("python:add")
    assert [each.stdout.split() for each in answers] == [["5", mark, "__main__"]] * 2


def test_behind_the_block_nothing_is_left():
    with handover.offered({"python:add": cell()}, "toy"):
        place = os.environ[offer.SOCKET]
        assert oct(os.stat(os.path.dirname(place)).st_mode)[-3:] == "700"
    assert offer.SOCKET not in os.environ and not os.path.exists(os.path.dirname(place))
    answer = child()
    assert answer.returncode == 1 and "run it again to continue the study" in answer.stderr


def test_the_fingerprint_covers_the_functions_that_it_calls():
    def mark(code):
        function = cell(code)
        handover.hold({"python:add": function})
        return handover.fingerprint("python:add")

    assert mark(CELL) == mark(CELL)
    assert mark(CELL) != mark(CELL.replace("number + amount", "number * amount"))


def test_any_callable_has_a_family():
    assert handover.family(lambda hp: None) == "python:lambda"
    assert handover.family(cell()) == "python:add"
    assert handover.is_handed("python:add") and not handover.is_handed("my_model.py:add")


def test_a_socket_in_a_folder_of_others_is_not_trusted():
    with handover.offered({"python:add": cell()}, "toy"):
        os.chmod(os.path.dirname(os.environ[offer.SOCKET]), 0o755)
        assert child().returncode == 1
