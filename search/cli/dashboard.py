"""The commands `dashboard` and `users add`, `users remove`, `users list`."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.cli.options import Storage
from studyhall.search.dashboard import users
from studyhall.search.dashboard.users import Role
from studyhall.search.display.terminal import remark, say
from studyhall.search.process import quiet
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url

users_app = typer.Typer(no_args_is_help=True, help="Manage who may log in to the dashboard.")

UsersFile = Annotated[Path, typer.Option("--users", metavar="FILE", help="The users file.")]
UserName = Annotated[str, typer.Argument(metavar="NAME", help="The user's login name.")]


def dashboard(
    storage: Storage = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free port.")
    ] = 8080,
    users_file: Annotated[
        Path | None,
        typer.Option(
            "--users", metavar="FILE", help="The users file: who may log in, and with which role."
        ),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", envvar="STUDYHALL_READ_ONLY", help="Refuse all changes.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            envvar="STUDYHALL_ALLOW_HOST",
            help="Another host name to answer to, such as a proxy's; may be repeated.",
        ),
    ] = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            envvar="STUDYHALL_PROXY",
            help="Address of a proxy that is trusted to name the clients'; may be repeated.",
        ),
    ] = None,
    audit: Annotated[
        Path, typer.Option(metavar="FILE", help="The audit log, which records every change.")
    ] = Path("studyhall-audit.jsonl"),
) -> None:
    """Serve optuna-dashboard for every study of the database."""
    from studyhall.search.dashboard import server  # slow to import; --help doesn't need it

    quiet.hush_optuna()
    access = server.Access(users_file, read_only, allow_host or (), audit, proxy or ())
    with closing(Database.open(storage or default_url())) as db:
        server.serve(
            db,
            host,
            port,
            access,
            started=lambda url: say(url, "press Ctrl-C to stop"),
            remark=remark,
        )


@users_app.command("add")
def add_user(
    name: UserName,
    file: UsersFile,
    role: Annotated[Role, typer.Option(help="What the user may do.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    token: Annotated[
        bool,
        typer.Option("--token", help="Create a bearer token instead; it is printed only once."),
    ] = False,
) -> None:
    """Add a user to the file, or change a user's role and password."""
    if token:
        secret, new = users.add_token(file, name, role)
        print(secret)
    else:
        new = users.add(file, name, role, _password(password_stdin))
    remark(f"{name}: {role}, {'added' if new else 'changed'}")


@users_app.command("remove")
def remove_user(name: UserName, file: UsersFile) -> None:
    """Remove a user from the file."""
    users.remove(file, name)
    remark(f"{name}: removed")


@users_app.command("list")
def show_users(file: UsersFile) -> None:
    """Show the users of the file."""
    for user in users.read(file).values():
        say(f"{user.name}: {user.role}, {'password' if user.password else 'token'}")


def _password(from_stdin: bool) -> str:
    """Read the password: a line of standard input, or typed twice at the prompt."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return typed
