"""Who does the parts of a campaign: processes of this machine, or Ray over the cores of one or many.

A part whose worker dies is done again, and what it counts depends on nothing but the part.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from spikewright.sim.campaign.plan import CampaignError, Part, sources

if TYPE_CHECKING:
    from spikewright.sim.campaign.work import Done

#: Times that a part is begun before its worker's deaths are put down to the part.
ATTEMPTS = 4


class Workers(Protocol):
    """Workers."""

    def run(self, parts: Sequence[Part]) -> Iterator[Done]:
        """What each part counted, in the order in which they are done; ``CampaignError`` where one cannot be done."""


class Processes:
    """So many processes of this machine, each with a pipe of its own: if one dies, it is known over which part.

    No pool of the library's: its named semaphores outlive a command that is ended.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def run(self, parts: Sequence[Part]) -> Iterator[Done]:
        waiting = list(reversed(parts))
        attempts: dict[str, int] = {}
        running: dict[Any, tuple[Part, _Process]] = {}
        idle = [_Process() for _ in range(min(self.workers, len(parts)))]
        try:
            while waiting or running:
                while waiting and idle:
                    part, worker = waiting.pop(), idle.pop()
                    attempts[part.name] = attempts.get(part.name, 0) + 1
                    running[worker.pipe] = part, worker
                    worker.begin(part)
                for pipe in connection.wait(list(running)):
                    part, worker = running.pop(pipe)
                    try:
                        done = worker.pipe.recv()
                    except (EOFError, OSError):  # it died
                        worker.end()
                        if attempts[part.name] == ATTEMPTS:
                            raise _hopeless(part) from None
                        waiting.append(part)
                        idle.append(_Process())
                        continue
                    idle.append(worker)
                    if isinstance(done, Exception):
                        raise done
                    yield done
        finally:
            for worker in [*idle, *(worker for _, worker in running.values())]:
                worker.end()


class _Process:
    """A worker process, and this end of the pipe to it."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self.pipe, its_end = context.Pipe()
        self.process = context.Process(target=_serve, args=(its_end,), daemon=True)
        self.process.start()
        its_end.close()

    def begin(self, part: Part) -> None:
        """Give it a part; whether it lives is seen by what comes back."""
        with suppress(OSError):
            self.pipe.send(part)

    def end(self) -> None:
        """End it, whatever it is at."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _serve(pipe: Any) -> None:
    """Do parts until the pipe closes; torch and the compiler are imported here."""
    parent = parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            part = pipe.recv()
            try:
                pipe.send(_do(part))
            except Exception as error:
                pipe.send(error)


def _do(part: Part) -> Done:
    from spikewright.sim.campaign.work import do_part

    return do_part(part)


def _end_with(sentinel: int) -> None:
    """End with the parent, whatever ended that, and so do the simulators at work."""
    connection.wait([sentinel])
    for children in Path("/proc/self/task").glob("*/children"):
        for child in children.read_text().split():
            os.kill(int(child), signal.SIGKILL)
    os._exit(1)


class Ray:
    """The workers of a Ray cluster.

    address: as ``ray.init`` takes it; ``local`` starts one on this machine, with so many ``workers``.
    """

    def __init__(self, address: str, workers: int | None) -> None:
        self.address, self.workers = address, workers

    def run(self, parts: Sequence[Part]) -> Iterator[Done]:
        ray = _ray()
        local = self.address == "local"
        try:
            ray.init(
                address="local" if local else self.address,
                num_cpus=self.workers if local else None,
                include_dashboard=False if local else None,
                log_to_driver=False,
                logging_level="error",
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise CampaignError(f"Ray at {self.address[:80]!r}: {str(error).partition(chr(10))[0]}") from None
        try:
            remote = ray.remote(num_cpus=1, max_retries=ATTEMPTS - 1)(_do)
            running = {remote.remote(part): part for part in parts}
            while running:
                (ready, *_), _ = ray.wait(list(running), num_returns=1)
                part = running.pop(ready)
                try:
                    done: Done = ray.get(ready)
                except ray.exceptions.WorkerCrashedError:
                    raise _hopeless(part) from None
                if done.sources != sources():
                    raise CampaignError("a worker of the cluster has other sources of Spikewright than this machine")
                yield done
        finally:
            ray.shutdown()


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise CampaignError(
            "Ray is not installed: pip install 'spikewright[distributed]', or use --workers instead"
        ) from None
    return ray


def _hopeless(part: Part) -> CampaignError:
    return CampaignError(f"the worker of part {part.name} died {ATTEMPTS} times; what is done is kept")
