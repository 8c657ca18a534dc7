"""Parts of cocotb benches: clock and reset, and drivers of Amaranth streams with random stalls.

A stream ``i`` appears as the ports ``i__payload``, ``i__valid``, ``i__ready``; payloads are plain integers (the packed
bits of a structured payload). The drivers check the stream rules as they go: valid holds until ready, the payload
holds while it waits, valid does not wait for ready. Each wait has a limit in cycles. The seed is printed.
"""

import json
import os
import random
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from spikewright.sim.benches import GIVEN

#: Clock period of benches, ns.
PERIOD = 10


class StreamError(AssertionError):
    """The device broke a stream rule, gave a wrong item, or let the bench wait too long."""


def given() -> dict[str, Any]:
    """The parameters that ``Built.run(given=…)`` handed to this bench."""
    parameters: dict[str, Any] = json.loads(os.environ.get(GIVEN, "{}"))
    return parameters


def seeded(label: str = "") -> random.Random:
    """A random source that depends on the run's seed and ``label`` only; prints the seed."""
    seed = os.environ.get("COCOTB_RANDOM_SEED", "1")
    cocotb.log.info("seed %s %s", seed, label)
    return random.Random(f"{seed}/{label}")


async def start(dut: Any, *, cycles: int = 2) -> None:
    """Starts the clock and holds reset (where the device has one) for ``cycles``; returns just after an edge."""
    Clock(dut.clk, PERIOD, unit="ns").start()
    if hasattr(dut, "rst"):
        dut.rst.value = 1
    for _ in range(cycles):
        await RisingEdge(dut.clk)
    if hasattr(dut, "rst"):
        dut.rst.value = 0
    await RisingEdge(dut.clk)


class _StreamPort:
    """One stream of the device, and the random source of its stalls."""

    #: The handshake signal that the bench drives.
    _driven: ClassVar[str]

    def __init__(self, dut: Any, name: str, *, rng: random.Random, stall: float = 0.3, patience: int = 2000) -> None:
        self.name, self.stall, self.patience = name, stall, patience
        self._clk, self._rng = dut.clk, rng
        self._payload: Any = getattr(dut, f"{name}__payload", None)  # a zero-width payload has no port
        self._valid: Any = dut[f"{name}__valid"]
        self._ready: Any = dut[f"{name}__ready"]
        dut[f"{name}__{self._driven}"].value = 0


class StreamSource(_StreamPort):
    """Drives one stream input of the device; the payload is noise while valid is low.

    stall: probability of each further idle cycle before an item (0: one item a cycle if the device takes it);
    patience: cycles an item may wait for ready.
    """

    _driven = "valid"

    async def send(self, items: Sequence[int]) -> None:
        """Hands ``items`` over in order; returns just after the edge that took the last one."""
        for index, item in enumerate(items):
            while self._rng.random() < self.stall:
                await RisingEdge(self._clk)
            self._drive(item)
            self._valid.value = 1
            for _ in range(self.patience):
                await RisingEdge(self._clk)
                if self._ready.value == 1:
                    break
            else:
                raise StreamError(f"{self.name}: item {index} was not taken within {self.patience} cycles")
            self._valid.value = 0
            self._drive(self._rng.getrandbits(max(1, len(self._payload))) if self._payload is not None else 0)

    def _drive(self, item: int) -> None:
        if self._payload is not None:
            self._payload.value = item & ((1 << len(self._payload)) - 1)


class StreamSink(_StreamPort):
    """Takes items from one stream output of the device and checks the stream rules in every cycle it watches.

    Before about half of the items ready stays low until valid is seen: a device whose valid waits for ready
    runs into the patience and is reported.

    stall: probability of each further cycle with ready low; patience: cycles an item may take to come.
    """

    _driven = "ready"
    _waiting: int | None = None  # an item that was offered while ready was low

    async def receive(self, count: int) -> list[int]:
        """Takes ``count`` items; returns just after the edge that handed over the last one."""
        return [await self._take(index) for index in range(count)]

    async def idle(self, cycles: int) -> None:
        """Asserts that nothing is offered for ``cycles`` cycles, ready being high."""
        self._ready.value = 1
        for _ in range(cycles):
            await RisingEdge(self._clk)
            if self._valid.value == 1:
                raise StreamError(f"{self.name}: an item ({self._read():#x}) came where none was due")
        self._ready.value = 0

    async def _take(self, index: int) -> int:
        late = self.stall > 0 and self._rng.random() < 0.5
        for _ in range(self.patience):
            ready = self._rng.random() >= self.stall and not (late and self._waiting is None)
            self._ready.value = int(ready)
            await RisingEdge(self._clk)
            valid = self._valid.value == 1
            item = self._read() if valid else None
            if self._waiting is not None and item != self._waiting:
                change = f"changed its payload from {self._waiting:#x} to {item or 0:#x}"
                fault = "dropped valid" if item is None else change
                raise StreamError(f"{self.name}: item {index} {fault} before ready")
            self._waiting = None if ready else item
            if ready and item is not None:
                self._ready.value = 0
                return item
        hint = ", ready held low until valid: valid may be waiting for ready" if late else ""
        raise StreamError(f"{self.name}: item {index} did not come within {self.patience} cycles{hint}")

    def _read(self) -> int:
        return 0 if self._payload is None else int(self._payload.value)


async def exchange(
    dut: Any,
    send: Mapping[str, Sequence[int]],
    expect: Mapping[str, Sequence[int]],
    *,
    rng: random.Random,
    stall: float = 0.3,
    patience: int = 2000,
    idle: int = 20,
) -> None:
    """Sends on several streams at once and compares what comes out with ``expect``, item by item, in order.

    At the end each output must stay silent for ``idle`` cycles.
    """

    async def feed(name: str, items: Sequence[int]) -> None:  # more patient: a silent output is the better message
        source = StreamSource(dut, name, rng=random.Random(rng.getrandbits(64)), stall=stall, patience=4 * patience)
        await source.send(items)

    sources = [cocotb.start_soon(feed(name, items)) for name, items in send.items()]

    async def check(name: str, items: Sequence[int]) -> None:
        sink = StreamSink(dut, name, rng=random.Random(rng.getrandbits(64)), stall=stall, patience=patience)
        for index, want in enumerate(items):
            (got,) = await sink.receive(1)
            if got != want:
                raise StreamError(f"{name}: item {index} of {len(items)} expected {want:#x}, got {got:#x}")
        await sink.idle(idle)

    sinks = [cocotb.start_soon(check(name, items)) for name, items in expect.items()]
    for task in (*sinks, *sources):
        await task
