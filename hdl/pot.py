"""PoT (shift) multiplier: a weight code and a bit-plane number become the value that is broadcast to the lanes."""

import numpy as np
from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.hdl.memory import check_positive


class PotMultiplier(wiring.Component):
    """Shift-based multiplier of the weight decoders, one for each (stream, bank), none in the lanes.

    A code is a magnitude with the sign in the top bit. Power of two: value = ±2^(magnitude − 1), 0 for magnitude 0;
    a magnitude above 8 is no power-of-two code, unless the multiplier is ``wide``.
    Uniform: value = ±magnitude. Bit-plane p of the activation shifts the value by p more; the sign plane of a signed
    activation (``negate``) flips its sign. One shifter serves both schemes; no multiplier is used.

    Latency 2 cycles, one value a cycle. No reset (data only). Overflow cannot happen when ``value_bits`` holds the
    largest shifted magnitude, which the compiler guarantees.

    code_bits: width of a code, sign included, 2 … 8 bits.
    planes: most bit-planes of an activation.
    value_bits: width of the value, sign included, bits.
    wide: powers of two up to that of the greatest magnitude, for gains.
    """

    latency = 2

    def __init__(self, *, code_bits: int, planes: int, value_bits: int, wide: bool = False) -> None:
        check_positive(code_bits=code_bits, planes=planes, value_bits=value_bits)
        if code_bits not in range(2, 9):
            raise ValueError(f"code_bits must be an integer from 2 to 8, not {code_bits!r}")
        self.code_bits, self.planes, self.value_bits, self.wide = code_bits, planes, value_bits, wide
        super().__init__(
            {
                #: A packed weight code.
                "code": In(code_bits),
                #: Number of the activation's bit-plane.
                "plane": In(range(planes)),
                #: The code is a power of two; else uniform.
                "pot": In(1),
                #: The plane is the sign plane.
                "negate": In(1),
                #: The value, two cycles later.
                "value": Out(signed(value_bits)),
            }
        )

    def model(self, code: np.ndarray, plane: int, pot: bool, negate: bool) -> np.ndarray:
        """The values for packed codes, integers of any shape."""
        magnitude = np.asarray(code) & ((1 << (self.code_bits - 1)) - 1)
        sign = (np.asarray(code) >> (self.code_bits - 1)) ^ int(negate)
        mantissa = np.where(magnitude > 0, 1 << np.maximum(magnitude - 1, 0), 0) if pot else magnitude
        return np.where(sign, -(mantissa << plane), mantissa << plane)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        magnitude = self.code[:-1]
        mantissa = Signal(self.code_bits - 1, reset_less=True)
        magnitude_bits = self.code_bits - 1 if self.wide else min(3, self.code_bits - 1)
        exponent = Signal(range(self.planes + (1 << magnitude_bits)), reset_less=True)
        sign = Signal(reset_less=True)
        shifted = Signal(self.value_bits - 1)
        m.d.sync += [
            mantissa.eq(Mux(self.pot, magnitude != 0, magnitude)),
            exponent.eq(self.plane + Mux(self.pot & (magnitude != 0), magnitude - 1, 0)),
            sign.eq(self.code[-1] ^ self.negate),
            self.value.eq(Mux(sign, -shifted, shifted)),
        ]
        m.d.comb += shifted.eq(mantissa << exponent)
        return m
