"""What makes a function a command: --json and --quiet, and errors that are one sentence."""

from __future__ import annotations

import errno
import functools
import inspect
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel, ConfigDict
from rich.text import Text

from spikewright.commands.common import UserError, err, errors, out
from spikewright.echo import LONGEST, printable, short
from spikewright.errors import PlainError

#: Bytes of the longest path that a system takes.
LONGEST_PATH = 4096
#: Status → what it says; wrong usage is Click's.
EXIT_STATUS = {
    0: "Done, and what was compared is equal.",
    1: "Refused, failed, not bit-exact, or stopped by a signal: one sentence on standard error says why.",
    2: "Wrong usage: an unknown command or option, or one without its value; nothing was begun.",
}

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.", show_default=False)]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.", show_default=False)]
_OPTIONS = {"quiet": _Quiet, "json": _Json}

AnyAnswer = TypeVar("AnyAnswer", bound="CommandAnswer")


class CommandAnswer(BaseModel):
    """What a command prints with --json: its keys, each with a sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Failed(UserError):
    """A command came to its end, and what it found is bad; the text is one sentence.

    answer: what it found.
    """

    def __init__(self, text: str, answer: CommandAnswer) -> None:
        self.answer = answer
        super().__init__(text)


def command(answers: type[AnyAnswer]) -> Callable[[Callable[..., AnyAnswer | None]], Callable[..., None]]:
    """Make a function a command with --json and --quiet, which ends with status 1 and one sentence where it raises.

    answers: what the function returns; None of it where another process speaks. A PlainError, an OSError and Ctrl-C
    are told, anything else is a fault of the program. With --json an error is a document too, with the key ``error``
    beside what was found.
    """

    def decorate(function: Callable[..., AnyAnswer | None]) -> Callable[..., None]:
        @functools.wraps(function)
        def run(*args: Any, quiet: bool = False, json: bool = False, **options: Any) -> None:
            with _speaking(quiet=quiet, json=json):
                answer: CommandAnswer | None = None
                try:
                    for name, value in options.items():
                        _check_length(name, value)
                    answer, sentence = function(*args, **options), None
                except KeyboardInterrupt:
                    sentence = "stopped"
                except OSError as error:
                    sentence = f"{_subject(error)}{error.strerror or error}"
                except PlainError as error:
                    answer, sentence = getattr(error, "answer", None), str(error)
                if json:
                    _print(answer, sentence)
                if sentence is not None:
                    with suppress(OSError):  # the terminal may be gone
                        errors.print(Text.assemble(("error:", "bold red"), f" {printable(sentence)}"))
                    raise typer.Exit(1)

        whole = inspect.signature(function)
        added = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
            for name, kind in _OPTIONS.items()
        ]
        run.__signature__ = whole.replace(  # type: ignore[attr-defined]
            parameters=[*whole.parameters.values(), *added], return_annotation=None
        )
        run.__annotations__ = {n: kind for n, kind in function.__annotations__.items() if n != "return"} | _OPTIONS
        run.__name__ = function.__name__.rstrip("_")  # import is no name in Python
        run.answers = answers  # type: ignore[attr-defined]
        return run

    return decorate


@contextmanager
def _speaking(*, quiet: bool, json: bool) -> Iterator[None]:
    """Consoles for the time of a command: quiet ones, or a standard output that is kept for the document."""
    before = out.quiet, err.quiet
    out.quiet, err.quiet = out.quiet or quiet or json, err.quiet or quiet
    try:
        yield
    finally:
        out.quiet, err.quiet = before


def _print(answer: CommandAnswer | None, sentence: str | None) -> None:
    """The document; names that are no Unicode come out as escapes."""
    document = {} if answer is None else answer.model_dump()
    if sentence is not None:
        document["error"] = sentence
    if document:
        typer.echo(json.dumps(document, indent=1, default=str))


def _check_length(name: str, value: object) -> None:
    """UserError for a text that can be no name: what echoes it need not think of that."""
    if not isinstance(value, str | Path):
        return
    text = os.fsencode(value)
    if len(text) > LONGEST_PATH or max(map(len, text.split(b"/"))) > LONGEST:
        allowed = f"a path has {LONGEST_PATH} at most, and {LONGEST} between two slashes"
        raise UserError(f"{name.upper()}: {short(str(value))!r} has {len(text)} bytes; {allowed}")


def _subject(error: OSError) -> str:
    """What an error is about, to stand before its text; of two files, as in a copy, the one that was to be written."""
    name = error.filename2 or error.filename
    if name is not None:
        return f"{os.fsdecode(name) if isinstance(name, bytes | os.PathLike) else name}: "
    return "the output: " if error.errno in (errno.ENOSPC, errno.EPIPE, errno.EIO) else ""
