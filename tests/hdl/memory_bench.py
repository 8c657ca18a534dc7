"""cocotb bench of the memories: weight ROM, bank, ROM stream, spike memory, silence bits, products."""

import random

import cocotb
from cocotb.triggers import RisingEdge
from ports import Ports, expect
from structures import contents

from spikewright.compiler.target.structure import Structure
from spikewright.hdl.attention import ProductMemory
from spikewright.hdl.memory import Bank, Rom, RomStream
from spikewright.hdl.silence import LiveMemory
from spikewright.hdl.spikes import SpikeMemory
from spikewright.sim.benches.stream_bench import StreamError, StreamSink, given, seeded, start

LIMIT = {"timeout_time": 1, "timeout_unit": "ms"}


@cocotb.test(**LIMIT)
async def rom(dut):
    """Any address in any cycle; the word two cycles later."""
    rng = seeded()
    await start(dut)
    for width, depth in given()["roms"]:
        name = f"rom{width}x{depth}"
        ports, words = Ports(dut, name), contents(name, width, depth)
        addresses = [rng.randrange(depth) for _ in range(200)]
        got = []
        for address in addresses:
            await ports.cycle(addr=address)
            got.append(ports.get("data"))
        want = Rom.model(words, addresses)
        expect(got[Rom.latency :], want[: -Rom.latency], name)


@cocotb.test(**LIMIT)
async def bank(dut):
    """Reads and writes in the same cycle, of different addresses; the word one cycle later."""
    rng = seeded()
    await start(dut)
    for kind, width, depth in given()["banks"]:
        name = f"{kind}{width}x{depth}"
        ports = Ports(dut, name)
        words: list = contents(name, width, depth) if kind == "table" else [None] * depth
        accesses, got = [], []
        for _ in range(300):
            read, where = rng.randrange(depth), rng.randrange(depth)
            write = rng.random() < 0.6 and (where != read)
            word = rng.getrandbits(width)
            accesses.append((where if write else None, word, read))
            await ports.cycle(write_en=write, write_addr=where, write_data=word, read_addr=read)
            got.append(ports.get("read_data"))
        compare_known(name, got, Bank.model(words, accesses), Bank.latency)


def compare_known(name, got, want, latency):
    """Words that were never written are not compared."""
    known = [(i, word) for i, word in enumerate(want[:-latency]) if word is not None]
    assert len(known) > len(want) // 4, f"{name}: only {len(known)} words to compare"
    for i, word in known:
        expect(got[i + latency], word, f"{name}, read in cycle {i}")


@cocotb.test(**LIMIT)
async def rom_stream(dut):
    """Words in order under stalls; rewinds at any time; first word after the stated latency; a word a cycle."""
    rng = seeded()
    await start(dut)
    for width, depth in given()["streams"]:
        name = f"stream{width}x{depth}"
        ports, words = Ports(dut, name), contents(name, width, depth)
        for stall in (0.0, 0.4, 0.8, 0.0, 0.3):
            for _ in range(rng.randrange(4)):  # a transfer may be due in the cycle of the rewind
                await ports.cycle(o__ready=rng.random() < 0.5)
            await ports.cycle(rewind=1, o__ready=rng.random() < 0.5)
            ports.set(rewind=0, o__ready=0)
            wait = await ports.until(lambda p=ports: p.get("o__valid"), 20, "first word")
            expect(wait, RomStream.latency, f"{name}: latency after rewind")
            sink = StreamSink(dut, f"{name}__o", rng=random.Random(rng.random()), stall=stall, patience=100)
            count, began = rng.randint(1, depth), cocotb.simtime.get_sim_time("ns")
            want = RomStream.model(words, count)
            for index, word in enumerate(want):
                (got,) = await sink.receive(1)
                if got != word:
                    raise StreamError(f"{name}: item {index} of {count} expected {word:#x}, got {got:#x}")
            if stall == 0:
                cycles = (cocotb.simtime.get_sim_time("ns") - began) / 10
                expect(cycles, count, f"{name}: cycles for {count} words without stalls")
            await RisingEdge(dut.clk)


def memory_accesses(rng, depth, width, reads):
    """A random (write address or None, word), and ``reads`` other addresses to read."""
    where = rng.randrange(depth)
    word = rng.getrandbits(width)
    found = []
    while len(found) < reads:
        address = rng.randrange(depth)
        if address != where:
            found.append(address)
    return (where if rng.random() < 0.7 else None), word, found


@cocotb.test(**LIMIT)
async def live_memory(dut):
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, count = Ports(dut, "live"), given()["live_ports"]
    depth = min(16, s.bank_depth)
    accesses, got = [[] for _ in range(count)], [[] for _ in range(count)]
    for _ in range(300):
        where, planes, reads = memory_accesses(rng, depth, s.planes, count)
        ports.set_array("read_addr", reads)
        await ports.cycle(write_en=where is not None, write_addr=where or 0, write_planes=planes)
        for i, address in enumerate(reads):
            accesses[i].append((where, planes, address))
            got[i].append(ports.get(f"planes__{i}"))
    for i in range(count):
        compare_known(f"port {i}", got[i], LiveMemory.model([None] * depth, accesses[i]), LiveMemory.latency)


@cocotb.test(**LIMIT)
async def spike_memory(dut):
    """All banks are written and all ports read at once."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, shape = Ports(dut, "spikes"), s.shape
    count, depth = shape.streams * shape.banks, min(16, s.bank_depth)
    words, word_got = [[] for _ in range(count)], [[] for _ in range(count)]
    lives, live_got = [[] for _ in range(2 * count)], [[] for _ in range(2 * count)]
    for _ in range(300):
        enable = live_enable = 0
        reads, looks = [0] * count, [0] * (2 * count)
        for b in range(shape.banks):
            own = [b + stream * shape.banks for stream in range(shape.streams)]
            # the address is registered: a read meets the writes of the next cycle, so reads keep clear of both halves
            where, word, found = memory_accesses(rng, depth // 2, shape.lanes, len(own))
            half = depth // 2 * (ports.now % 40 // 20)
            if ports.now % 20 in (18, 19, 0):
                where = None
            enable |= (where is not None) << b
            for port, address in zip(own, found, strict=True):
                reads[port] = address + half
                words[port].append((None if where is None else where + (depth // 2 - half), word, reads[port]))
            ports.set(**{f"write_addr__{b}": (where or 0) + (depth // 2 - half), f"write_data__{b}": word})
            where, planes, found = memory_accesses(rng, depth, s.planes, 2 * len(own))
            live_enable |= (where is not None) << b
            for i, address in enumerate(found):
                port = 2 * own[i // 2] + i % 2
                looks[port] = address
                lives[port].append((where, planes, address))
            ports.set(**{f"live_write_addr__{b}": where or 0, f"live_data__{b}": planes})
        ports.set_array("read_addr", reads)
        ports.set_array("live_addr", looks)
        await ports.cycle(write_en=enable, live_en=live_enable)
        for port in range(count):
            word_got[port].append(ports.get(f"words__{port}"))
        for port in range(2 * count):
            live_got[port].append(ports.get(f"live__{port}"))
    for port in range(count):
        want = SpikeMemory.model([None] * depth, words[port])
        compare_known(f"port {port}", word_got[port], want, SpikeMemory.latency)
    for port in range(2 * count):
        if shape.skip:
            want = SpikeMemory.model([None] * depth, lives[port])
            compare_known(f"look-up {port}", live_got[port], want, LiveMemory.latency)
        else:
            expect(set(live_got[port]), {0}, f"look-up {port} without skipping")


@cocotb.test(**LIMIT)
async def product_memory(dut):
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, shape = Ports(dut, "products"), s.shape
    count, depth, width = shape.streams * shape.banks, min(16, s.product_depth), s.product_bits * shape.steps
    accesses, got = [[] for _ in range(count)], [[] for _ in range(count)]
    for _ in range(300):
        where, _, reads = memory_accesses(rng, depth, 1, count)
        data = [rng.getrandbits(width) for _ in range(shape.banks)]
        ports.set_array("write", data)
        ports.set_array("read_addr", reads)
        await ports.cycle(write_en=where is not None, write_addr=where or 0)
        for port in range(count):
            accesses[port].append((where, data[port % shape.banks], reads[port]))
            got[port].append(ports.get(f"read__{port}"))
    for port in range(count):
        want = ProductMemory.model([None] * depth, accesses[port])
        compare_known(f"port {port}", got[port], want, ProductMemory.latency)
