"""A host's serial port for cocotb benches: drives ``rx`` and reads ``tx`` bit by bit, at its own baud rate."""

import random
from typing import Any

import cocotb
from cocotb.triggers import Edge, Timer


class SerialError(AssertionError):
    """The device sent a byte without a stop bit, or nothing within the wait."""


class SerialPort:
    """8N1 at any bit time and phase, apart from the device's clock.

    bit_ps: length of a bit, ps.
    """

    def __init__(self, dut: Any, *, bit_ps: int) -> None:
        self._rx, self._tx, self.bit_ps = dut.rx, dut.tx, bit_ps
        self._rx.value = 1
        self.received = bytearray()
        cocotb.start_soon(self._listen())

    async def send(self, data: bytes, *, rng: random.Random | None = None, longest_gap: float = 0.0) -> None:
        """Sends bytes, with random pauses of up to ``longest_gap`` bits between them; starts at a random phase."""
        for byte in data:
            if rng is not None:
                await Timer(1 + int(rng.random() * (longest_gap or 1.0) * self.bit_ps), unit="ps")
            for bit in (0, *((byte >> i) & 1 for i in range(8)), 1):
                self._rx.value = bit
                await Timer(self.bit_ps, unit="ps")

    async def hold(self, level: int, bits: float) -> None:
        """Holds the line at a level, then lets it idle."""
        self._rx.value = level
        await Timer(int(bits * self.bit_ps), unit="ps")
        self._rx.value = 1

    async def read(self, count: int, *, bits: float) -> bytes:
        """The next ``count`` bytes; SerialError where they do not come within ``bits`` bit times."""
        for _ in range(int(bits)):
            if len(self.received) >= count:
                break
            await Timer(self.bit_ps, unit="ps")
        else:
            raise SerialError(f"{len(self.received)} of {count} bytes came within {bits:g} bits: {self.received.hex()}")
        data = bytes(self.received[:count])
        del self.received[:count]
        return data

    async def _listen(self) -> None:
        while True:
            for level in (1, 0):  # idle, then the edge of a start bit
                while self._tx.value != level:
                    await Edge(self._tx)
            await Timer(self.bit_ps * 3 // 2, unit="ps")
            byte = 0
            for i in range(8):
                byte |= int(self._tx.value) << i
                await Timer(self.bit_ps, unit="ps")
            if self._tx.value != 1:
                raise SerialError(f"byte {len(self.received)} has no stop bit")
            self.received.append(byte)
