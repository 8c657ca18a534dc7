"""Ports of one component in a bench: integers in, integers out, one clock cycle at a time."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from cocotb.triggers import RisingEdge


def signed(value: int, bits: int) -> int:
    """Two's complement ``value`` of ``bits`` bits."""
    return value - ((value >> (bits - 1) & 1) << bits)


class Ports:
    """The ports ``name__…`` of the top; indices of arrays are parts of the name (``row__0``).

    A cycle begins when the inputs of the one before have been clocked in: ``set`` drives inputs, ``cycle`` waits for
    the edge that ends it, and ``get`` then gives what stood there during that cycle.
    """

    def __init__(self, dut: Any, name: str) -> None:
        self._dut, self._name, self._handles = dut, name, {}
        self.clk = dut.clk
        self.now = 0  # cycles so far

    def handle(self, port: str) -> Any:
        """The handle of a port, None where it has no width."""
        if port not in self._handles:
            self._handles[port] = getattr(self._dut, f"{self._name}__{port}", None)
        return self._handles[port]

    def set(self, **values: int) -> None:
        for port, value in values.items():
            handle = self.handle(port)
            if handle is not None:
                handle.value = int(value) & ((1 << len(handle)) - 1)

    def get(self, port: str, *, bits: int = 0) -> int:
        """The value of a port; two's complement of ``bits`` bits where they are given."""
        handle = self.handle(port)
        value = 0 if handle is None else int(handle.value)
        return signed(value, bits) if bits else value

    def array(self, port: str, count: int, *, bits: int = 0) -> list[int]:
        return [self.get(f"{port}__{i}", bits=bits) for i in range(count)]

    def set_array(self, port: str, values: Any) -> None:
        for i, value in enumerate(values):
            self.set(**{f"{port}__{i}": value})

    async def cycle(self, **values: int) -> None:
        """Drives inputs and waits for the end of the cycle."""
        self.set(**values)
        await RisingEdge(self.clk)
        self.now += 1

    async def until(self, test: Callable[[], bool], limit: int, what: str) -> int:
        """Cycles until ``test`` holds in one, counted from 1; fails after ``limit``."""
        for count in range(1, limit + 1):
            await self.cycle()
            if test():
                return count
        raise AssertionError(f"{self._name}: no {what} within {limit} cycles")


def expect(got: object, want: object, what: str) -> None:
    """Fails with both values where they differ."""
    assert got == want, f"{what}: expected {want}, got {got}"


class Delayed:
    """What a memory shows ``latency`` cycles after it was asked."""

    def __init__(self, latency: int) -> None:
        self._line: list[Any] = [0] * (latency - 1)

    def turn(self, item: Any) -> Any:
        """``item`` is asked in the cycle that has ended; returns what to drive in the next."""
        self._line.append(item)
        return self._line.pop(0)


def lanes_of(words: Sequence[int], lanes: int) -> np.ndarray:
    """Words as arrays of their lanes, uint8 [words, lanes], lowest first."""
    return np.array([[word >> lane & 1 for lane in range(lanes)] for word in words], np.uint8)


def words_of(lanes: Iterable[np.ndarray]) -> list[int]:
    """The words of arrays of lanes."""
    return [sum(int(bit) << lane for lane, bit in enumerate(word)) for word in lanes]
