"""cocotb bench of the arithmetic: shift multiplier, lanes, LIF array, residual capture, write-back."""

import cocotb
import numpy as np
from ports import Ports, expect, lanes_of, words_of

from spikewright.compiler.target.descriptors import Mode
from spikewright.compiler.target.structure import Structure
from spikewright.hdl.count import CountingAdder
from spikewright.hdl.lanes import LaneArray
from spikewright.hdl.leak import LeakProduct
from spikewright.hdl.lif import LifArray, step_layout
from spikewright.hdl.neurons import place_layout
from spikewright.hdl.pot import PotMultiplier
from spikewright.hdl.saturation import Saturation
from spikewright.hdl.writeback import ResidualCapture, WriteBack
from spikewright.sim.benches.stream_bench import given, seeded, start

LIMIT = {"timeout_time": 2, "timeout_unit": "ms"}


@cocotb.test(**LIMIT)
async def pot_multiplier(dut):
    """Every code with every plane and both schemes, then random ones; a value a cycle."""
    rng = seeded()
    await start(dut)
    for code_bits, planes, value_bits, wide in given()["multipliers"]:
        ports = Ports(dut, f"pot{code_bits}x{planes}")
        unit = PotMultiplier(code_bits=code_bits, planes=planes, value_bits=value_bits, wide=wide)
        cases = [
            (code, plane, pot, negate)
            for code in range(1 << code_bits)
            for plane in range(planes)
            for pot in (0, 1)
            for negate in (0, 1)
            # a power-of-two magnitude is at most 8, but of a wide one
            if not pot or wide or code % (1 << code_bits - 1) <= 8
        ]
        cases = rng.sample(cases, min(len(cases), 1500)) + rng.choices(cases, k=100)
        got = []
        for code, plane, pot, negate in cases:
            await ports.cycle(code=code, plane=plane, pot=pot, negate=negate)
            got.append(ports.get("value", bits=value_bits))
        for case, value in zip(cases, got[unit.latency :], strict=False):
            expect(value, unit.model(*case), f"code, plane, pot, negate = {case}")


@cocotb.test(**LIMIT)
async def lane_array(dut):
    """Sums of any length, without a gap; the hold register under shifts at any time, and what wins."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, unit, shape = Ports(dut, "lanes"), LaneArray(structure=s), s.shape
    limit = (1 << s.value_bits - 1) - 1
    terms, holds, held_at, dones = [], [None] * shape.lanes, {}, set()
    shifted = False
    for now in range(400):
        # what stands in the hold register changes ``lead`` cycles after ``done``, and after the shift of a cycle
        finished = held_at.pop(now, None)
        if finished is not None:
            holds = finished
        elif shifted:
            holds = [
                holds[lane + 1] if lane % shape.steps + 1 < shape.steps else holds[lane] for lane in range(shape.lanes)
            ]
        words = [rng.getrandbits(shape.lanes) for _ in range(shape.banks)]
        values = [rng.randint(-limit, limit) for _ in range(shape.banks * shape.steps)]
        end = rng.random() < (0.2 if now % 200 < 100 else 0.7)
        shifted = rng.random() < 0.5
        terms.append((words, values))
        if end:
            of_lanes = lanes_of([word for words, _ in terms for word in words], shape.lanes)
            of_steps = np.array([value for _, values in terms for value in values]).reshape(1, -1, shape.steps)
            held_at[now + unit.latency] = unit.model(of_lanes, of_steps)[0].tolist()
            dones.add(now + unit.latency - unit.lead)
            terms = []
        ports.set_array("words", words)
        ports.set_array("values", values)
        await ports.cycle(end=end, shift=shifted)
        expect(ports.get("done"), int(now in dones), f"done in cycle {now}")
        if holds[0] is not None:
            expect(ports.array("row", shape.tokens, bits=s.accumulator_bits), holds[:: shape.steps], f"cycle {now}")


@cocotb.test(**LIMIT)
async def lif_array(dut):
    """Any mixture of steps, every neuron kind; spikes, membranes and the drain."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, unit, layout, shape = Ports(dut, "lif"), LifArray(structure=s), step_layout(), s.shape
    nothing = dict.fromkeys(("valid", "first", "add", "leak", "fire", "spike"), 0)
    limit = 1 << 6
    for kind in range(4):
        soft, strict = kind & 1, kind >> 1
        ports.set(soft=soft, strict=strict, drain=0)
        soft, strict = soft & s.soft_reset, strict & s.strict_compare
        u, fired, words = [None] * shape.tokens, [False] * shape.tokens, [None] * shape.tokens
        drains = 0
        for _run in range(25):
            # bias and threshold change between two steps
            threshold = rng.randint(1, 40) << s.fraction_bits - 1
            # often so that a first row can meet the threshold exactly
            meets = threshold % (1 << s.fraction_bits) + (rng.randint(-2, 2) << s.fraction_bits)
            bias = rng.choice((rng.randint(-20, 20), meets, meets))
            leak = rng.randint(0, 16) if s.leaks else 8
            ports.set(bias=bias, threshold=threshold, leak=leak)
            line = []
            for n in range(rng.randint(1, 12)):
                flags = {name: int(rng.random() < 0.7) for name in nothing}
                flags["first"] = int(n == 0 and (u[0] is None or drains > 0 or rng.random() < 0.5))
                flags["valid"] = int(n % s.pace == 0 and (n == 0 or rng.random() < 0.8))
                rows = [rng.randint(-limit, limit) for _ in range(shape.tokens)]
                rows[rng.randrange(shape.tokens)] = (threshold - bias) >> s.fraction_bits
                ports.set_array("row", rows)
                await ports.cycle(step=layout.const(flags).as_bits())
                line.append((flags, rows, [False] * shape.tokens))
                check_lif(ports, s, u, fired, words, line, unit, (bias, threshold, leak), soft, strict)
            for _ in range(unit.latency):
                ports.set_array("row", [rng.randint(-limit, limit) for _ in range(shape.tokens)])
                # only the step's own cycle counts: the next output's parameters may stand there already
                ports.set(bias=rng.getrandbits(s.parameter_bits), threshold=rng.getrandbits(s.parameter_bits))
                ports.set(leak=rng.randint(0, 16))
                await ports.cycle(step=layout.const(nothing).as_bits())
                line.append((nothing, [], []))
                check_lif(ports, s, u, fired, words, line, unit, (bias, threshold, leak), soft, strict)
            drains = rng.choice((0, 0, 1, shape.tokens - 1))
            for _ in range(drains):
                await ports.cycle(drain=1)
                u[:-1] = u[1:]
                fired[:-1] = fired[1:]
            await ports.cycle(drain=0)
            check_membranes(ports, s, u, fired, f"after {drains} cycles of drain")


def check_membranes(ports, s, u, fired, where):
    """Those of the tokens that did not fire, and all where the reset is soft: a spike's 0 never stands there."""
    found = ports.array("membrane", s.shape.tokens, bits=s.membrane_bits)
    for p in range(s.shape.tokens):
        if not fired[p]:
            expect(found[p], u[p], f"membrane of token {p} {where}")


def check_lif(ports, s, u, fired, words, line, unit, parameters, soft, strict):
    """Moves the model on by the steps that reach the outputs in the cycle that has ended, and compares."""
    shape, (bias, threshold, leak) = s.shape, parameters
    if len(line) > unit.latency:
        flags, spikes = line[-1 - unit.latency][0], line[-1 - unit.latency][2]
        for p in range(shape.tokens if flags["valid"] else 0):
            words[p] = [*(words[p] or [])[-shape.steps + 1 :], int(spikes[p] and flags["spike"])]
    if len(line) > unit.latency - 1:
        flags, rows, spikes = line[-unit.latency]
        for p in range(shape.tokens if flags["valid"] else 0):
            spikes[p], u[p] = unit.step_model(
                u[p] or 0,
                rows[p],
                bias=bias,
                threshold=threshold,
                soft=soft,
                strict=strict,
                leak=(leak if flags["fire"] else 8) if flags["leak"] else 16,
                **{name: bool(flags[name]) for name in ("first", "add", "fire")},
            )
            fired[p] = spikes[p] and not soft
    if u[0] is not None:
        check_membranes(ports, s, u, fired, "while stepping")
    if words[0] is not None:
        spikes = ports.get("spikes")
        for p in range(shape.tokens):
            for i, bit in enumerate(reversed(words[p])):
                expect(spikes >> (p + 1) * shape.steps - 1 - i & 1, bit, f"spike of token {p}, {i} steps ago")


@cocotb.test(**LIMIT)
async def lif_neuron(dut):
    """Whole neurons: T steps in groups of S against the sequence model, hard and soft, ≥ and >."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, unit, layout, shape = Ports(dut, "lif"), LifArray(structure=s), step_layout(), s.shape
    for trial in range(24):
        soft, strict = trial & s.soft_reset, trial >> 1 & s.strict_compare
        bias, threshold = rng.randint(-2, 2) << rng.randint(0, 2), rng.randint(0, 15) << 1
        groups = rng.randint(1, 3)
        steps = groups * shape.steps
        rows = [[rng.randint(-6, 9) for _ in range(steps)] for _ in range(shape.tokens)]
        leak = rng.randint(0, 16) if s.leaks else 8
        coarse = rng.randint(0, s.fraction_bits) if s.leaks else 0
        bias, threshold = bias << coarse, threshold << coarse
        kind = {"soft": bool(soft), "strict": bool(strict), "leak": leak, "coarse": coarse}
        want = [unit.model(row, bias=bias, threshold=threshold, **kind)[0] for row in rows]
        ports.set(bias=bias, threshold=threshold, soft=soft, strict=strict, leak=leak, coarse=coarse)
        await ports.cycle(step=0)
        for cycle in range(s.pace * (steps - 1) + 1 + unit.latency):
            t, idle = divmod(cycle, s.pace)
            flags = {"first": int(t == 0), "add": 1, "leak": 1, "fire": 1, "spike": 1}
            flags["valid"] = int(t < steps and not idle)
            ports.set_array("row", [row[t] if flags["valid"] else 99 for row in rows])
            await ports.cycle(step=layout.const(flags).as_bits())
            done, waits = divmod(cycle - unit.latency, s.pace)
            done += 1
            if done > 0 and not waits and done % shape.steps == 0:
                spikes = ports.get("spikes")
                for p in range(shape.tokens):
                    got = [spikes >> p * shape.steps + i & 1 for i in range(shape.steps)]
                    expect(got, want[p][done - shape.steps : done], f"trial {trial}, token {p}, steps before {done}")


@cocotb.test(**LIMIT)
async def residual_capture(dut):
    """Planes captured in any order, at most one a cycle; they stand ``latency`` cycles after ``end``."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, shape, latency = Ports(dut, "capture"), s.shape, given()["capture_latency"]
    unit = ResidualCapture(structure=s, latency=latency)
    captured, planes, due = [], [0] * s.residual_planes, {}
    for now in range(500):
        planes = due.pop(now, planes)
        words = [rng.getrandbits(shape.lanes) for _ in range(shape.banks)]
        chosen, plane = rng.randrange(shape.banks), rng.randrange(s.residual_planes)
        takes, end = rng.random() < 0.4, rng.random() < 0.2
        ports.set_array("words", words)
        ports.set_array("plane", [plane if b == chosen else rng.randrange(s.planes) for b in range(shape.banks)])
        if takes:
            captured.append((plane, words[chosen]))
        if end:
            due[now + latency] = unit.model(captured, nothing=0)
            captured = []
        await ports.cycle(end=end, capture=takes << chosen)
        expect(ports.array("planes", s.residual_planes), planes, f"planes in cycle {now}")


@cocotb.test(**LIMIT)
async def leak_product(dut):
    """Every leak on membranes up to their width, both roundings."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, most = Ports(dut, "leak"), 1 << s.membrane_bits - 1
    want = None
    for trial in range(400):
        u = rng.choice((rng.randrange(-most, most), rng.randint(-40, 40), most - 1, -most))
        leak, up, clear, coarse = trial % 17, rng.randrange(2), rng.random() < 0.1, rng.randint(0, s.fraction_bits)
        u = u >> coarse << coarse
        ceiling, fine = LeakProduct.rounding(bool(up), coarse)
        await ports.cycle(membrane=u, leak=leak, ceiling=ceiling, fine=fine, clear=clear)
        if want is not None:
            expect(ports.get("kept", bits=s.membrane_bits), *want)
        kept = 0 if clear else int(LeakProduct.model(np.array(u), leak, up=bool(up), coarse=coarse))
        want = (kept, f"{leak}/16 of {u}, up {up}, coarse {coarse}")


@cocotb.test(**LIMIT)
async def saturation(dut):
    """Sums of every size under every limit."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, lanes, planes = Ports(dut, "saturation"), s.shape.lanes, s.residual_planes
    unit = Saturation(lanes=lanes, planes=planes)
    for trial in range(200):
        words = [rng.getrandbits(lanes) & rng.getrandbits(lanes) for _ in range(planes + 1)]
        limit = trial % (planes + 1)
        ports.set_array("sum", words)
        await ports.cycle(limit=limit)
        want = words_of(unit.model(list(lanes_of(words, lanes)), limit))
        expect(ports.array("result", planes), want, f"{words} limited to {limit} planes")


@cocotb.test(**LIMIT)
async def counting_adder(dut):
    """Windows of one word and more, gaps in them, counts that overflow."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, lanes, planes = Ports(dut, "counter"), s.shape.lanes, min(3, s.planes)
    want = None
    for _ in range(60):
        words = []
        for n in range(rng.randint(1, 10)):
            word, valid = rng.getrandbits(lanes), n == 0 or rng.random() < 0.8
            await ports.cycle(word=word, valid=valid, first=n == 0)
            if want is not None:
                expect(ports.array("count", planes), want, "the count a cycle later")
            words += [word] if valid else []
            want = words_of(CountingAdder.model(list(lanes_of(words, lanes)), planes))


@cocotb.test(**LIMIT)
async def write_back(dut):
    """Words of every mode, as close together as their planes allow; planes, silence bits, places, cycles."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, unit, shape, places = Ports(dut, "writeback"), WriteBack(structure=s), s.shape, place_layout(s)
    writes, lives, free_at, last = {}, {}, 0, 0
    for now in range(700):
        emit = now >= free_at and now < 680 and rng.random() < 0.6
        mode = rng.choice([Mode.SPIKE, Mode.RESIDUAL, Mode.HIDDEN])
        place = {
            "addr": rng.getrandbits(s.address_bits),
            "bank": rng.randrange(shape.banks),
            "enable": rng.randrange(2),
        }
        tokens, spikes = rng.randint(1, shape.tokens), rng.getrandbits(shape.lanes)
        limit = rng.randint(0, s.residual_planes) if s.limited else 0
        # the compiler's plane count leaves room for a sum without a limit: the top plane of the residual is 0
        residual = [rng.getrandbits(shape.lanes) for _ in range(s.residual_planes)]
        residual[-1] = residual[-1] if limit else 0
        membrane = [rng.choice((rng.randint(-300, 600), 255, 256, -1, 0)) for _ in range(shape.tokens)]
        planes = {Mode.SPIKE: 1, Mode.RESIDUAL: s.residual_planes, Mode.HIDDEN: min(8, s.planes)}[mode]
        ports.set_array("residual", residual)
        ports.set_array("membrane", membrane)
        if emit:
            words = lanes_of([spikes, *residual], shape.lanes)
            values = unit.model(
                mode, tokens, spikes=words[0], membrane=np.array(membrane), residual=list(words[1:]), limit=limit
            )
            want = words_of(values)
            expect(any(want[planes:]), False, "planes past the last")
            free_at, last = now + planes, max(now + planes, now + 2)
            bank = place["enable"] << place["bank"]
            if place["enable"]:
                for p in range(planes):
                    writes[now + unit.latency + p] = (bank, (place["addr"] + p) % (1 << s.address_bits), want[p])
                lives[now + 2] = (bank, place["addr"], sum(bool(word) << p for p, word in enumerate(want)))
        await ports.cycle(
            emit=emit,
            mode=mode,
            limit=limit,
            out_planes=planes,
            tokens=tokens,
            spikes=spikes,
            place=places.const(place).as_bits(),
        )
        for name, expected, keys in (
            ("write", writes.pop(now, None), ("write_addr", "write_data")),
            ("live", lives.pop(now, None), ("live_addr", "live_planes")),
        ):
            got = (ports.get(f"{name}_en"), *(ports.get(key) for key in keys))
            if expected is None:
                expect(got[0], 0, f"{name}_en in cycle {now}")
            else:
                expect(got, expected, f"{name} in cycle {now}")
        expect(ports.get("word_en"), int(emit and place["enable"]), "word_en")
        if emit and place["enable"]:
            expect(ports.get("word"), spikes & (1 << tokens * shape.steps) - 1, "word")
        expect(ports.get("busy"), int(emit or (now <= last and last > 0)), f"busy in cycle {now}")
