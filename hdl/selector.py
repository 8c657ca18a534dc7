"""Token selector: ranks the tokens by their scores and plans the compaction for the mover."""

from collections.abc import Mapping, Sequence

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.descriptors import Kind
from spikewright.compiler.target.memories import score_buffer
from spikewright.compiler.target.structure import Structure
from spikewright.hdl.memory import Bank, check_structure
from spikewright.hdl.mover import TableWrites
from spikewright.hdl.views import descriptor_view, tap_view


class TokenSelector(wiring.Component):
    """Keeps the ``keep`` tokens with the greatest scores, ties to the lower index: a serial radix top-k.

    Scores arrive first, in token order, one in a cycle at most. After ``start``: one pass over the scores for each
    score bit, top bit first, finds the least kept score and how many tokens that tie with it are kept; the plan's
    region of the mover's tables is cleared; a last walk writes a tap for every run of kept tokens that move by one
    distance. Latency from ``start`` to ``finished``: ``score_bits · (tokens + 5) + entries + tokens + 8`` cycles.
    ``clear`` restarts the score index (before a descriptor that makes scores). Reset: idle, index 0.
    """

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        super().__init__(
            {
                #: Score of the next token.
                "score": In(signed(structure.membrane_bits)),
                #: ``score`` is there.
                "score_en": In(1),
                #: The next score is that of token 0.
                "clear": In(1),
                #: Begin a descriptor.
                "start": In(1),
                #: The descriptor, held from ``start`` to ``finished``.
                "config": In(descriptor_view(Kind.SELECT, structure)),
                #: A pulse: the plan is written.
                "finished": Out(1),
                # to the mover
                **TableWrites(structure).members,
                #: A token is kept.
                "kept_en": Out(1),
                #: Its index, ascending; for traces.
                "kept": Out(range(structure.selector_tokens + 1)),
            }
        )

    @staticmethod
    def model(scores: list[int], keep: int) -> list[int]:
        """Indices of the kept tokens, ascending."""
        order = sorted(range(len(scores)), key=lambda n: (-scores[n], n))
        return sorted(order[:keep])

    def plan(self, config: Mapping[str, int], kept: Sequence[int]) -> tuple[list[dict[str, int]], list[int]]:
        """Taps and lane masks that the plan's region of the mover's tables holds, from the kept tokens, ascending."""
        tokens, steps = self.structure.shape.tokens, self.structure.shape.steps
        masks = [0] * config["entries"]
        taps = [
            {"source": 0, "target": 0, "rotate": 0, "mask": config["mask"] + number} for number in range(len(masks))
        ]
        number = 0
        for place, token in enumerate(kept):
            tile, slot = divmod(place, tokens)
            if slot == 0:
                number = tile * config["taps"]
            elif token % tokens == 0 or kept[place - 1] != token - 1:
                number += 1
            taps[number] |= {
                "source": token // tokens * config["source_tile"],
                "target": tile * config["target_tile"],
                "rotate": (token - place) % tokens * steps,
            }
            masks[number] |= (1 << steps) - 1 << slot * steps
        return taps, masks

    def elaborate(self, platform: object) -> Module:
        s, config = self.structure, self.config
        width = s.membrane_bits
        m = Module()
        m.submodules.scores = scores = Bank.of(score_buffer(s))
        incoming = Signal(len(scores.write_addr))
        m.d.comb += [
            scores.write_en.eq(self.score_en),
            scores.write_addr.eq(incoming),
            scores.write_data.eq(self.score),
        ]
        with m.If(self.clear):
            m.d.sync += incoming.eq(0)
        with m.Elif(self.score_en):
            m.d.sync += incoming.eq(incoming + 1)

        index = Signal(range(s.selector_tokens + 5))
        bit = Signal(range(width + 1))
        left = Signal(range(s.selector_tokens + 1))  # tokens still to keep among those that tie so far
        ones = Signal.like(left)
        threshold, settled = Signal(width), Signal(width)  # its settled bits
        probe = Signal(width)  # the bit under test
        # a score, its sign bit turned so that unsigned order is score order; two cycles after its index
        raw = Signal(width, reset_less=True)
        score = Signal(width)
        top = Signal(width, reset_less=True)
        m.d.comb += [scores.read_addr.eq(index), score.eq((raw ^ top) & ((top << 1) - 1))]
        m.d.sync += [raw.eq(scores.read_data), top.eq((1 << config.score_bits) >> 1)]
        valid = [Signal(name=f"valid{i}") for i in range(4)]
        scanning = Signal()
        m.d.comb += valid[0].eq(scanning & (index < config.tokens))
        m.d.sync += [valid[i + 1].eq(valid[i]) for i in range(3)]
        entry = Signal(s.loop_bits)

        walker = _Plan(structure=s)
        m.submodules.plan = walker
        m.d.comb += [
            walker.taps.eq(config.taps),
            walker.source_tile.eq(config.source_tile),
            walker.target_tile.eq(config.target_tile),
        ]
        # comparisons out of registers, three cycles after the index
        above, equal, hit = Signal(), Signal(), Signal()
        tied = Signal()
        end = Signal.like(index)
        m.d.comb += tied.eq(equal & (left != 0))
        m.d.sync += [
            above.eq(score > threshold),
            equal.eq(score == threshold),
            hit.eq((((score ^ threshold) & settled) == 0) & (score & probe).any()),
            end.eq(config.tokens + 3),
        ]

        # the plan's way to the mover's tables, out of registers: they are far away
        number = Signal.like(walker.number)
        tap, mask = Signal.like(walker.tap), Signal.like(walker.mask)
        with m.If(~walker.clear):  # not "where a tap leaves": that comes late, and for all of these bits
            m.d.comb += [number.eq(walker.number), tap.eq(walker.tap), mask.eq(walker.mask)]
        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start):
                    m.d.sync += [
                        index.eq(0),
                        bit.eq(config.score_bits),
                        probe.eq((1 << config.score_bits) >> 1),
                        left.eq(config.keep),
                        ones.eq(0),
                        threshold.eq(0),
                        settled.eq(0),
                        entry.eq(0),
                    ]
                    m.next = "COUNT"
            with m.State("COUNT"):
                m.d.comb += scanning.eq(1)
                m.d.sync += index.eq(index + 1)
                m.d.sync += ones.eq(ones + (valid[3] & hit))
                with m.If(index == end):
                    m.next = "SETTLE"
            with m.State("SETTLE"):
                with m.If(ones >= left):
                    m.d.sync += threshold.eq(threshold | probe)
                with m.Else():
                    m.d.sync += left.eq(left - ones)
                m.d.sync += [
                    settled.eq(settled | probe),
                    probe.eq(probe >> 1),
                    ones.eq(0),
                    index.eq(0),
                    bit.eq(bit - 1),
                ]
                m.next = "COUNT"
                with m.If(bit == 1):
                    m.next = "CLEAR"
            with m.State("CLEAR"):
                m.d.comb += [number.eq(entry), walker.clear.eq(1)]
                m.d.sync += entry.eq(entry + 1)
                with m.If(entry == config.entries - 1):
                    m.d.sync += index.eq(0)
                    m.next = "WALK"
            with m.State("WALK"):
                m.d.sync += index.eq(index + 1)
                m.d.comb += scanning.eq(1)
                m.d.sync += [walker.step.eq(valid[3]), walker.keep.eq(valid[3] & (above | tied))]
                with m.If(valid[3] & ~above & tied):
                    m.d.sync += left.eq(left - 1)
                with m.If(index == end):
                    m.next = "FLUSH"
            with m.State("FLUSH"):
                m.d.sync += [walker.step.eq(0), walker.keep.eq(0), walker.flush.eq(1)]
                m.next = "EMIT"
            with m.State("EMIT"):
                m.d.sync += walker.flush.eq(0)
                m.next = "LAST"
            with m.State("LAST"):
                m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.finished.eq(1)
                m.next = "IDLE"
        m.d.sync += [
            self.tap_en.eq(walker.clear | walker.tap_en),
            self.mask_en.eq(walker.clear | walker.tap_en),
            self.tap_addr.eq(config.table + number),
            self.mask_addr.eq(config.mask + number),
            self.tap.eq(tap),
            self.tap.mask.eq(config.mask + number),
            self.mask.eq(mask),
        ]
        kept = Signal.like(self.kept)
        with m.If(self.start):
            m.d.sync += kept.eq(0)
        with m.Elif(walker.step):
            m.d.sync += kept.eq(kept + 1)
        m.d.comb += [self.kept_en.eq(walker.keep), self.kept.eq(kept)]
        return m


class _Plan(wiring.Component):
    """Turns the keep flags of consecutive tokens into taps: a run of kept tokens that moves by one distance is a tap.

    A tap leaves (``tap_en``) in the cycle in which the next run starts, or with ``flush``. One token a cycle.
    """

    def __init__(self, *, structure: Structure) -> None:
        self.structure = structure
        super().__init__(
            {
                #: Start over with token 0.
                "clear": In(1),
                #: A token passes.
                "step": In(1),
                #: It is kept.
                "keep": In(1),
                #: The last token has passed.
                "flush": In(1),
                #: Taps of one target tile.
                "taps": In(structure.loop_bits),
                #: Words from one tile of the source to the next.
                "source_tile": In(structure.address_bits),
                #: Words from one tile of the target to the next.
                "target_tile": In(structure.address_bits),
                #: A tap leaves.
                "tap_en": Out(1),
                #: The tap, its mask number still open.
                "tap": Out(tap_view(structure)),
                #: Its lane mask.
                "mask": Out(structure.shape.lanes),
                #: Its number in the plan.
                "number": Out(structure.loop_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        s, shape = self.structure, self.structure.shape
        m = Module()
        slot_from, slot_to = Signal(range(shape.tokens)), Signal(range(shape.tokens))
        tile_from, tile_to = Signal(s.address_bits), Signal(s.address_bits)  # offsets of the tiles
        distance = Signal(range(shape.tokens))  # token slots that the current token moves down, modulo the tile
        word_number = Signal(s.loop_bits)  # number of the target tile's first tap
        number = Signal(s.loop_bits)
        running = Signal()
        run_distance = Signal.like(distance)
        run_from = Signal(s.address_bits)
        mask = Signal(shape.lanes)
        # every token that goes moves those behind it one slot further
        dropped = Signal()  # since the last kept token
        breaks = Signal()  # the current token cannot join the run
        m.d.comb += breaks.eq(dropped | (slot_from == 0) | (slot_to == 0))
        m.d.comb += [
            self.tap_en.eq(running & ((self.keep & breaks) | self.flush)),
            self.tap.source.eq(run_from),
            self.tap.rotate.eq(run_distance * shape.steps),
            self.mask.eq(mask),
            self.number.eq(number),
        ]
        run_to = Signal(s.address_bits)
        m.d.comb += self.tap.target.eq(run_to)
        bit = Signal(shape.lanes)
        m.d.comb += bit.eq(((1 << shape.steps) - 1) << (slot_to * shape.steps))
        with m.If(self.step):
            with m.If(slot_from == shape.tokens - 1):
                m.d.sync += [slot_from.eq(0), tile_from.eq(tile_from + self.source_tile)]
            with m.Else():
                m.d.sync += slot_from.eq(slot_from + 1)
            m.d.sync += dropped.eq(~self.keep)
            with m.If(~self.keep):
                m.d.sync += distance.eq(Mux(distance == shape.tokens - 1, 0, distance + 1))
        with m.If(self.keep):
            with m.If(slot_to == shape.tokens - 1):
                m.d.sync += [
                    slot_to.eq(0),
                    tile_to.eq(tile_to + self.target_tile),
                    word_number.eq(word_number + self.taps),
                ]
            with m.Else():
                m.d.sync += slot_to.eq(slot_to + 1)
            with m.If(breaks | ~running):
                m.d.sync += [
                    running.eq(1),
                    run_distance.eq(distance),
                    run_from.eq(tile_from),
                    run_to.eq(tile_to),
                    mask.eq(bit),
                    number.eq(Mux(running & (slot_to != 0), number + 1, word_number)),
                ]
            with m.Else():
                m.d.sync += mask.eq(mask | bit)
        with m.If(self.clear):
            cleared = (slot_from, slot_to, tile_from, tile_to, distance, dropped, word_number, number, running, mask)
            m.d.sync += [x.eq(0) for x in cleared]
        return m
