"""Mover: makes spike words out of other spike words: halo copies, pools, compaction of kept tokens."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.descriptors import Kind
from spikewright.compiler.target.memories import mask_table, tap_table
from spikewright.compiler.target.structure import Structure, bits_for
from spikewright.hdl.count import CountingAdder
from spikewright.hdl.memory import Bank, check_structure
from spikewright.hdl.nest import final_index
from spikewright.hdl.spikes import SpikeMemory
from spikewright.hdl.views import descriptor_view, tap_view

#: Bit-planes of what a pool counts: 0 to 4.
COUNT_PLANES = 3
#: Words as the models see them: uint8, 0 or 1 a lane.
Lanes = np.ndarray


def turn(words: Lanes, lanes: int) -> Lanes:
    """Words [..., lanes] turned down by so many lanes."""
    return np.concatenate((words[..., lanes:], words[..., :lanes]), axis=-1) if lanes else words


class TableWrites(wiring.Signature):
    """The selector's plan on its way to the mover's tables, as the selector sees it."""

    def __init__(self, structure: Structure) -> None:
        super().__init__(
            {
                #: A tap is written in this cycle.
                "tap_en": Out(1),
                #: Its number.
                "tap_addr": Out(bits_for(structure.table_depth - 1)),
                #: The tap.
                "tap": Out(tap_view(structure)),
                #: A lane mask is written in this cycle.
                "mask_en": Out(1),
                #: Its number.
                "mask_addr": Out(bits_for(structure.mask_depth - 1)),
                #: The mask.
                "mask": Out(structure.shape.lanes),
            }
        )


class Mover(wiring.Component):
    """Walks rows, tiles, step groups, target words, planes and taps (innermost) of a MOVE descriptor.

    All banks move the same addresses at once. One tap a cycle: from ``start`` to ``finished`` ``rows · tiles · groups
    · words · planes · taps + latency`` cycles. A tap reads the source offset of the current row, tile, step group and
    plane; its mask is ``mask + tile · mask_tile``, so that a tap over the border of a tile or of the image is simply
    masked. The words of a target word's taps are OR-ed; with ``counts`` (only with ``structure.counting``) they are
    spikes, plane 0, and counted, plane by plane of the count. The silence bits of a target word follow its last plane
    by a cycle. Taps and masks come from ROM; the token selector writes its plan behind them at run time. Reset: idle.
    """

    latency = SpikeMemory.latency + 6

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        shape, address = structure.shape, structure.address_bits
        super().__init__(
            {
                #: Begin a descriptor.
                "start": In(1),
                #: The descriptor, held from ``start`` to ``finished``.
                "config": In(descriptor_view(Kind.MOVE, structure)),
                #: A pulse: all words are written.
                "finished": Out(1),
                #: Address of a spike word, for all banks.
                "read_addr": Out(address),
                #: That word of each bank, three cycles later.
                "words": In(shape.lanes).array(shape.banks),
                #: A word of each bank is written in this cycle.
                "write_en": Out(1),
                #: Its address.
                "write_addr": Out(address),
                #: The word of each bank.
                "write_data": Out(shape.lanes).array(shape.banks),
                #: The silence bits of a value of each bank are written in this cycle.
                "live_en": Out(1),
                #: Address of its plane 0.
                "live_addr": Out(address),
                #: Bit p: plane p of the bank's value holds a spike.
                "live_data": Out(structure.planes).array(shape.banks),
                # from the token selector
                **TableWrites(structure).flip().members,
            }
        )

    def model(
        self,
        config: Mapping[str, int],
        taps: Sequence[Mapping[str, int]],
        masks: Lanes,
        read: Callable[[int], Lanes],
    ) -> Iterator[tuple[int, list[Lanes]]]:
        """All values in the order in which they are written: address of plane 0, the planes, a word for each bank.

        masks: uint8 [masks, lanes]; ``read(address)`` gives the words of all banks, uint8 [..., banks, lanes]. A tap
        without lanes, over the border, may name any address: it is not read.
        """
        space = 1 << self.structure.address_bits
        loops = (range(config[name]) for name in ("rows", "tiles", "groups", "words"))
        for row, tile, group, word in product(*loops):
            source, target = (
                config[n] + row * config[f"{n}_row"] + tile * config[f"{n}_tile"] + group * config[f"{n}_group"]
                for n in ("source", "target")
            )
            first = config["table"] + word * config["taps"]
            own = taps[first : first + config["taps"]]
            words_of = partial(self._gathered, own, masks, tile * config["mask_tile"], read)
            if config["counts"]:
                planes = CountingAdder.model(words_of(source), config["planes"])
            else:
                planes = [np.bitwise_or.reduce(words_of(source + plane)) for plane in range(config["planes"])]
            yield (target + own[0]["target"]) % space, planes

    def _gathered(
        self, taps: Sequence[Mapping[str, int]], masks: Lanes, more: int, read: Callable[[int], Lanes], source: int
    ) -> list[Lanes]:
        """The words of taps, turned and masked."""
        shape, space, words = self.structure.shape, 1 << self.structure.address_bits, []
        for tap in taps:
            mask = masks[tap["mask"] + more]
            if mask.any():
                words.append(turn(read((source + tap["source"]) % space), tap["rotate"]) & mask)
        return words or [np.zeros((shape.banks, shape.lanes), np.uint8)]

    def elaborate(self, platform: object) -> Module:
        s, shape, config = self.structure, self.structure.shape, self.config
        m = Module()
        loop, address = s.loop_bits, s.address_bits
        m.submodules.table = table = Bank.of(tap_table(s))
        m.submodules.masks = masks = Bank.of(mask_table(s))
        m.d.comb += [
            table.write_en.eq(self.tap_en),
            table.write_addr.eq(self.tap_addr),
            table.write_data.eq(self.tap),
            masks.write_en.eq(self.mask_en),
            masks.write_addr.eq(self.mask_addr),
            masks.write_data.eq(self.mask),
        ]

        # the walk
        busy = Signal()
        loops = ("tap", "plane", "word", "group", "tile", "row")
        tap, plane, word, group, tile, row = (Signal(loop, name=n) for n in loops)
        pointer, word_pointer = Signal(len(table.read_addr)), Signal(len(table.read_addr))
        names = ("group", "tile", "row")
        source = {n: Signal(address, name=f"source_{n}") for n in names}
        target = {n: Signal(address, name=f"target_{n}") for n in names}
        mask_base = Signal(len(masks.read_addr))
        last_tap, last_plane, last_word, last_group, last_tile, last_row = (
            Signal(name=f"last_{n}") for n in ("tap", "plane", "word", "group", "tile", "row")
        )
        m.d.comb += [
            last_tap.eq(tap == final_index(m, config.taps, "taps")),
            last_plane.eq(plane == final_index(m, config.planes, "planes")),
            last_word.eq(word == final_index(m, config.words, "words")),
            last_group.eq(group == final_index(m, config.groups, "groups")),
            last_tile.eq(tile == final_index(m, config.tiles, "tiles")),
            last_row.eq(row == final_index(m, config.rows, "rows")),
            table.read_addr.eq(pointer),
        ]

        def moved_on(names: tuple[str, ...], level: str) -> list[object]:
            """Set the running addresses of ``names`` to the next ``level``."""
            statements: list[object] = []
            for side, base in (("source", source), ("target", target)):
                step = getattr(config, f"{side}_{level}")
                statements += [base[n].eq(base[level] + step) for n in names]
            return statements

        finishing = Signal()
        with m.If(self.start):
            m.d.sync += [x.eq(0) for x in (tap, plane, word, group, tile, row, mask_base)]
            m.d.sync += [busy.eq(1), pointer.eq(config.table), word_pointer.eq(config.table)]
            m.d.sync += [source[n].eq(config.source) for n in names] + [target[n].eq(config.target) for n in names]
        with m.Elif(busy):
            m.d.sync += [tap.eq(tap + 1), pointer.eq(pointer + 1)]
            with m.If(last_tap):
                m.d.sync += [tap.eq(0), plane.eq(plane + 1), pointer.eq(word_pointer)]
                with m.If(last_plane):
                    m.d.sync += [plane.eq(0), word.eq(word + 1), pointer.eq(pointer + 1), word_pointer.eq(pointer + 1)]
                    with m.If(last_word):
                        m.d.sync += [word.eq(0), pointer.eq(config.table), word_pointer.eq(config.table)]
                        with m.If(~last_group):
                            m.d.sync += [group.eq(group + 1), *moved_on(("group",), "group")]
                        with m.Elif(~last_tile):
                            m.d.sync += [group.eq(0), tile.eq(tile + 1), mask_base.eq(mask_base + config.mask_tile)]
                            m.d.sync += moved_on(("group", "tile"), "tile")
                        with m.Else():
                            m.d.sync += [group.eq(0), tile.eq(0), mask_base.eq(0), row.eq(row + 1)]
                            m.d.sync += moved_on(("group", "tile", "row"), "row")
                            with m.If(last_row):
                                m.d.sync += busy.eq(0)
                                m.d.comb += finishing.eq(1)

        # the way of a tap: table (1), register (1), address register … word (3), turn (2), OR (1), write
        control = data.StructLayout(
            {
                "valid": 1,
                "first": 1,
                "last": 1,
                "last_plane": 1,
                "plane": range(s.planes),
                "finish": 1,
            }
        )
        now = Signal(control, name="now")
        m.d.comb += [
            now.valid.eq(busy),
            now.first.eq(tap == 0),
            now.last.eq(busy & last_tap),
            now.last_plane.eq(busy & last_tap & last_plane),
            now.plane.eq(plane),
            now.finish.eq(finishing),
        ]
        stages = [now]
        for i in range(10):
            delayed = Signal(control, name=f"now{i}")
            m.d.sync += delayed.eq(stages[-1])
            stages.append(delayed)
        delayed_source, delayed_target, delayed_mask = source["group"], target["group"], mask_base
        for i in range(2):
            registers = []
            for base, n in ((delayed_source, "source"), (delayed_target, "target"), (delayed_mask, "mask")):
                delayed = Signal.like(base, name=f"{n}_now{i}", reset_less=True)
                m.d.sync += delayed.eq(base)
                registers.append(delayed)
            delayed_source, delayed_target, delayed_mask = registers
        entry = Signal(tap_view(s), reset_less=True)
        m.d.sync += entry.eq(table.read_data)
        with m.If(stages[2].valid):
            plane = Mux(config.counts, 0, stages[2].plane) if s.counting else stages[2].plane
            m.d.comb += self.read_addr.eq(delayed_source + entry.source + plane)
        m.d.comb += masks.read_addr.eq(entry.mask + delayed_mask)

        depth = 2 + SpikeMemory.latency  # the stage in which the word has come
        mask = masks.read_data  # stage 3
        rotate, place = entry.rotate, Signal(address, reset_less=True)
        with m.If(stages[2].first):
            m.d.sync += place.eq(delayed_target + entry.target + stages[2].plane)
        for i in range(3, depth + 2):
            registered_mask = Signal(shape.lanes, name=f"mask{i}", reset_less=True)
            m.d.sync += registered_mask.eq(mask)
            mask = registered_mask
        for i in range(2, depth):
            delayed_rotate = Signal.like(entry.rotate, name=f"rotate{i}", reset_less=True)
            m.d.sync += delayed_rotate.eq(rotate)
            rotate = delayed_rotate
        for i in range(3, depth + 3):
            delayed_place = Signal.like(place, name=f"place{i}", reset_less=True)
            m.d.sync += delayed_place.eq(place)
            place = delayed_place
        bits = len(rotate)
        fine = bits // 2
        fine_rotate, coarse_rotate = rotate[:fine], Signal(bits - fine, reset_less=True)
        m.d.sync += coarse_rotate.eq(rotate[fine:])
        turned_stage, or_stage = stages[depth + 2], stages[depth + 3]
        for b in range(shape.banks):
            finely = Signal(shape.lanes, name=f"finely{b}", reset_less=True)
            turned = Signal(shape.lanes, name=f"turned{b}", reset_less=True)
            gathered = Signal(shape.lanes, name=f"gathered{b}", reset_less=True)
            m.d.sync += [
                finely.eq(self._turn(self.words[b], fine_rotate, 1)),
                turned.eq(self._turn(finely, coarse_rotate, 1 << fine)),
                gathered.eq(Mux(turned_stage.first, 0, gathered) | Mux(turned_stage.valid, turned & mask, 0)),
            ]
            made = gathered
            if s.counting:
                counter = CountingAdder(lanes=shape.lanes, planes=min(COUNT_PLANES, s.planes))
                m.submodules[f"counter{b}"] = counter
                m.d.comb += [counter.word.eq(turned & mask), counter.valid.eq(turned_stage.valid)]
                m.d.comb += counter.first.eq(turned_stage.first)
                made = Signal(shape.lanes, name=f"made{b}")
                m.d.comb += made.eq(gathered)
                for p, counted in enumerate(counter.count):
                    with m.If(config.counts & (or_stage.plane == p)):
                        m.d.comb += made.eq(counted)
            m.d.comb += self.write_data[b].eq(made)
            live = Signal(s.planes, name=f"live{b}", reset_less=True)
            with m.If(or_stage.last):
                m.d.sync += live.eq(live | (made.any() << or_stage.plane))
                with m.If(or_stage.plane == 0):
                    m.d.sync += live.eq(made.any())
            m.d.comb += self.live_data[b].eq(live)
        m.d.comb += [self.write_en.eq(or_stage.last), self.write_addr.eq(place)]
        m.d.sync += [
            self.live_en.eq(or_stage.last_plane),
            self.finished.eq(or_stage.finish),
        ]
        with m.If(or_stage.last & (or_stage.plane == 0)):
            m.d.sync += self.live_addr.eq(place)
        return m

    def _turn(self, word: Signal, rotate: Signal, unit: int) -> Signal:
        """Turn ``word`` by ``rotate · unit`` lanes (the lane count need not be a power of two)."""
        lanes = self.structure.shape.lanes
        for i in range(len(rotate)):
            step = (unit << i) % lanes
            word = Mux(rotate[i], Cat(word[step:], word[:step]), word)
        return word
