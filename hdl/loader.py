"""Pixel loader: takes bytes, turns them into input codes, and builds the bit-planes of the first layer's words."""

from collections.abc import Mapping
from itertools import product

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.descriptors import Kind
from spikewright.compiler.target.memories import image_buffer, pixel_rom
from spikewright.compiler.target.structure import Structure, bits_for
from spikewright.hdl.frames import FramePlacement
from spikewright.hdl.memory import Bank, Rom, check_structure
from spikewright.hdl.nest import final_index
from spikewright.hdl.views import descriptor_view


class PixelLoader(wiring.Component):
    """Buffers one image (raster order, channel innermost), then gathers it lane by lane.

    Every byte passes the input table (256 codes a channel). The next image is taken in while the accelerator computes;
    ``full`` says that a whole image is there (``latency`` cycles after its last byte is taken). After ``start`` each
    word of spike memory is gathered one lane (``fold``, and ``framed``: a frame a step) or one token slot a cycle, all
    bit-planes at once, then written plane by plane; lanes past ``used`` and of steps past the last are 0: slots are
    counted to the end of the last tile, for which ``loop_bits`` must be wide enough. All banks get the same words. The
    buffer is free again when ``finished`` pulses, ``words · (slots + planes + 2) + 1`` cycles after
    ``start``; a slot is a lane or a token slot. Reset: empty; contents undefined.
    """

    latency = Rom.latency + 4

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        shape, address = structure.shape, structure.address_bits
        super().__init__(
            {
                #: Bytes of the images.
                "pixels": In(stream.Signature(8)),
                #: Take size and channels of the images.
                "size_en": In(1),
                #: Bytes of an image.
                "size": In(bits_for(structure.pixel_depth)),
                #: Channels of an image.
                "channels": In(structure.loop_bits),
                #: A whole image is in the buffer.
                "full": Out(1),
                #: Begin a descriptor; only with ``full``.
                "start": In(1),
                #: The descriptor, held from ``start`` to ``finished``.
                "config": In(descriptor_view(Kind.LOAD, structure)),
                #: A pulse: all words are written.
                "finished": Out(1),
                #: A word is written to all banks in this cycle.
                "write_en": Out(1),
                #: Its address.
                "write_addr": Out(address),
                #: The word.
                "write_data": Out(shape.lanes),
                #: The silence bits of a value are written to all banks in this cycle.
                "live_en": Out(1),
                #: Address of its plane 0.
                "live_addr": Out(address),
                #: Bit p: plane p holds a spike.
                "live_planes": Out(structure.planes),
            }
        )

    def model(self, config: Mapping[str, int], codes: np.ndarray) -> list[tuple[int, list[np.ndarray]]]:
        """All words in order: address of plane 0, the planes, uint8 [..., lanes].

        codes: the image behind the input table, integers [..., bytes].
        """
        shape = self.structure.shape
        copies = 1 if config["fold"] else shape.steps
        slots = shape.lanes // copies
        # places in the buffer that the frames of a slot's steps add: none where all steps have one image
        frames = [[(0, True)]]
        if config["framed"]:
            walk = {name: config[name] for name in ("frame", "groups", "last_steps")}
            frames, copies = list(FramePlacement.model(shape.steps, **walk)), 1
        wrap = config["pixel_wrap"] + (config["slots"] - 1) * config["pixel_x"]
        words = []
        loops = (range(config[name]) for name in ("groups", "channels", "rows", "columns", "tiles"))
        for group, channel, row, column, tile in product(*loops):
            address = config["base"] + channel * config["channel_stride"] + tile * config["tile_stride"]
            address += group * config["group_stride"]
            address += row * ((config["columns"] - 1) * config["x_step"] + config["y_step"]) + column * config["x_step"]
            numbers = np.arange(tile * slots, (tile + 1) * slots)
            lines, places = np.divmod(numbers, config["slots"])
            pixels = channel + row * config["pixel_row"] + column * config["pixel_column"]
            pixels = pixels + lines * wrap + places * config["pixel_x"]
            more, exist = np.array(frames[group]).T
            pixels = (pixels[:, None] + more).reshape(-1)
            used = ((numbers < config["used"])[:, None] & exist.astype(bool)).reshape(-1)
            code = np.where(used, codes.take(pixels, axis=-1, mode="wrap"), 0)
            planes = [np.repeat(code >> p & 1, copies, axis=-1).astype(np.uint8) for p in range(config["planes"])]
            words.append((address % (1 << self.structure.address_bits), planes))
        return words

    def elaborate(self, platform: object) -> Module:
        s = self.structure
        m = Module()
        m.submodules.table = table = Rom.of(pixel_rom(s))
        m.submodules.buffer = buffer = Bank.of(image_buffer(s))
        self._take_in(m, table, buffer)
        self._gather(m, buffer)
        return m

    def _take_in(self, m: Module, table: Rom, buffer: Bank) -> None:
        s = self.structure
        size, taken = Signal(len(self.size)), Signal(len(self.size))
        final_channel, channel = Signal(s.loop_bits), Signal(s.loop_bits)
        with m.If(self.size_en):
            m.d.sync += [size.eq(self.size), final_channel.eq(self.channels - 1)]
        accept = Signal()
        m.d.comb += [
            self.pixels.ready.eq(taken != size),
            accept.eq(self.pixels.valid & self.pixels.ready),
        ]
        # a register of its own: the byte may come straight out of a block RAM
        m.d.sync += table.addr.eq(Cat(self.pixels.payload, channel))
        delay = 1 + Rom.latency
        writes, places = accept, taken
        for i in range(delay):
            delayed, delayed_place = Signal(name=f"write{i}"), Signal.like(taken, name=f"place{i}", reset_less=True)
            m.d.sync += [delayed.eq(writes), delayed_place.eq(places)]
            writes, places = delayed, delayed_place
        m.d.comb += [buffer.write_en.eq(writes), buffer.write_addr.eq(places), buffer.write_data.eq(table.data)]
        with m.If(self.finished):
            m.d.sync += [taken.eq(0), channel.eq(0)]
        with m.Elif(accept):
            m.d.sync += [taken.eq(taken + 1), channel.eq(Mux(channel == final_channel, 0, channel + 1))]
        whole = Signal(delay + 1)
        m.d.sync += whole.eq(Mux((size != 0) & (taken == size), Cat(1, whole), 0))
        m.d.sync += self.full.eq(whole[-1] & (taken == size) & ~self.finished)

    def _gather(self, m: Module, buffer: Bank) -> None:
        s, shape, config = self.structure, self.structure.shape, self.config
        loop, address, pixel = s.loop_bits, s.address_bits, len(buffer.read_addr)
        slot, column_slot, used = (Signal(loop, name=n) for n in ("slot", "column_slot", "used"))
        tile, column, row, channel = (Signal(loop, name=n) for n in ("tile", "column", "row", "channel"))
        cursor, corner, row_corner, channel_corner = (
            Signal(pixel, name=n) for n in ("cursor", "corner", "row_corner", "channel_corner")
        )
        corners = (corner, row_corner, channel_corner)
        word, position, channel_word = (Signal(address, name=n) for n in ("word", "position", "channel_word"))
        final_slot = Signal(loop)
        lane_by_lane, exists, next_slot, last_group = config.fold, Const(1, 1), Const(1, 1), Const(1, 1)
        m.d.comb += [final_slot.eq(Mux(config.fold, shape.lanes, shape.tokens) - 1), buffer.read_addr.eq(cursor)]
        if s.frames:
            m.submodules.frames = frames = FramePlacement(structure=s)
            lane_by_lane = config.fold | config.framed
            exists, next_slot = ~config.framed | frames.exists, ~config.framed | frames.last
            group, group_word, last_group = Signal(loop), Signal(address), Signal()
            m.d.comb += [
                frames.frame.eq(config.frame),
                frames.group.eq(config.frame_group),
                frames.last_group.eq(last_group),
                frames.last_steps.eq(config.last_steps),
                last_group.eq(group == final_index(m, config.groups, "groups")),
                buffer.read_addr.eq(cursor + Mux(config.framed, frames.offset, 0)),
            ]
        final = {n: final_index(m, config[n], n) for n in ("slots", "planes", "tiles", "columns", "rows", "channels")}

        planes = Signal(data.ArrayLayout(shape.lanes, s.image_bits), reset_less=True)
        read, live = [Signal(name=f"read{i}") for i in range(2)], [Signal(name=f"live{i}") for i in range(2)]
        m.d.sync += [read[1].eq(read[0]), live[1].eq(live[0])]
        with m.If(read[1]):
            for p in range(s.image_bits):
                bit = Signal(name=f"bit{p}")
                m.d.comb += bit.eq(buffer.read_data[p] & live[1])
                shifted = Mux(
                    lane_by_lane,
                    Cat(planes[p][1:], bit),
                    Cat(planes[p][shape.steps :], bit.replicate(shape.steps)),
                )
                m.d.sync += planes[p].eq(shifted)

        plane = Signal(range(s.image_bits + 1))
        seen = Signal(s.planes)
        m.d.comb += [self.write_addr.eq(word + plane), self.write_data.eq(planes[0]), self.live_addr.eq(word)]
        m.d.comb += self.live_planes.eq(seen)
        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start):
                    m.d.sync += [
                        x.eq(0) for x in (slot, column_slot, used, tile, column, row, channel, cursor, *corners)
                    ]
                    m.d.sync += [x.eq(config.base) for x in (word, position, channel_word)]
                    if s.frames:
                        m.d.comb += frames.start.eq(1)
                        m.d.sync += [group.eq(0), group_word.eq(config.base)]
                    m.next = "GATHER"
            with m.State("GATHER"):
                m.d.comb += [read[0].eq(1), live[0].eq((used < config.used) & exists)]
                if s.frames:
                    m.d.comb += frames.advance.eq(1)
                with m.If(next_slot):
                    m.d.sync += [slot.eq(slot + 1), used.eq(used + 1)]
                    m.d.sync += [column_slot.eq(column_slot + 1), cursor.eq(cursor + config.pixel_x)]
                    with m.If(column_slot == final["slots"]):
                        m.d.sync += [column_slot.eq(0), cursor.eq(cursor + config.pixel_wrap)]
                    with m.If(slot == final_slot):
                        m.d.sync += [slot.eq(0), plane.eq(0), seen.eq(0)]
                        m.next = "SETTLE"
            with m.State("SETTLE"):
                m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += self.write_en.eq(1)
                m.d.sync += [plane.eq(plane + 1), seen.eq(seen | (planes[0].any() << plane))]
                m.d.sync += [planes[p].eq(planes[p + 1]) for p in range(s.image_bits - 1)]
                with m.If(plane == final["planes"]):
                    m.next = "NEXT"
            with m.State("NEXT"):
                m.d.comb += self.live_en.eq(1)
                m.next = "GATHER"
                with m.If(tile != final["tiles"]):
                    m.d.sync += [tile.eq(tile + 1), word.eq(word + config.tile_stride)]
                with m.Else():
                    m.d.sync += [tile.eq(0), used.eq(0), column_slot.eq(0)]
                    with m.If(column != final["columns"]):
                        m.d.sync += [column.eq(column + 1)]
                        m.d.sync += [x.eq(position + config.x_step) for x in (word, position)]
                        m.d.sync += [x.eq(corner + config.pixel_column) for x in (cursor, corner)]
                    with m.Elif(row != final["rows"]):
                        m.d.sync += [column.eq(0), row.eq(row + 1)]
                        m.d.sync += [x.eq(position + config.y_step) for x in (word, position)]
                        m.d.sync += [x.eq(row_corner + config.pixel_row) for x in (cursor, corner, row_corner)]
                    with m.Else():
                        m.d.sync += [column.eq(0), row.eq(0), channel.eq(channel + 1)]
                        m.d.sync += [x.eq(channel_word + config.channel_stride) for x in (word, position, channel_word)]
                        m.d.sync += [x.eq(channel_corner + 1) for x in (cursor, corner, row_corner, channel_corner)]
                        with m.If(channel == final["channels"]):
                            if s.frames:
                                following = group_word + config.group_stride
                                m.d.comb += frames.next_group.eq(1)
                                m.d.sync += [group.eq(group + 1), group_word.eq(following), channel.eq(0)]
                                m.d.sync += [x.eq(following) for x in (word, position, channel_word)]
                                m.d.sync += [x.eq(0) for x in (cursor, corner, row_corner, channel_corner)]
                            with m.If(last_group):
                                m.next = "END"
            with m.State("END"):
                m.d.comb += self.finished.eq(1)
                m.next = "IDLE"
