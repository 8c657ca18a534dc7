"""cocotb bench of program memory and results."""

import cocotb
from ports import Ports, expect
from structures import contents

from spikewright.compiler.target.structure import WORD_BITS, Structure
from spikewright.hdl.program import ProgramMemory
from spikewright.hdl.results import RESULT, Results
from spikewright.sim.benches.stream_bench import StreamError, StreamSink, given, seeded, start

LIMIT = {"timeout_time": 3, "timeout_unit": "ms"}


@cocotb.test(**LIMIT)
async def program_memory(dut):
    """Descriptors in order, taken at any time; ``following`` and ``current``; rewinds, also with ``take``."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, unit = Ports(dut, "program"), ProgramMemory(structure=s)
    want = unit.model(contents("program", WORD_BITS, s.program_depth))
    expect((ports.get("current"), ports.get("kind")), (0, 0), "current after reset")
    for trial in range(5):
        wait = await ports.until(lambda: ports.get("valid"), 100, "descriptor")
        if trial:
            expect(wait, unit.latency, "cycles from rewind to the first descriptor")
        count = rng.randint(1, len(want))
        for i in range(count):
            expect(ports.get("following"), want[i], f"following, descriptor {i}")
            expect(ports.get("next_kind"), want[i] & 7, "next_kind")
            for _ in range(rng.choice((0, 0, 3, 30))):
                await ports.cycle()
                expect(ports.get("valid"), 1, "valid until it is taken")
            last = i == count - 1
            await ports.cycle(take=1, rewind=last and trial % 2)
            ports.set(take=0, rewind=0)
            if last:
                await ports.cycle(rewind=trial % 2 == 0)
                expect(ports.get("valid"), 0, "valid after take")
                expect(ports.get("current"), want[i], "current")
                expect(ports.get("kind"), want[i] & 7, "kind")
                ports.set(rewind=0)
                if trial % 2:
                    expect(await ports.until(lambda: ports.get("valid"), 100, "descriptor"), unit.latency - 1, "rewind")
                    await ports.cycle(rewind=1)
                    ports.set(rewind=0)
            else:
                wait = await ports.until(lambda: ports.get("valid"), 100, "descriptor")
                assert unit.words < wait <= unit.words + 2, f"{wait} cycles to the next descriptor"
                expect(ports.get("current"), want[i], "current")


@cocotb.test(**LIMIT)
async def results(dut):
    """Both lists filled at random, sent under stalls; ``busy``; empty again; a word every second cycle."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports = Ports(dut, "results")
    for stall in (0.0, 0.3, 0.8, 0.5, 0.0):
        sizes = [rng.randint(1, s.result_depth) for _ in range(2)]
        widths = (WORD_BITS * s.score_words, WORD_BITS)
        scores, counters = (
            [rng.getrandbits(bits) for _ in range(size)] for size, bits in zip(sizes, widths, strict=True)
        )
        sent = [0, 0]
        while sent != sizes:
            pushes = [rng.random() < 0.6 and sent[i] < sizes[i] for i in range(2)]
            ports.set(score=scores[sent[0] % sizes[0]], counter=counters[sent[1] % sizes[1]])
            await ports.cycle(score_en=pushes[0], counter_en=pushes[1], o__ready=rng.random() < 0.5)
            expect((ports.get("busy"), ports.get("o__valid")), (0, 0), "before send")
            sent = [n + push for n, push in zip(sent, pushes, strict=True)]
        await ports.cycle(score_en=0, counter_en=0, send=1, o__ready=0)
        ports.set(send=0)
        sink = StreamSink(dut, "results__o", rng=rng, stall=stall, patience=200)
        want = Results(structure=s).model(scores, counters)
        wait = await ports.until(lambda: ports.get("o__valid"), 10, "first word")
        expect(wait, Results.latency, "cycles from send to the first word")
        began = cocotb.simtime.get_sim_time("ns")
        for index, (data, last) in enumerate(want):
            (word,) = await sink.receive(1)
            item = RESULT.from_bits(word)
            if (item.data, bool(item.last)) != (data, last):
                raise StreamError(f"word {index} of {len(want)}: expected {data:#x}, {last}, got {word:#x}")
            expect(ports.get("busy"), 1, "busy")
        if stall == 0:
            cycles = (cocotb.simtime.get_sim_time("ns") - began) / 10
            expect(cycles, 2 * len(want) - 1, "cycles without stalls")
        await sink.idle(4)
        expect(ports.get("busy"), 0, "busy after the last word")
