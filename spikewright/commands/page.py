"""The page docs/commands.md, drawn from the command line itself.

Renewed by ``python -m spikewright.commands.page > docs/commands.md``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from spikewright.cli import app
from spikewright.commands.command import EXIT_STATUS
from spikewright.flow.keys import keys

HEAD = """# Commands

Every command has `--help`. What a command finds goes to standard output, how far it is to standard error: a bar or the
phase and the time gone on a terminal, lines elsewhere. This page is drawn:
`python -m spikewright.commands.page > docs/commands.md`.

## For scripts

`--quiet` prints nothing but errors. `--json` prints one JSON document to standard output instead of text; its keys
stand below each command. Where a command ends with status 1, the document has the key `error` with the sentence that
standard error has too, and beside it what was found, if anything was: `compare --json` of a wrong accelerator still
holds its report. Wrong usage (status 2) prints no document. Names that are no Unicode come as escapes.

| Status | Meaning |
|---|---|
"""
COMPLETION = """
## Completion

`spikewright --install-completion` teaches the shell that runs it (bash, zsh, fish) the commands, their options, the
boards and the examples; `spikewright --show-completion` prints what it would add.
"""


def page() -> str:
    """The page as Markdown."""
    statuses = "".join(f"| {status} | {meaning} |\n" for status, meaning in EXIT_STATUS.items())
    return "".join([HEAD, statuses, COMPLETION, *(_command(name, each) for name, each in _commands())])


def _commands() -> Iterator[tuple[str, Any]]:
    yield from typer.main.get_command(app).commands.items()  # type: ignore[attr-defined]


def _command(name: str, command: Any) -> str:
    doc = inspect.getdoc(command.callback) or ""
    options = "".join(f"| `{_names(option)}` | {option.help} |\n" for option in command.params if option.help)
    answers = "".join(f"| `{key}` | {meaning} |\n" for key, meaning in keys(_answers(name)))
    return (
        f"\n## spikewright {name}\n\n{_shown(doc)}\n\n| Argument or option | Meaning |\n|---|---|\n{options}\n"
        f"| Key of `--json` | Meaning |\n|---|---|\n{answers}"
    )


def _answers(name: str) -> Any:
    """The model of what a command prints with --json."""
    callbacks: list[Any] = [info.callback for info in app.registered_commands]
    return next(callback.answers for callback in callbacks if callback.__name__ == name)


def _names(option: Any) -> str:
    if option.param_type_name == "argument":
        return str(option.name).upper()
    return ", ".join([*option.opts, *option.secondary_opts])


def _shown(doc: str) -> str:
    """A docstring with its example as code."""
    text, _, example = doc.partition("Example: ")
    return f"{text.strip()}\n\n```\n{example.strip()}\n```" if example else text.strip()


if __name__ == "__main__":
    print(page(), end="")
