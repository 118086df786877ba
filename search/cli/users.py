"""The commands that say who may log in to the dashboard: `users add`, `remove`, `list`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.dashboard import users
from studyhall.search.dashboard.users import Role
from studyhall.search.display.terminal import remark, say

app = typer.Typer(no_args_is_help=True, help="Say who may log in to the dashboard.")

File = Annotated[Path, typer.Option("--users", metavar="FILE", help="The users file.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="What the user logs in as.")]


@app.command("add")
def add(
    name: Name,
    file: File,
    role: Annotated[Role, typer.Option(help="What the user may do.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    token: Annotated[
        bool, typer.Option("--token", help="Make a bearer token, printed this once.")
    ] = False,
) -> None:
    """Add a user to the file, or give one another role and password."""
    if token:
        secret, new = users.add_token(file, name, role)
        print(secret)
    else:
        new = users.add(file, name, role, _password(password_stdin))
    remark(f"{name}: {role}, {'added' if new else 'changed'}")


@app.command("remove")
def remove(name: Name, file: File) -> None:
    """Remove a user from the file."""
    users.remove(file, name)
    remark(f"{name}: removed")


@app.command("list")
def show(file: File) -> None:
    """Show the users of the file."""
    for user in users.read(file).values():
        say(f"{user.name}: {user.role}, {'password' if user.password else 'token'}")


def _password(from_stdin: bool) -> str:
    """One line of standard input, or what is typed twice at the prompt."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return typed
