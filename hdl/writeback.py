"""Write-back: a finished word (spikes, residual planes or hidden values) goes to its spike bank, plane by plane."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.descriptors import Mode
from spikewright.compiler.target.structure import Structure
from spikewright.hdl.memory import check_structure
from spikewright.hdl.neurons import place_layout
from spikewright.hdl.saturation import Saturation

T = TypeVar("T")


def token_mask(tokens: int, steps: int, count: Signal) -> Cat:
    """Lanes of the first ``count`` token slots."""
    return Cat(*((p < count).replicate(steps) for p in range(tokens)))


class ResidualCapture(wiring.Component):
    """Collects the planes of the residual stream that a sum's list names with code 0.

    A spike word with ``capture`` set is kept as plane ``plane`` of the current sum (silent planes are never read and
    stay 0). At ``end`` the planes move to ``planes``, ``latency`` cycles later: lanes and LIF array, so that they stand
    there when the spikes of the sum do, and until those of the next.
    A word in a cycle at most. Reset: all planes 0.

    latency: time from ``end`` to ``planes``, at least 2 cycles.
    """

    def __init__(self, *, structure: Structure, latency: int) -> None:
        if not isinstance(latency, int) or latency < 2:
            raise ValueError(f"latency must be an integer of at least 2, not {latency!r}")
        self.structure, self.latency = check_structure(structure), latency
        shape = structure.shape
        super().__init__(
            {
                #: A spike word of each bank.
                "words": In(shape.lanes).array(shape.banks),
                #: The word of this bank is captured; one bank at most in a cycle.
                "capture": In(shape.banks),
                #: Number of the residual plane that it is, for each bank.
                "plane": In(range(structure.planes)).array(shape.banks),
                #: The words are the last of a sum.
                "end": In(1),
                #: The residual planes of that sum.
                "planes": Out(shape.lanes).array(structure.residual_planes),
            }
        )

    def model(self, captured: Iterable[tuple[int, T]], nothing: T) -> list[T]:
        """Planes of one sum, from the (plane, word) pairs that it captured; ``nothing`` is a word without spikes."""
        planes = [nothing] * self.structure.residual_planes
        for plane, word in captured:
            planes[plane] = word
        return planes

    def elaborate(self, platform: object) -> Module:
        s, shape = self.structure, self.structure.shape
        m = Module()
        word, plane, capture, end = (
            Signal(shape.lanes, reset_less=True),
            Signal(range(s.planes), reset_less=True),
            Signal(),
            Signal(),
        )
        chosen_word, chosen_plane = 0, 0
        for b in range(shape.banks):
            chosen_word = chosen_word | Mux(self.capture[b], self.words[b], 0)
            chosen_plane = chosen_plane | Mux(self.capture[b], self.plane[b], 0)
        m.d.sync += [
            word.eq(chosen_word),
            plane.eq(chosen_plane),
            capture.eq(self.capture.any()),
            end.eq(self.end),
        ]
        for i in range(self.latency - 2):
            stages = [
                (signal, Signal.like(signal, name=f"{n}{i}"))
                for signal, n in ((word, "word"), (plane, "plane"), (capture, "capture"), (end, "end"))
            ]
            m.d.sync += [delayed.eq(signal) for signal, delayed in stages]
            word, plane, capture, end = (delayed for _, delayed in stages)
        for p in range(s.residual_planes):
            kept, following = Signal(shape.lanes, name=f"kept{p}"), Signal(shape.lanes, name=f"following{p}")
            m.d.comb += following.eq(Mux(capture & (plane == p), word, kept))
            m.d.sync += kept.eq(Mux(end, 0, following))
            with m.If(end):
                m.d.sync += self.planes[p].eq(following)
        return m


class WriteBack(wiring.Component):
    """Builds the planes of a finished word and writes them, one a cycle, then the word's silence bits.

    - SPIKE: the spikes. RESIDUAL: residual planes + spikes (a ripple of half adders; the compiler's plane count makes
      overflow impossible, or the sum saturates: ``limit``). HIDDEN: each token's membrane, negative values 0, above 255
      → 255, in step lane 0.
    Spikes and values of token slots past ``tokens`` are written as 0 (their residual planes are 0 already). From
    ``emit`` the first write takes 1 cycle, the last of ``n`` planes n cycles, the silence bits 2 cycles; ``emit`` may
    come every n cycles. Reset: idle.
    """

    latency = 1

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        shape = structure.shape
        super().__init__(
            {
                #: A word is finished.
                "emit": In(1),
                #: Where it goes.
                "place": In(place_layout(structure)),
                #: What is written: a ``Mode``.
                "mode": In(3),
                #: Planes to write.
                "out_planes": In(range(structure.planes + 1)),
                #: The spikes.
                "spikes": In(shape.lanes),
                #: The membrane of each token slot.
                "membrane": In(signed(structure.membrane_bits)).array(shape.tokens),
                #: The residual planes.
                "residual": In(shape.lanes).array(structure.residual_planes),
                #: Planes whose ones are the greatest residual sum, 0 without; only with ``structure.limited``.
                "limit": In(range(structure.residual_planes + 1)),
                #: Token slots in use.
                "tokens": In(range(shape.tokens + 1)),
                #: A plane is written in this cycle, a bit for each bank.
                "write_en": Out(shape.banks),
                #: Its address.
                "write_addr": Out(structure.address_bits),
                #: The plane.
                "write_data": Out(shape.lanes),
                #: The silence bits are written in this cycle, a bit for each bank.
                "live_en": Out(shape.banks),
                #: Address of plane 0.
                "live_addr": Out(structure.address_bits),
                #: Bit p: plane p holds a spike.
                "live_planes": Out(structure.planes),
                #: The spikes of the token slots in use; for traces.
                "word": Out(shape.lanes),
                #: ``word`` is finished.
                "word_en": Out(1),
                #: A word is on its way, from ``emit`` until its silence bits are written.
                "busy": Out(1),
            }
        )

    def model(
        self,
        mode: Mode,
        tokens: int,
        *,
        spikes: np.ndarray,
        membrane: np.ndarray,
        residual: Sequence[np.ndarray],
        limit: int = 0,
    ) -> list[np.ndarray]:
        """All planes of a finished word, uint8 [..., lanes]; the first ``out_planes`` are written.

        spikes: 0 or 1 [..., lanes]; membrane: integers [..., tokens]; residual: of each plane, 0 or 1 [..., lanes];
        limit: planes of the greatest sum, 0 without.
        """
        shape = self.structure.shape
        value = spikes.astype(np.int64)
        if mode == Mode.HIDDEN:
            value = np.zeros((*membrane.shape[:-1], shape.lanes), np.int64)
            value[..., :: shape.steps] = membrane.clip(0, 255)
        value[..., tokens * shape.steps :] = 0
        if mode == Mode.RESIDUAL:
            value = value + sum(np.asarray(word, np.int64) << p for p, word in enumerate(residual))
            value = np.minimum(value, (1 << limit) - 1) if limit else value
        return [(value >> p & 1).astype(np.uint8) for p in range(self.structure.planes)]

    def elaborate(self, platform: object) -> Module:
        s, shape = self.structure, self.structure.shape
        m = Module()
        mask = Signal(shape.lanes)
        m.d.comb += [mask.eq(token_mask(shape.tokens, shape.steps, self.tokens)), self.word.eq(self.spikes & mask)]
        planes = Signal(data.ArrayLayout(shape.lanes, s.planes), reset_less=True)
        built = [Signal(shape.lanes, name=f"built{p}") for p in range(s.planes)]
        with m.Switch(self.mode):
            with m.Case(Mode.RESIDUAL):
                carry, sums = self.word, []
                for p in range(s.residual_planes):
                    following = Signal(shape.lanes, name=f"carry{p}")
                    m.d.comb += following.eq(self.residual[p] & carry)
                    sums.append(self.residual[p] ^ carry)
                    carry = following
                if s.limited:
                    m.submodules.saturation = saturation = Saturation(lanes=shape.lanes, planes=s.residual_planes)
                    m.d.comb += [saturation.limit.eq(self.limit), saturation.sum[-1].eq(carry)]
                    m.d.comb += [saturation.sum[p].eq(total) for p, total in enumerate(sums)]
                    sums = list(saturation.result)
                m.d.comb += [built[p].eq(total) for p, total in enumerate(sums)]
            with m.Case(Mode.HIDDEN):
                clipped = []
                for t in range(shape.tokens):
                    u = self.membrane[t]
                    value = Signal(8, name=f"value{t}")
                    above = u[8:-1].any() if len(u) > 9 else Const(0, 1)
                    with m.If(~u[-1] & mask[t * shape.steps]):
                        m.d.comb += value.eq(Mux(above, 255, u[:8]))
                    clipped.append(value)
                rest = Const(0, shape.steps - 1)
                for p in range(min(8, s.planes)):
                    m.d.comb += built[p].eq(Cat(Cat(value[p], rest) for value in clipped))
            with m.Default():
                m.d.comb += built[0].eq(self.word)

        place = Signal(place_layout(s), reset_less=True)
        left = Signal(range(s.planes + 1))
        first, live = Signal(), Signal()
        m.d.sync += [first.eq(self.emit), live.eq(first)]
        with m.If(self.emit):
            m.d.sync += [left.eq(self.out_planes), place.eq(self.place)]
            m.d.sync += [planes[p].eq(built[p]) for p in range(s.planes)]
        with m.Elif(left != 0):
            m.d.sync += [left.eq(left - 1), place.addr.eq(place.addr + 1)]
            m.d.sync += [planes[p].eq(planes[p + 1]) for p in range(s.planes - 1)]
        chosen, live_bank = Signal(shape.banks), Signal(shape.banks, reset_less=True)
        m.d.comb += [
            chosen.eq(Mux(place.enable, 1 << place.bank, 0)),
            self.write_en.eq(Mux(left != 0, chosen, 0)),
            self.write_addr.eq(place.addr),
            self.write_data.eq(planes[0]),
            self.word_en.eq(self.emit & self.place.enable),
            self.live_en.eq(Mux(live, live_bank, 0)),
            self.busy.eq(self.emit | (left != 0) | live),
        ]
        with m.If(first):
            m.d.sync += [
                live_bank.eq(chosen),
                self.live_addr.eq(place.addr),
                self.live_planes.eq(Cat(planes[p].any() for p in range(s.planes))),
            ]
        return m
