"""cocotb bench of the units that walk spike memory alone: attention unit, mover, token selector, pixel loader."""

import random

import cocotb
import numpy as np
from ports import Delayed, Ports, expect, lanes_of, words_of
from structures import every_field, mover_tables, packed, pixel_table

from spikewright.compiler.target.descriptors import Kind
from spikewright.compiler.target.structure import Structure, bits_for
from spikewright.cost.cycles import load_cycles, move_cycles, product_cycles, select_cycles
from spikewright.hdl.attention import AttentionUnit, ProductMemory
from spikewright.hdl.frames import FramePlacement
from spikewright.hdl.loader import PixelLoader
from spikewright.hdl.mover import COUNT_PLANES, Mover
from spikewright.hdl.selector import TokenSelector
from spikewright.hdl.spikes import SpikeMemory
from spikewright.hdl.views import tap_view
from spikewright.sim.benches.stream_bench import StreamSource, given, seeded, start

LIMIT = {"timeout_time": 5, "timeout_unit": "ms"}

#: From ``finished`` of a descriptor to ``start`` of the next; the cost model counts from start to start.
NEXT = 4


class Words:
    """Random spike words: the memory that a unit reads, three cycles late."""

    def __init__(self, rng, s):
        self.s = s
        self.banks = [
            [rng.getrandbits(s.shape.lanes) & rng.getrandbits(s.shape.lanes) for _ in range(1 << s.address_bits)]
            for _ in range(s.shape.banks)
        ]
        self.line = Delayed(SpikeMemory.latency)

    def read(self, address):
        return lanes_of([bank[address] for bank in self.banks], self.s.shape.lanes)

    def serve(self, ports):
        """After a cycle: what was asked comes three cycles later."""
        address = self.line.turn(ports.get("read_addr"))
        ports.set_array("words", [bank[address] for bank in self.banks])


@cocotb.test(**LIMIT)
async def attention_unit(dut):
    """Heads, groups, rows and tiles of any number; every element; cycles as the cost model says."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, unit, shape = Ports(dut, "attention"), AttentionUnit(structure=s), s.shape
    step_mask = (1 << s.product_bits) - 1
    for _ in range(6):
        memory = Words(rng, s)
        fields = {name: rng.randint(1, 2) for name in ("heads", "groups", "tiles", "rows")}
        room = s.product_depth // (fields["heads"] * fields["groups"] * fields["rows"])
        fields["channels"] = rng.randint(3, min(7, room))
        own = ("value_rows", "value_tile", "value_group") if s.value_channels else ()
        names = ("key", "value", "tile_stride", "group_stride", *own)
        fields |= {name: rng.getrandbits(s.address_bits) for name in names}
        fields = every_field(Kind.PRODUCT, fields)
        want = unit.model(fields, memory.read)
        products, line = {}, Delayed(ProductMemory.latency)
        await ports.cycle(start=1, config=packed(Kind.PRODUCT, s, fields))
        memory.serve(ports)
        ports.set(start=0)
        began, ended = ports.now, 0
        while not ended:
            await ports.cycle()
            expect(ports.get("busy"), 1, "busy")
            memory.serve(ports)
            # read before this cycle's write; what was never written is noise
            noise = [rng.getrandbits(s.product_bits * shape.steps) for _ in range(shape.banks)]
            ports.set_array("product", line.turn(products.get(ports.get("product_addr"), noise)) or noise)
            if ports.get("write_en"):
                products[ports.get("write_addr")] = ports.array("write", shape.banks)
            ended = ports.now if ports.get("finished") else 0
            assert ports.now - began < 5000, "no end"
        names = ("heads", "groups", "rows", "tiles", "channels")
        walk = fields["heads"] * fields["groups"] * fields["rows"] * fields["tiles"] * (fields["channels"] + 1)
        expect(ended - began, walk + unit.latency, "cycles from start to finished")
        expect(ended - began + NEXT, product_cycles(**{name: fields[name] for name in names}), "the cost model")
        got = {
            address: [[word >> t * s.product_bits & step_mask for t in range(shape.steps)] for word in words]
            for address, words in products.items()
        }
        expect(sorted(got), sorted(want), "addresses of the elements")
        for address in want:
            expect(got[address], want[address].tolist(), f"element words at {address}")
        for _ in range(10):
            await ports.cycle()
            expect((ports.get("busy"), ports.get("write_en")), (0, 0), "idle")


@cocotb.test(**LIMIT)
async def mover(dut):
    """Words of several taps, planes, tiles, groups and rows; taps from the ROM and taps written at run time."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, unit, shape, layout = Ports(dut, "mover"), Mover(structure=s), s.shape, tap_view(s)
    taps, masks = mover_tables(s)
    for trial in range(12):
        memory = Words(rng, s)
        fields = {name: rng.randint(1, 2) for name in ("rows", "tiles", "groups", "words")}
        counts = int(s.counting and trial % 4 > 1)
        planes = rng.randint(1, COUNT_PLANES if counts else s.planes)
        fields |= {"planes": planes, "taps": rng.randint(1, 7), "counts": counts}
        for side in ("source", "target"):
            fields |= {f"{side}{n}": rng.getrandbits(s.address_bits) for n in ("", "_row", "_tile", "_group")}
        count = fields["words"] * fields["taps"]
        fields["table"] = rng.randint(0, s.table_depth - count)
        fields["mask_tile"] = rng.randint(0, s.mask_depth - 1 - 30) if fields["tiles"] > 1 else 0
        if trial % 2:  # as the token selector does
            for n in range(count):
                number, tap = fields["table"] + n, random_tap(rng, s)
                mask_number, mask = tap["mask"], rng.getrandbits(shape.lanes)
                taps[number], masks[mask_number] = tap, mask
                ports.set(tap_en=1, tap_addr=number, tap=layout.const(tap).as_bits())
                await ports.cycle(mask_en=1, mask_addr=mask_number, mask=mask)
            ports.set(tap_en=0, mask_en=0)
        values = list(unit.model(fields, taps, lanes_of(masks, shape.lanes), memory.read))
        space = 1 << s.address_bits
        want = [
            ((address + p) % space, words_of(words)) for address, planes in values for p, words in enumerate(planes)
        ]
        writes, lives = [], []
        await ports.cycle(start=1, config=packed(Kind.MOVE, s, fields))
        memory.serve(ports)
        ports.set(start=0)
        began, ended, idle = ports.now, 0, 0
        while idle < 12:
            await ports.cycle()
            memory.serve(ports)
            if ports.get("write_en"):
                writes.append((ports.get("write_addr"), ports.array("write_data", shape.banks)))
            if ports.get("live_en"):
                lives.append((ports.get("live_addr"), ports.array("live_data", shape.banks)))
            if ports.get("finished"):
                expect(ended, 0, "finished twice")
                ended = ports.now
            idle += ended > 0
            assert ports.now - began < 5000, "no end"
        names = ("rows", "tiles", "groups", "words", "planes", "taps")
        sizes = {name: fields[name] for name in names}
        walk = len(want) * fields["taps"]
        expect(ended - began, walk + unit.latency, "cycles from start to finished")
        expect(ended - began + NEXT, move_cycles(**sizes), "the cost model")
        expect(len(writes), len(want), "words written")
        for i, (got, expected) in enumerate(zip(writes, want, strict=True)):
            expect(got, expected, f"trial {trial}, write {i}")
        silence = [(address, planes_live(planes).tolist()) for address, planes in values]
        expect(lives, silence, f"trial {trial}, silence bits")


def planes_live(planes):
    """Silence bits of values from the lanes of their planes."""
    return sum(np.any(words, axis=-1) * (1 << p) for p, words in enumerate(planes))


def random_tap(rng, s):
    return {
        "source": rng.getrandbits(s.address_bits),
        "target": rng.getrandbits(s.address_bits),
        "rotate": rng.randrange(s.shape.lanes),
        "mask": rng.randrange(30),
    }


@cocotb.test(**LIMIT)
async def token_selector(dut):
    """Scores with many ties; kept tokens, the plan as the mover would carry it out, cycles."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, unit, shape, layout = Ports(dut, "selector"), TokenSelector(structure=s), s.shape, tap_view(s)
    mover_unit = Mover(structure=s)
    for trial in range(14):
        tokens = s.selector_tokens if trial == 0 else rng.randint(1, s.selector_tokens)
        keep = tokens if trial == 1 else 1 if trial == 2 else rng.randint(1, tokens)
        score_bits = rng.choice((2, 3, 9, s.membrane_bits))
        limit = 1 << score_bits - 1
        scores = [rng.randrange(-limit, limit) for _ in range(tokens)]
        if trial % 3 == 0:
            scores = [rng.choice(scores[:2]) for _ in scores]
        tiles, targets = -(-tokens // shape.tokens), -(-keep // shape.tokens)
        taps = min(shape.tokens, tokens - keep + tiles)
        fields = {
            "tokens": tokens,
            "keep": keep,
            "score_bits": score_bits,
            "taps": taps,
            "entries": targets * taps,
            "source_tile": rng.randint(1, 5),
            "target_tile": rng.randint(1, 5),
        }
        fields["table"] = rng.randint(0, s.table_depth - fields["entries"])
        fields["mask"] = rng.randint(0, s.mask_depth - fields["entries"])
        await ports.cycle(clear=1, score_en=0)
        ports.set(clear=0)
        for score in scores:
            while rng.random() < 0.3:
                await ports.cycle(score_en=0, score=rng.getrandbits(s.membrane_bits))
            await ports.cycle(score_en=1, score=score)
        await ports.cycle(score_en=0, start=1, config=packed(Kind.SELECT, s, fields))
        ports.set(start=0)
        began, ended = ports.now, 0
        kept, plan, masks = [], {}, {}
        while not ended:
            await ports.cycle()
            if ports.get("kept_en"):
                kept.append(ports.get("kept"))
            if ports.get("tap_en"):
                tap = layout.from_bits(ports.get("tap"))
                plan[ports.get("tap_addr")] = {n: getattr(tap, n) for n in ("source", "target", "rotate", "mask")}
            if ports.get("mask_en"):
                masks[ports.get("mask_addr")] = ports.get("mask")
            ended = ports.now if ports.get("finished") else 0
            assert ports.now - began < 5000, "no end"
        what = f"trial {trial}, {keep} of {tokens} tokens"
        want = TokenSelector.model(scores, keep)
        expect(kept, want, f"{what}, kept")
        sizes = {"tokens": tokens, "score_bits": score_bits, "entries": fields["entries"]}
        expect(ended - began + NEXT, select_cycles(**sizes), f"{what}, the cost model")
        expect(sorted(plan), list(range(fields["table"], fields["table"] + fields["entries"])), f"{what}, taps")
        expect(sorted(masks), list(range(fields["mask"], fields["mask"] + fields["entries"])), f"{what}, masks")
        # the mover's model, given the plan, packs the kept tokens
        words = [rng.getrandbits(shape.lanes) for _ in range(tiles)]
        table = [plan[address] for address in sorted(plan)]
        expect((table, [masks[n] for n in sorted(masks)]), unit.plan(fields, want), f"{what}, the plan's model")
        move = {"rows": 1, "tiles": 1, "groups": 1, "planes": 1, "words": targets, "taps": taps}
        by_number = lanes_of([masks.get(n, 0) for n in range(s.mask_depth)], shape.lanes)
        read = read_tiles(words, fields["source_tile"], shape.lanes)
        moved = mover_unit.model(every_field(Kind.MOVE, move), table, by_number, read)
        mask = (1 << shape.steps) - 1
        packed_words = [0] * targets
        for n, token in enumerate(want):
            spikes = words[token // shape.tokens] >> token % shape.tokens * shape.steps & mask
            packed_words[n // shape.tokens] |= spikes << n % shape.tokens * shape.steps
        want_moved = [(t * fields["target_tile"], word) for t, word in enumerate(packed_words)]
        expect([(address, words_of(planes[0])[0]) for address, planes in moved], want_moved, f"{what}, packed")


def read_tiles(words, stride, lanes):
    def read(address):
        return lanes_of([words[address // stride]], lanes)

    return read


@cocotb.test(**LIMIT)
async def frame_placement(dut):
    """Slot after slot in every step group, with pauses; again from the start."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, pixel, slot = Ports(dut, "frames"), bits_for(s.pixel_depth - 1), s.shape.steps
    for _ in range(8):
        groups, frame = rng.randint(1, 3), rng.randint(1, 9)
        last_steps = rng.randint(1, s.shape.steps)
        group = frame * s.shape.steps
        ports.set(frame=frame, group=group, last_steps=last_steps, advance=0, next_group=0)
        await ports.cycle(start=1)
        ports.set(start=0)
        for number, steps in enumerate(FramePlacement.model(slot, frame=frame, groups=groups, last_steps=last_steps)):
            ports.set(last_group=number == groups - 1)
            for _slot in range(rng.randint(1, 3)):
                for step, (offset, exists) in enumerate(steps):
                    for advance in (*[0] * rng.choice((0, 0, 2)), 1):
                        await ports.cycle(advance=advance)
                        got = tuple(ports.get(name) for name in ("offset", "exists", "last"))
                        expect(
                            got, (offset % (1 << pixel), exists, step == len(steps) - 1), f"group {number}, step {step}"
                        )
            await ports.cycle(advance=0, next_group=1)
            ports.set(next_group=0)


@cocotb.test(**LIMIT)
async def pixel_loader(dut):
    """Images with stalls; the next one is taken in early; folded and unfolded words; cycles as the cost model says."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, unit, shape = Ports(dut, "loader"), PixelLoader(structure=s), s.shape
    table = pixel_table(s)
    source = StreamSource(dut, "loader__pixels", rng=random.Random(rng.random()), stall=0.3, patience=20_000)
    for trial in range(9):
        framed = int(s.frames and trial % 3 == 2)
        fields, size = load(rng, s, fold=trial % 2 and not framed, frames=rng.randint(1, 5) if framed else 0)
        await ports.cycle(size_en=1, size=size, channels=fields["channels"])
        ports.set(size_en=0)
        image = [rng.getrandbits(8) for _ in range(size)]
        expect(ports.get("full"), 0, "full before the image is there")
        source.stall = rng.choice((0.0, 0.3, 0.7))
        await source.send(image)
        wait = await ports.until(lambda: ports.get("full"), 10, "full")
        expect(wait, unit.latency, "cycles from the last pixel to full")
        expect(ports.get("pixels__ready"), 0, "no pixel of the next image before the buffer is free")
        codes = [table[n % fields["channels"]][pixel] for n, pixel in enumerate(image)]
        values = unit.model(fields, np.array(codes))
        want = [(address, words_of(planes)) for address, planes in values]
        await ports.cycle(start=1, config=packed(Kind.LOAD, s, fields))
        ports.set(start=0)
        began, ended, writes, lives = ports.now, 0, [], []
        while not ended:
            await ports.cycle()
            if ports.get("write_en"):
                writes.append((ports.get("write_addr"), ports.get("write_data")))
            if ports.get("live_en"):
                lives.append((ports.get("live_addr"), ports.get("live_planes")))
            ended = ports.now if ports.get("finished") else 0
            assert ports.now - began < 20_000, "no end"
        slots = shape.lanes if fields["fold"] or fields["framed"] else shape.tokens
        cycles = load_cycles(words=len(want), slots=slots, planes=fields["planes"])
        expect(ended - began, len(want) * (slots + fields["planes"] + 2) + 1, "cycles from start to finished")
        # an image's first descriptor is counted from its own start on: nothing came before it
        expect(ended - began + 2, cycles, "the cost model")
        space = 1 << s.address_bits
        expect(
            writes,
            [((address + p) % space, word) for address, planes in want for p, word in enumerate(planes)],
            f"trial {trial}, words",
        )
        silence = [(address, sum(bool(w) << p for p, w in enumerate(planes))) for address, planes in want]
        expect(lives, silence, f"trial {trial}, silence bits")


def load(rng, s, *, fold, frames):
    """A random LOAD descriptor whose pixels lie inside the image, and the image's bytes; frames: 0 without."""
    shape, space = s.shape, 1 << s.address_bits
    lanes = shape.lanes if fold else shape.tokens
    channels, rows, columns = rng.randint(1, s.image_channels), rng.randint(1, 2), rng.randint(1, 2)
    most = s.pixel_depth // (channels * rows * columns * max(1, frames))
    slots = rng.randint(1, min(5, most))
    lines = rng.randint(1, min(4, most // slots))
    width = slots * columns  # of the image, in pixels
    fields = {name: rng.randrange(space) for name in ("base", "channel_stride", "x_step", "y_step", "tile_stride")}
    fields |= {
        "channels": channels,
        "rows": rows,
        "columns": columns,
        "tiles": -(-slots * lines // lanes),
        "fold": fold,
        "slots": slots,
        "used": slots * lines,
        "pixel_x": columns * channels,
        "pixel_wrap": channels * (columns + (rows - 1) * width),
        "pixel_column": channels,
        "pixel_row": channels * width,
        "planes": rng.randint(1, min(s.image_bits, s.planes)),
        "bytes": channels * width * rows * lines * max(1, frames),
    }
    if frames:
        frame = channels * width * rows * lines
        groups = shape.groups(frames)
        fields |= {
            "framed": 1,
            "frame": frame,
            "frame_group": frame * shape.steps if groups > 1 else 0,
            "groups": groups,
            "group_stride": rng.randrange(space),
            "last_steps": frames - (groups - 1) * shape.steps,
        }
    fields = every_field(Kind.LOAD, fields)
    return fields, fields["bytes"]
