"""cocotb bench of the neuron control: what it tells the LIF arrays, and when and where results leave."""

import cocotb
from ports import Ports, expect
from structures import every_field, neuron_rows, packed

from spikewright.compiler.target.descriptors import Kind, Mode
from spikewright.compiler.target.structure import Structure
from spikewright.cost.cycles import lif_cycles
from spikewright.hdl.lif import step_layout
from spikewright.hdl.neurons import NeuronControl, place_layout
from spikewright.sim.benches.stream_bench import given, seeded, start


def descriptor(rng, s, mode, fold, outputs):
    """A random MAC descriptor, as far as the neuron control reads it, and the least cycles between two sums."""
    shape = s.shape
    fields = {name: rng.randint(1, 2) for name in ("columns", "rows", "tiles")}
    fields |= {f"out_{n}": rng.getrandbits(s.address_bits) for n in ("x", "y", "tile", "group", "fold")}
    fields |= {"mode": int(mode), "fold": int(fold), "outputs": outputs, "last_steps": rng.randint(1, shape.steps)}
    fields |= {"groups": 1 if fold else rng.randint(1, 3), "fold_groups": rng.randint(1, 3) if fold else 1}
    if mode == Mode.HIDDEN:
        fields["shift"] = rng.choice((0, 1, 5))
    fold_groups = fields["fold_groups"] if fold else 0
    gap = lif_cycles(shape.steps, pace=s.pace, fold_groups=fold_groups, shift=fields.get("shift", 0))
    if mode in (Mode.SCORE, Mode.HEAD):
        gap += shape.tokens
    return every_field(Kind.MAC, fields), gap


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def neuron_control(dut):
    """All modes, one descriptor after the other, sums as close as the gap allows or later; again after a rewind."""
    rng, s = seeded(), Structure.from_dict(given()["structure"])
    await start(dut)
    ports, unit, shape = Ports(dut, "neurons"), NeuronControl(structure=s), s.shape
    parameters = neuron_rows(s)
    for _image in range(3):
        await ports.cycle(rewind=1, done=0, start=0)
        ports.set(rewind=0)
        for _ in range(8):  # the first parameters are there long before the first sum
            await ports.cycle()
        row = 0
        kinds = [
            *((mode, False) for mode in Mode),
            *[(Mode.SPIKE, True)] * 3,
            (Mode.RESIDUAL, True),
            (Mode.SPIKE, False),
        ]
        for mode, fold in rng.sample(kinds, len(kinds)):
            fields, gap = descriptor(rng, s, mode, fold, rng.randint(1, 2))
            await ports.cycle(start=1, config=packed(Kind.MAC, s, fields))
            ports.set(start=0)
            watch = Watch(ports, s, mode, fields)
            for output, place, ticks in unit.model(fields):
                last = output == fields["outputs"] - 1 and place.last
                await watch.sum(parameters[row + output], place, ticks, last)
                for _ in range(0 if last else gap - len(ticks) + rng.choice((0, 0, 1, 9))):
                    await watch.idle()
            for _ in range(unit.lead + unit.latency + shape.tokens + 2):
                await watch.idle()
            assert not watch.due | watch.steps, f"{mode.name}: never came: {watch.due} {watch.steps}"
            row += fields["outputs"]


class Watch:
    """Compares every cycle. What is to come is kept until then.

    ``steps``: the ticks of a sum, which begin ``lead`` cycles after ``done``; ``due``: what leaves ``LifArray.latency``
    cycles after its step.
    """

    def __init__(self, ports, s, mode, fields):
        self.ports, self.s, self.mode, self.fields = ports, s, mode, fields
        self.steps, self.due = {}, {}
        self.drains = mode in (Mode.SCORE, Mode.HEAD)

    async def sum(self, parameters, place, ticks, last):
        """One finished sum: ``done``, and as many cycles as the control works at it."""
        for i, tick in enumerate(ticks):
            await self.ports.cycle(done=i == 0)
            if i == 0:
                first = self.ports.now + NeuronControl.lead
                self.steps |= {first + n: (tick, parameters, f"{n} of {len(ticks)}") for n, tick in enumerate(ticks)}
                self.expect_places(first, parameters, place, ticks, last)
            self.compare()

    def expect_places(self, first, parameters, place, ticks, last):
        """What leaves after the ticks of a sum, the first of which comes in cycle ``first``."""
        s, later = self.s, NeuronControl.latency
        for i, tick in enumerate(ticks):
            if tick.offset is not None:
                places = [
                    ((neuron["target"] + tick.offset) % (1 << s.address_bits), neuron["bank"], neuron["enable"])
                    for neuron in parameters
                ]
                self.due[first + i + later] = {"emit": places, "last_tile": place.last_tile}
        end_of_sum = first + len(ticks) - 1 + later
        if self.drains and place.last_group:
            for token in range(s.shape.tokens):
                end = token == s.shape.tokens - 1
                self.due[end_of_sum + token] = {
                    "drain": (token, end, place.last),
                    "last_tile": place.last_tile,
                    "enable": [neuron["enable"] for neuron in parameters] if token else None,
                    "finished": last and end,
                }
        elif last and not self.drains:
            self.due.setdefault(end_of_sum, {})["finished"] = True

    async def idle(self):
        await self.ports.cycle(done=0)
        self.compare()

    def compare_step(self):
        ports, s = self.ports, self.s
        step = step_layout().from_bits(ports.get("step"))
        if ports.now not in self.steps:
            expect((step.valid, ports.get("shift")), (0, 0), "step and shift between two sums")
            return
        tick, parameters, which = self.steps.pop(ports.now)
        what = f"{self.mode.name}, cycle {which}"
        expect(ports.get("shift"), int(tick.shift), f"shift, {what}")
        expect(step.valid, int(tick.valid), f"valid, {what}")
        if tick.valid:
            got = tuple(bool(getattr(step, name)) for name in ("first", "add", "leak", "fire"))
            expect(got, (tick.first, tick.add, tick.leak, tick.fire), f"first, add, leak, fire, {what}")
            if tick.fire:
                expect(bool(step.spike), tick.spike, f"spike, {what}")
        for n, neuron in enumerate(parameters):
            expect(ports.get(f"bias__{n}", bits=s.parameter_bits), neuron["bias"], f"bias, {what}")
            expect(ports.get(f"threshold__{n}", bits=s.parameter_bits), neuron["threshold"], f"threshold, {what}")
            if s.leaks:
                expect(ports.get(f"leak__{n}"), neuron["leak"], f"leak, {what}")

    def compare(self):
        self.compare_step()
        ports, due = self.ports, self.due.pop(self.ports.now, {})
        name = self.mode.name
        expect(ports.get("emit"), int("emit" in due), f"emit, {name}")
        for n, want in enumerate(due.get("emit", ())):
            place = place_layout(self.s).from_bits(ports.get(f"place__{n}"))
            expect((place.addr, place.bank, place.enable), want, f"place of stream {n}, {name}")
        expect(ports.get("drain"), int("drain" in due), f"drain, {name}")
        if "drain" in due:
            got = (ports.get("token"), bool(ports.get("drain_last")), bool(ports.get("drain_output")))
            expect(got, due["drain"], f"token, drain_last, drain_output, {name}")
            if due["enable"]:
                expect(ports.array("drain_enable", len(due["enable"])), due["enable"], f"drain_enable, {name}")
        if "last_tile" in due:
            expect(bool(ports.get("last_tile")), due["last_tile"], f"last_tile, {name}")
        expect(bool(ports.get("finished")), due.get("finished", False), f"finished, {name}")
