"""The table below a cell of a notebook."""

import io

import IPython.display
import pytest
from rich.console import Console

from studyhall.search.display import live
from studyhall.search.display.notebook import Cell, Text


class Handle:
    """The handle that IPython gives to replace an output."""

    def __init__(self):
        self.shown = []

    def update(self, text):
        self.shown.append(repr(text))


@pytest.fixture
def handle(monkeypatch):
    made = Handle()

    def display(text, display_id):
        made.update(text)
        return made

    monkeypatch.setattr(IPython.display, "display", display)
    return made


def test_the_table_is_replaced_when_it_changes(handle):
    console = Console(file=io.StringIO())
    with Cell(console, lambda status, note: f"{status} left{note}") as cell:
        for status in (2, 2, 1):
            cell.update(status, [])
        cell.say("a remark [bold]")
    assert handle.shown == ["starting …", "2 left", "1 left"]
    assert console.file.getvalue() == "a remark [bold]\n"


def test_markup_is_shown_as_it_is():
    assert Text("a < b\n[red]")._repr_html_() == "<pre>a &lt; b\n[red]</pre>"


def test_a_notebook_gets_it_unless_it_is_to_be_quiet():
    console = Console(file=io.StringIO(), force_jupyter=True)
    assert isinstance(live.view(console, "toy", quiet=False), Cell)
    assert not isinstance(live.view(console, "toy", quiet=True), Cell)
