"""Neuron control: drives the LIF arrays after each finished sum, and says where the result goes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.descriptors import Kind, Mode
from spikewright.compiler.target.memories import neuron_rom
from spikewright.compiler.target.structure import Structure, bits_for
from spikewright.cost.rows import LEAK_BITS
from spikewright.hdl.lanes import LaneArray
from spikewright.hdl.lif import LifArray, step_layout
from spikewright.hdl.memory import RomStream, check_structure
from spikewright.hdl.nest import LoopNest, Place, final_index
from spikewright.hdl.views import descriptor_view, neuron_view


def place_layout(structure: Structure) -> data.StructLayout:
    """Where a finished word goes."""
    return data.StructLayout({"addr": structure.address_bits, "bank": bits_for(structure.shape.banks - 1), "enable": 1})


@dataclass(frozen=True)
class Tick:
    """One cycle of the control after ``done``, as the model sees it.

    ``first`` … ``spike`` as in the LIF array's step; ``offset``, where the step ends in an ``emit``: what the word's
    address adds to the channel's.
    """

    shift: bool
    valid: bool
    first: bool = False
    add: bool = True
    leak: bool = True
    fire: bool = False
    spike: bool = False
    offset: int | None = None


class NeuronControl(wiring.Component):
    """Sequencer of the LIF arrays: both streams walk in step, each with its own parameters.

    ``lead`` cycles after ``done`` the rows of the lanes' hold register begin to be stepped through:
    - SPIKE, RESIDUAL: S steps, then ``emit``. With ``fold`` every row is a position of a still image and is replayed
      for all steps: S rows · ``fold_groups`` step groups · S steps, an ``emit`` after each step group.
    - HIDDEN: the steps in use are summed; after the last step group ``shift`` halvings, then ``emit``.
    - SCORE, HEAD: as HIDDEN without halvings; then ``drain`` for as many cycles as there are token slots.
    Where the structure has ``leaks``, each step and halving takes two cycles, the second of which is shown.
    The next ``done`` must not come earlier than ``gap`` of the descriptor (the compiler's ``lif_cycles``).
    ``emit``, its place and ``drain`` are aligned with the LIF array's outputs (``latency`` cycles after the step).
    ``finished`` pulses once, after the last ``emit`` or ``drain`` of the descriptor. Reset: idle, parameters rewound.
    """

    latency = LifArray.latency
    lead = LaneArray.lead

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        shape = structure.shape
        super().__init__(
            {
                #: Begin a descriptor.
                "start": In(1),
                #: Go back to the first neuron.
                "rewind": In(1),
                #: The descriptor, held from ``start`` to ``finished``.
                "config": In(descriptor_view(Kind.MAC, structure)),
                #: A sum is about to be held: the pulse of the lanes.
                "done": In(1),
                #: Move the held sums one step down.
                "shift": Out(1),
                #: What the LIF arrays do.
                "step": Out(step_layout()),
                #: Bias of each stream's neuron, on the membrane's grid.
                "bias": Out(signed(structure.parameter_bits)).array(shape.streams),
                #: Threshold of each stream's neuron, on the membrane's grid.
                "threshold": Out(signed(structure.parameter_bits)).array(shape.streams),
                #: Leak of each stream's neuron, in sixteenths; only with ``structure.leaks``.
                "leak": Out(LEAK_BITS).array(shape.streams),
                #: The LIF arrays' outputs are a finished word.
                "emit": Out(1),
                #: Where the word of each stream goes.
                "place": Out(place_layout(structure)).array(shape.streams),
                #: That word is of the last token tile.
                "last_tile": Out(1),
                #: The LIF arrays' lowest membrane is a finished sum.
                "drain": Out(1),
                #: That sum is of the last token slot.
                "drain_last": Out(1),
                #: That sum is of the last tile of its output.
                "drain_output": Out(1),
                #: Each stream has an output here.
                "drain_enable": Out(1).array(shape.streams),
                #: Its token slot.
                "token": Out(range(shape.tokens)),
                #: A pulse: the descriptor's last output is there.
                "finished": Out(1),
            }
        )

    def model(self, config: Mapping[str, int]) -> Iterator[tuple[int, Place, list[Tick]]]:
        """For each sum of a descriptor: number of the output, its place, and the cycles from ``done`` on."""
        for output in range(config["outputs"]):
            for place in LoopNest(structure=self.structure).places(config, "out"):
                yield output, place, self.ticks(config, place)

    def ticks(self, config: Mapping[str, int], place: Place) -> list[Tick]:
        """The cycles after ``done`` of a sum at one place, the same for every output."""
        steps, fires = self.structure.shape.steps, config["mode"] in (Mode.SPIKE, Mode.RESIDUAL)
        ends = config["mode"] == Mode.HIDDEN and place.last_group
        ticks: list[Tick] = []
        waits = [Tick(shift=False, valid=False)] * (self.structure.pace - 1)
        replays = list(product(range(steps), range(config["fold_groups"]))) if config["fold"] else [(0, 0)]
        for (row, group), step in product(replays, range(steps)):
            final = group == config["fold_groups"] - 1 if config["fold"] else place.last_group
            exists, last = not final or step < config["last_steps"], step == steps - 1
            emits = last and (fires or (ends and config["shift"] == 0))
            ticks += waits
            ticks.append(
                Tick(
                    shift=last and final if config["fold"] else True,
                    valid=fires or exists,
                    first=step == 0 and (group == 0 if config["fold"] else place.first_group),
                    leak=fires,
                    fire=fires,
                    spike=exists,
                    # row and group are 0 without fold
                    offset=place.addr + row * config["out_fold"] + group * config["out_group"] if emits else None,
                )
            )
        for i in range(config["shift"] if ends else 0):
            emits = i == config["shift"] - 1
            ticks += waits
            ticks.append(Tick(shift=False, valid=True, add=False, offset=place.addr if emits else None))
        return ticks

    def elaborate(self, platform: object) -> Module:
        s, shape, config = self.structure, self.structure.shape, self.config
        m = Module()
        parameters = data.ArrayLayout(neuron_view(s), shape.streams)
        m.submodules.rom = rom = RomStream.of(neuron_rom(s))
        current = Signal(parameters, reset_less=True)
        loaded = Signal()
        next_output = Signal()
        m.d.comb += [rom.rewind.eq(self.rewind), rom.o.ready.eq(~loaded | next_output)]
        with m.If(self.rewind):
            m.d.sync += loaded.eq(0)
        with m.Elif(rom.o.ready):
            m.d.sync += [loaded.eq(rom.o.valid), current.eq(rom.o.payload)]

        m.submodules.nest = nest = LoopNest(structure=s)
        m.d.comb += [*nest.configured(config, "out"), nest.start.eq(self.start)]
        fires, summing, drains = Signal(), Signal(), Signal()
        m.d.comb += [
            fires.eq((config.mode == Mode.SPIKE) | (config.mode == Mode.RESIDUAL)),
            summing.eq(~fires),
            drains.eq((config.mode == Mode.SCORE) | (config.mode == Mode.HEAD)),
        ]

        # done comes from far away, and shift, step and parameters go far: each through a register of its own
        begun, active = Signal(), Signal()
        m.d.sync += begun.eq(self.done)
        indices = range(max(2, shape.steps))  # no signal without bits
        step = Signal(indices)
        group = Signal(s.loop_bits)
        row = Signal(indices)
        halvings = Signal(s.shift_bits)
        halving = Signal()
        run = Signal()
        last_step, last_replay, over, existing = Signal(), Signal(), Signal(), Signal()
        final_group, last_fold = Signal(), Signal()
        working = begun | active
        if s.pace > 1:
            beat = Signal(range(s.pace))
            m.d.sync += beat.eq(Mux(working & ~run, beat + 1, 0))
            with m.If(working):
                m.d.sync += active.eq(1)
            working = working & (beat == s.pace - 1)
        m.d.comb += [
            run.eq(working),
            last_step.eq(step == shape.steps - 1),
            last_replay.eq(~config.fold | (last_fold & (row == shape.steps - 1))),
            last_fold.eq(group == final_index(m, config.fold_groups, "fold_groups")),
            final_group.eq(Mux(config.fold, last_fold, nest.last_group)),
            existing.eq(~final_group | (step < config.last_steps)),
        ]
        to_halve = Signal()
        m.d.comb += to_halve.eq((config.mode == Mode.HIDDEN) & nest.last_group & (config.shift != 0))
        last_halving = final_index(m, config.shift, "shift")
        with m.If(halving):
            m.d.comb += over.eq(halvings == last_halving)
        with m.Else():
            m.d.comb += over.eq(last_step & last_replay & ~to_halve)

        fold_row, fold_addr = Signal(s.address_bits), Signal(s.address_bits)
        next_row = Signal(s.address_bits)
        m.d.comb += next_row.eq(fold_row + config.out_fold)
        row_end = Signal()
        m.d.comb += row_end.eq(last_step & (~config.fold | last_fold))
        with m.If(run):
            m.d.sync += active.eq(~over)
            with m.If(halving):
                m.d.sync += halvings.eq(halvings + 1)
                with m.If(over):
                    m.d.sync += [halving.eq(0), halvings.eq(0)]
            with m.Elif(last_step):
                m.d.sync += [step.eq(0), halving.eq(to_halve)]
                with m.If(over | to_halve):
                    m.d.sync += [group.eq(0), row.eq(0), fold_row.eq(0), fold_addr.eq(0)]
                with m.Elif(row_end):
                    m.d.sync += [group.eq(0), row.eq(row + 1), fold_row.eq(next_row), fold_addr.eq(next_row)]
                with m.Else():
                    m.d.sync += [group.eq(group + 1), fold_addr.eq(fold_addr + config.out_group)]
            with m.Else():
                m.d.sync += step.eq(step + 1)
        assert self.lead == 2
        m.d.sync += [
            self.shift.eq(run & ~halving & Mux(config.fold, row_end, 1)),
            self.step.valid.eq(run & (halving | fires | existing)),
            self.step.first.eq(~halving & (step == 0) & Mux(config.fold, group == 0, nest.first_group)),
            self.step.add.eq(~halving),
            self.step.leak.eq(fires | halving),
            self.step.fire.eq(fires),
            self.step.spike.eq(existing),
        ]
        outputs = Signal(s.loop_bits)
        place_end, output_end, all_end = Signal(), Signal(), Signal()
        m.d.comb += [
            place_end.eq(run & over),
            output_end.eq(place_end & nest.last),
            all_end.eq(output_end & (outputs == final_index(m, config.outputs, "outputs"))),
            nest.advance.eq(place_end),
            next_output.eq(output_end),
        ]
        with m.If(self.start):
            m.d.sync += outputs.eq(0)
        with m.Elif(output_end):
            m.d.sync += outputs.eq(outputs + 1)
        for i in range(shape.streams):
            m.d.sync += [self.bias[i].eq(current[i].bias), self.threshold[i].eq(current[i].threshold)]
            if s.leaks:
                m.d.sync += self.leak[i].eq(current[i].leak)

        emits = Signal()
        m.d.comb += emits.eq(run & Mux(fires, last_step, over & (config.mode == Mode.HIDDEN) & nest.last_group))
        self._align(m, Cat(emits, nest.last_tile, place_end & drains & nest.last_group, nest.last, all_end), drains)
        offset = Signal(s.address_bits, reset_less=True)
        m.d.sync += offset.eq(nest.addr + fold_addr)
        for i in range(shape.streams):
            neuron = Signal(neuron_view(s), name=f"held{i}", reset_less=True)
            place = Signal(place_layout(s), name=f"early{i}", reset_less=True)
            m.d.sync += [
                neuron.eq(current[i]),
                place.addr.eq(neuron.target + offset),
                place.bank.eq(neuron.bank),
                place.enable.eq(neuron.enable),
            ]
            for stage in range(LifArray.latency - 2):
                delayed = Signal.like(place, name=f"place{i}_{stage}", reset_less=True)
                m.d.sync += delayed.eq(place)
                place = delayed
            m.d.sync += self.place[i].eq(place)
        return m

    def _align(self, m: Module, flags: Signal, drains: Signal) -> None:
        """Delay the flags to the LIF array's outputs; run the drain."""
        tokens = self.structure.shape.tokens
        for i in range(LifArray.latency + 1):  # they are a cycle ahead of ``step``
            delayed = Signal(5, name=f"flags{i}")
            m.d.sync += delayed.eq(flags)
            flags = delayed
        emit, last_tile, drain, last, all_end = flags
        held_last, held_end, held_tile, draining = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            self.emit.eq(emit),
            self.last_tile.eq(Mux(draining, held_tile, last_tile)),
            self.drain.eq(drain | draining),
            self.drain_last.eq(self.drain & (self.token == tokens - 1)),
            self.drain_output.eq(Mux(draining, held_last, last)),
            self.finished.eq(Mux(drains, self.drain_last & Mux(draining, held_end, all_end), all_end)),
        ]
        with m.If(drain):
            m.d.sync += [held_last.eq(last), held_end.eq(all_end), held_tile.eq(last_tile)]
            m.d.sync += [enable.eq(place.enable) for enable, place in zip(self.drain_enable, self.place, strict=True)]
        with m.If(self.drain):
            m.d.sync += [self.token.eq(Mux(self.drain_last, 0, self.token + 1)), draining.eq(~self.drain_last)]
