"""The commands of the command line, as Click objects that parse what a page types."""

import typer

from studyhall.search.cli import app, command_list

SHOWN = {name: app.imported(name) for name in command_list.SHOWN}
GROUPS = {name: group for name, group in SHOWN.items() if isinstance(group, typer.core.TyperGroup)}
ALL = {name: command for name, command in SHOWN.items() if name not in GROUPS} | {
    f"{name} {inner}": command
    for name, group in GROUPS.items()
    for inner, command in group.commands.items()
}


def split(words: list[str]) -> tuple[str, list[str]]:
    """A command, of which `users add` is one, and the words after it."""
    count = 2 if words[0] in GROUPS else 1
    return " ".join(words[:count]), words[count:]


def understood(words: list[str]) -> str:
    """Parse a command's words, which raises for an unknown or a wrong option; return its name."""
    name, arguments = split(words)
    ALL[name].make_context(name, arguments)
    return name
