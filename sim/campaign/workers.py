"""Who does the parts of a campaign: processes of this machine, or Ray over the cores of one or many.

A part whose worker dies is done again, and what it counts depends on nothing but the part.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, connection, get_context, parent_process
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
    """So many processes of this machine, each a pool of its own: if one dies, it is known over which part."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def run(self, parts: Sequence[Part]) -> Iterator[Done]:
        waiting = list(reversed(parts))
        attempts: dict[str, int] = {}
        running: dict[Future[Done], tuple[Part, ProcessPoolExecutor]] = {}
        others = active_children()
        idle = [_new_process() for _ in range(min(self.workers, len(parts)))]
        try:
            while waiting or running:
                while waiting and idle:
                    part, worker = waiting.pop(), idle.pop()
                    attempts[part.name] = attempts.get(part.name, 0) + 1
                    running[worker.submit(_do, part)] = part, worker
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    part, worker = running.pop(future)
                    try:
                        done = future.result()
                    except BrokenProcessPool:
                        worker.shutdown(wait=False)
                        if attempts[part.name] == ATTEMPTS:
                            raise _hopeless(part) from None
                        waiting.append(part)
                        idle.append(_new_process())
                        continue
                    idle.append(worker)
                    yield done
        finally:
            for worker in [*idle, *(worker for _, worker in running.values())]:
                worker.shutdown(wait=False, cancel_futures=True)
            for child in active_children():  # shutdown would wait for the parts in work
                if child not in others:
                    child.kill()


def _do(part: Part) -> Done:
    """What a worker is sent: torch and the compiler are imported there."""
    from spikewright.sim.campaign.work import do_part

    return do_part(part)


def _new_process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_begin_process)


def _begin_process() -> None:
    """End with the parent, whatever ended that."""
    parent = parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    for children in Path("/proc/self/task").glob("*/children"):  # a simulator may be at work
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
