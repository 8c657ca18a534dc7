"""cocotb bench of the way of a weight: loop nest, weight fetch, silence filter, issue."""

from collections import deque
from itertools import pairwise

import cocotb
from ports import Delayed, Ports, expect
from structures import every_field, packed, weight_lists

from spikewright.compiler.target.descriptors import Kind
from spikewright.compiler.target.structure import Structure
from spikewright.hdl.entries import piece_layout, request_layout, row_layout
from spikewright.hdl.fetch import WeightFetch
from spikewright.hdl.issue import Issue
from spikewright.hdl.nest import LoopNest
from spikewright.hdl.second import SecondBase
from spikewright.hdl.silence import LiveMemory, SilenceFilter
from spikewright.sim.benches.stream_bench import given, seeded, start

LIMIT = {"timeout_time": 2, "timeout_unit": "ms"}


@cocotb.test(**LIMIT)
async def loop_nest(dut):
    """Places in order; ``advance`` at random; back to the first after the last; ``start`` in the middle."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, nest = Ports(dut, "nest"), LoopNest(structure=s)

    def shown():
        return tuple(ports.get(name) for name in ("addr", "first_group", "last_group", "last_tile", "last"))

    for trial in range(12):
        counts = {name: rng.randint(1, 4) for name in ("columns", "rows", "tiles", "groups")}
        steps = {name: rng.getrandbits(s.address_bits) for name in ("x", "y", "tile", "group")}
        places = nest.model(**counts, **steps)
        await ports.cycle(start=1, advance=rng.random() < 0.5, **counts, **steps)
        ports.set(start=0)
        at = 0
        for _ in range(2 * len(places) + 5):
            advance = rng.random() < 0.7
            again = trial % 3 == 2 and rng.random() < 0.05
            await ports.cycle(advance=advance, start=again)
            expect(shown(), places[at], f"place {at} of {len(places)}")
            at = 0 if again else (at + advance) % len(places)
        ports.set(start=0, advance=0)


def mac(rng, s, *, outputs, gate):
    """A random MAC descriptor, as far as the fetch reads it."""
    fields = {name: rng.randint(1, 3) for name in ("columns", "rows", "tiles", "groups")}
    fields |= {"outputs": outputs, "gate": int(gate)}
    for side in ("in", "capture"):
        fields |= {f"{side}_{n}": rng.getrandbits(s.address_bits) for n in ("base", "x", "y", "tile", "group")}
    if gate:
        banks, rows = s.shape.banks, rng.randint(1, 4)
        fields |= {"head_outputs": rng.randint(1, 3), "head_rows": rows, "head_rest": rng.randrange(banks)}
        fields["head_odd"] = rng.randrange(s.shape.streams)
        fields |= {f"product_{n}": rng.randint(0, 9) for n in ("output", "group", "head")}
        fields["outputs"] = fields["head_outputs"] * rng.randint(1, 2)
    return every_field(Kind.MAC, fields)


@cocotb.test(**LIMIT)
async def second_base(dut):
    """Weights of both values, and words to capture."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, unit = Ports(dut, "second"), SecondBase(structure=s)
    for _ in range(300):
        code = rng.choice((0, rng.getrandbits(s.code_bits))) | rng.randrange(1 + s.second) << s.code_bits
        fields = {"code": code, "offset": rng.getrandbits(s.offset_bits)}
        fields |= {name: rng.getrandbits(s.address_bits) for name in ("base", "second_base")}
        await ports.cycle(**fields)
        expect(ports.get("addr"), unit.model(**fields), f"{fields}")


@cocotb.test(**LIMIT)
async def weight_fetch(dut):
    """Descriptors one after the other, weights and products, under random holds; again after a rewind."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, fetch, layout = Ports(dut, "fetch"), WeightFetch(structure=s), row_layout(s)
    lists = weight_lists(s)
    operand = (1 << s.code_bits + s.second) - 1

    for image, stall in enumerate((0.0, 0.3, 0.7)):
        done, pointers = 0, [0] * fetch.walkers
        await ports.cycle(rewind=1, start=0)
        await ports.cycle(rewind=0)  # ``ready`` speaks of the counts behind the rewind from here on
        for number in range(5):
            gate = number in (1, 3)
            fields = mac(rng, s, outputs=min(rng.randint(1, 4), len(lists) - done), gate=gate)
            used = lists[done : done + fields["outputs"]]
            want = fetch.model(fields, used, pointers)
            if not ports.get("ready"):
                await ports.until(lambda: ports.get("ready"), 20, "counts")
            await ports.cycle(start=1, config=packed(Kind.MAC, s, fields))
            ports.set(start=0)
            began, got, holding = ports.now, [[] for _ in range(fetch.walkers)], [0] * fetch.walkers
            first = None
            last_busy = 0
            late = [0] * fetch.walkers
            while any(len(g) < len(w) for g, w in zip(got, want, strict=True)):
                holding = [rng.random() < stall for _ in holding]
                ports.set_array("hold", holding)
                await ports.cycle()
                elapsed = ports.now - began
                if ports.get("busy"):
                    last_busy = elapsed
                for w in range(fetch.walkers):
                    late[w] = late[w] + 1 if holding[w] else 0
                    if ports.get(f"valid__{w}"):
                        first = first or elapsed
                        assert late[w] <= 4, f"walker {w}: a row {late[w]} cycles after hold"
                        got[w].append(read_row(layout.from_bits(ports.get(f"rows__{w}")), gate, operand))
                        expect(got[w], want[w][: len(got[w])], f"image {image}, descriptor {number}, walker {w}")
                assert elapsed < 4000, "the rows do not end"
            ports.set_array("hold", [0] * fetch.walkers)
            for _ in range(6):
                await ports.cycle()
                assert not any(ports.array("valid", fetch.walkers)), "a row after the last"
            expect(ports.get("busy"), 0, "busy after the last row")
            if stall == 0:
                expect(first, fetch.latency, "latency from start to the first row")
                places = [[sum(row[1] for row in rows[:i]) for i in range(len(rows))] for rows in want]
                longest = [max(p.count(i) for p in places) for i in range(want[0][-1][1] + max(map(max, places)))]
                expect(last_busy, fetch.AHEAD + sum(longest), "cycles of the walk: the longest list of every place")
            if not gate:
                done += fields["outputs"]
                pointers = [p + sum(len(output[w]) for output in used) for w, p in enumerate(pointers)]


def read_row(row, gate, operand):
    entries = tuple(
        (entry.addr, entry.code if gate else entry.code & operand) if entry.valid else None for entry in row.entries
    )
    return entries, bool(row.last)


def random_row(rng, s, product_bits):
    """A row as the fetch makes it: no entries only at the end of a list."""
    count = rng.choice((0, 1, 2, 2))
    entries = [
        (rng.getrandbits(s.address_bits), rng.getrandbits(product_bits) if rng.random() < 0.7 else 0)
        for _ in range(count)
    ]
    entries += [None] * (2 - count)
    if count == 1 and rng.random() < 0.5:
        entries.reverse()
    return tuple(entries), count == 0 or rng.random() < 0.3


def row_bits(layout, row, rng, s):
    entries, last = row
    noise = {"addr": rng.getrandbits(s.address_bits), "code": 0, "valid": 0}
    packed_entries = [noise if e is None else {"addr": e[0], "code": e[1], "valid": 1} for e in entries]
    return layout.const({"entries": packed_entries, "last": int(last)}).as_bits()


@cocotb.test(**LIMIT)
async def silence_filter(dut):
    """Rows until ``hold`` and four cycles more, stalls behind; what is left, in order; nothing lost, pairs counted."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, unit = Ports(dut, "silence"), SilenceFilter(structure=s)
    rows, pieces = row_layout(s), piece_layout(s)
    live = {address: rng.getrandbits(s.planes) & rng.getrandbits(s.planes) for address in range(1 << s.address_bits)}

    for trial, (arrive, take) in enumerate(((0.9, 0.9), (1.0, 0.2), (0.4, 1.0), (1.0, 0.0))):
        setting = {
            "in_planes": rng.randint(1, s.planes),
            "capture_planes": rng.randint(1, s.planes),
            "captures": trial % 2,
        }
        ports.set(valid=0, piece_ready=0, **setting)
        await ports.cycle()  # the planes are held from a cycle before the first row on
        lookups = [Delayed(LiveMemory.latency) for _ in range(2)]
        want, skipped, got_skipped, sent = deque(), 0, 0, []
        held_for, waiting, received, was_ready = 0, None, 0, False
        for step in range(500 if take else 60):
            holding = ports.get("hold")
            held_for = held_for + 1 if step and holding else 0
            # the fetch stops late: four rows more
            offers = step < 460 and held_for < 4 and rng.random() < arrive
            if offers:
                row = random_row(rng, s, s.code_bits)
                ports.set(row=row_bits(rows, row, rng, s))
                looked = [0 if entry is None else live[entry[0]] for entry in row[0]]
                left, dropped, count = unit.model(row, looked, **setting)
                skipped += count
                sent.append(ports.now)
                if not dropped:
                    want.append((row, left, ports.now))
            else:
                ports.set(row=rng.getrandbits(rows.size))
            was_ready = rng.random() < take or (step >= 470 and take > 0)
            await ports.cycle(valid=offers, piece_ready=was_ready)
            ports.set_array("live_planes", [lookups[i].turn(live[ports.get(f"live_addr__{i}")]) for i in range(2)])
            got_skipped += ports.get("skipped")
            if ports.get("piece_valid"):
                item = ports.get("piece")
                assert waiting in (None, item), "the piece changed before it was taken"
                assert want, "a piece too many"
                row, left, when = want[0]
                check_piece(pieces.from_bits(item), row, left, s)
                if not received:
                    expect(ports.now - 1 - when, unit.latency, "latency of the first row")
                received += 1
                waiting = None if was_ready else item
                if was_ready:
                    want.popleft()
            else:
                assert waiting is None, "piece_valid fell before the piece was taken"
        if take:
            assert not want, f"{len(want)} rows were lost"
            expect(got_skipped, skipped, "pairs skipped")
        else:
            for _ in range(12):
                await ports.cycle(valid=0)
            while want:
                row, left, _ = want.popleft()
                await ports.cycle(piece_ready=1)
                expect(ports.get("piece_valid"), 1, "rows behind the stall")
                check_piece(pieces.from_bits(ports.get("piece")), row, left, s)
        await ports.cycle(valid=0, piece_ready=0)
        expect(ports.get("piece_valid"), 0, "nothing is left")
        for _ in range(6):
            await ports.cycle()


def check_piece(piece, row, left, s):
    entries, last = row
    expect(piece.last, int(last), "last")
    expect(piece.pending, left[0] | left[1] << s.planes, "pending planes")
    expect(piece.final, int(piece.pending.bit_count() <= 1), "final")
    for i, entry in enumerate(entries):
        if entry is not None:
            expect((piece.addr[i], piece.code[i]), entry, f"entry {i}")


@cocotb.test(**LIMIT)
async def issue(dut):
    """Lists of pieces for all walkers, stalls on each; the pairs of every sum, in order; the cycles it takes."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, unit, layout, asked = Ports(dut, "issue"), Issue(structure=s), piece_layout(s), request_layout(s)
    walkers = range(unit.walkers)
    for stall, gap in ((0.0, 1), (0.0, 7), (0.5, 1), (0.3, 12)):
        sums = 25
        queues, want, cycles = [], [], [0] * sums
        for _ in walkers:
            pieces, requests = deque(), []
            for n in range(sums):
                items = random_pieces(rng, s)
                found, needed = unit.model(items)
                requests.append(found)
                cycles[n] = max(cycles[n], needed)
                pieces += [(item, i == len(items) - 1) for i, item in enumerate(items)]
            queues.append(pieces)
            want.append(requests)
        got, number, ends = [[] for _ in walkers], 0, []
        offered = [False] * unit.walkers
        ports.set(gap=gap)
        began, first = None, None
        while number < sums:
            for w in walkers:
                # an offered piece stays until it is taken
                offered[w] = bool(queues[w]) and (offered[w] or rng.random() >= stall)
                if offered[w]:
                    (addr, code, pending), last = queues[w][0]
                    final = int(pending.bit_count() <= 1)
                    item = {"addr": addr, "code": code, "pending": pending, "final": final, "last": int(last)}
                    bits = layout.const(item).as_bits()
                    ports.set(**{f"piece__{w}": bits})
                ports.set(**{f"piece_valid__{w}": offered[w]})
            await ports.cycle()
            taken = ports.array("piece_ready", unit.walkers)
            count = 0
            for w in walkers:
                request = asked.from_bits(ports.get(f"request__{w}"))
                if request.valid:
                    count, first = count + 1, first or ports.now
                    got[w].append((request.addr, request.code, request.plane))
                if offered[w] and taken[w]:
                    if queues[w][0][0][2]:
                        began = began or ports.now
                    queues[w].popleft()
                    offered[w] = False
            expect(ports.get("issued"), count, "issued")
            if ports.get("end"):
                for w in walkers:
                    expect(got[w], want[w][number], f"sum {number}, walker {w}")
                got = [[] for _ in walkers]
                ends.append(ports.now)
                number += 1
            assert ports.now < 100_000, "the sums do not end"
        spans = [b - a for a, b in pairwise(ends)]
        if stall == 0:
            expect(first - began, unit.latency, "latency of the first request")
            expect(spans, [max(gap, needed) for needed in cycles[1:]], f"cycles of the sums, gap {gap}")
        assert all(span >= max(gap, needed) for span, needed in zip(spans, cycles[1:], strict=True))
        for _ in range(gap + 2):
            ports.set_array("piece_valid", [0] * unit.walkers)
            await ports.cycle()
            expect(ports.get("end") + ports.get("issued"), 0, "idle")


def random_pieces(rng, s):
    """The filtered rows of one list; only the last may be empty."""
    pieces = []
    count = rng.choice((1, 1, 2, 5))
    for i in range(count):
        pending = rng.getrandbits(2 * s.planes) & rng.getrandbits(2 * s.planes)
        if i < count - 1:
            pending = pending or 1
        pieces.append(
            (
                tuple(rng.getrandbits(s.address_bits) for _ in range(2)),
                tuple(rng.getrandbits(s.code_bits) for _ in range(2)),
                pending,
            )
        )
    return pieces
