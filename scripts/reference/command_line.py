"""The page of the command line: every command with its arguments and options."""

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from emobridge import cli
from emobridge.server.settings import TOLD

from .markdown import Docstring, markdown, table

SETTINGS = {"serve": frozenset(TOLD)}  # options that stand on the page of the service


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    program: Any = typer.main.get_command(cli.app)
    context = typer.Context(program, info_name="emobridge")
    commands = {name: program.get_command(context, name) for name in program.list_commands(context)}
    yield from ("# Command line", "", Docstring.of(cli).text.partition("\n\n")[2], "")
    rows = [(f"[`{name}`](#emobridge-{name})", first(command.help)) for name, command in commands.items()]
    yield from table(("command", "what it does"), rows)
    for name, command in commands.items():
        yield from command_lines(name, command, typer.Context(command, info_name=name, parent=context))


def command_lines(name: str, command: Any, context: typer.Context) -> Iterator[str]:
    """Yield the usage, the help, the arguments and the options of a command."""
    usage = " ".join(command.collect_usage_pieces(context))
    yield from (f"## `emobridge {name}`", "", "```text", f"emobridge {name} {usage}", "```", "")
    yield from (markdown(inspect.cleandoc(command.help or "")), "")
    elsewhere = SETTINGS.get(name, frozenset())
    shown = [one for one in command.params if one.name not in elsewhere and not one.hidden]
    arguments = [one for one in shown if one.param_type_name == "argument"]
    yield from table(
        ("argument", "what it is"), [(f"`{one.make_metavar(context)}`", one.help or "") for one in arguments]
    )
    options = [one for one in shown if one.param_type_name == "option" and one.name != "help"]
    yield from table(("option", "what it is"), [(f"`{spelled(one)}`", described(one)) for one in options])
    if elsewhere:
        yield from ("Each [setting of the service](service.md#settings) is an option as well.", "")


def spelled(option: Any) -> str:
    """Return an option with the name of its value."""
    names = " / ".join((*option.opts, *option.secondary_opts))
    kinds = {"integer range": "N", "integer": "N", "float": "NUMBER", "float range": "NUMBER", "path": "PATH"}
    value = option.metavar or kinds.get(option.type.name, "TEXT")
    return names if option.is_flag else f"{names} {value}"


def described(option: Any) -> str:
    """Return the help of an option, with its default where the help does not say it."""
    text = option.help or ""
    if option.required:
        return f"{text} Required."
    if option.is_flag or option.default in (None, (), []) or "efault" in text:
        return text
    return f"{text} Default: {option.default}."


def first(text: str | None) -> str:
    """Return the first paragraph of a help, on one line."""
    return " ".join((text or "").partition("\n\n")[0].split())
