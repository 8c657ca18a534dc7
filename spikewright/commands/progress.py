"""How far a command is: a bar, or the phase that it is in and the time gone; on standard error."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from spikewright.commands.common import err
from spikewright.echo import printable
from spikewright.phases import Tell


@contextmanager
def progress(label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, a line at the start elsewhere; yields the function that takes how many are done.

    unit: what is counted.
    """
    if not err.is_terminal or err.quiet:
        err.print(f"{label} ...")
        yield lambda done: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TextColumn(unit), TimeElapsedColumn(), console=err) as bar:
        task = bar.add_task(printable(label), total=total)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def phases(label: str) -> Iterator[Tell]:
    """The phases of a long piece of work; yields the function that is told of them.

    On a terminal one line with the phase, its detail and the time gone; elsewhere a line for each phase, with the
    seconds that have gone when it begins.
    """
    if not err.is_terminal or err.quiet:
        start, last = time.monotonic(), ""
        err.print(f"{label} ...")

        def line(phase: str, detail: str = "") -> None:
            nonlocal last
            if phase != last:
                last = phase
                err.print(f"  {time.monotonic() - start:.0f} s: {phase}")

        yield line
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=err) as bar:
        task = bar.add_task(printable(label), total=None)

        def update(phase: str, detail: str = "") -> None:
            bar.update(task, description=printable(f"{label}: {phase}{f', {detail}' if detail else ''}"))

        yield update
