"""Small structures for component tests, several components under one top, and the way to a simulator."""

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.descriptors import LAYOUTS, OPTIONS, Descriptor, Kind
from spikewright.compiler.target.structure import Shape, Structure
from spikewright.hdl.elaborate import elaborate, port_names
from spikewright.hdl.views import neuron_view, tap_view
from spikewright.sim.verilator.build import build, default_cache
from spikewright.sim.verilator.run import BenchRun, Built

VERILOG = Path(__file__).parents[2] / "hdl" / "verilog"

#: The shapes that every component is tested with: powers of two, odd sizes with two streams, the least, the largest.
SHAPES = {
    "even": {"tokens": 4, "steps": 2, "banks": 2, "planes": 3, "residual_planes": 2},
    "odd": {"tokens": 5, "steps": 3, "banks": 3, "streams": 2, "planes": 5, "residual_planes": 4, "product_depth": 61}
    | {"soft_reset": 0, "limited": 1, "counting": 1, "leaks": 1, "frames": 1, "second": 1},
    "least": {"tokens": 2, "steps": 2, "banks": 1, "planes": 2, "residual_planes": 2, "skip": False}
    | {"soft_reset": 0, "strict_compare": 0},
    "large": {"tokens": 16, "steps": 4, "banks": 8, "streams": 2, "planes": 8, "residual_planes": 6, "bank_depth": 300}
    | {"strict_compare": 0, "value_channels": 1, "leaks": 1, "wide_scores": 1, "shift_bits": 6, "frames": 1}
    | {"second": 1},
}


def structure(name: str = "even", **overrides: object) -> Structure:
    """A small structure: one of ``SHAPES`` with fields of the structure or of its shape replaced."""
    fields: dict[str, object] = {
        "bank_depth": 64,
        "planes": 4,
        "residual_planes": 3,
        "rom_depth": 100,
        "offset_bits": 5,
        "code_bits": 4,
        "count_bits": 5,
        "outputs": 24,
        "value_bits": 16,
        "accumulator_bits": 22,
        "fraction_bits": 3,
        "membrane_bits": 30,
        "score_bits": 32,
        "score_drop": 0,
        "parameter_bits": 14,
        "shift_bits": 5,
        "soft_reset": 1,
        "strict_compare": 1,
        "neurons": 24,
        "product_bits": 9,
        "product_depth": 64,
        "table_depth": 50,
        "mask_depth": 40,
        "selector_tokens": 19,
        "pixel_depth": 150,
        "image_channels": 3,
        "image_bits": 6,
        "loop_bits": 8,
        "program_depth": 200,
        "result_depth": 21,
    }
    fields |= SHAPES[name] | overrides
    shape = {key: fields.pop(key) for key in ("tokens", "steps", "banks", "streams", "skip") if key in fields}
    return Structure(shape=Shape(**shape), **fields)


class Harness(wiring.Component):
    """Several components side by side; the ports of component ``x`` are called ``x__…``."""

    def __init__(self, parts: Mapping[str, wiring.Component]) -> None:
        self.parts = dict(parts)
        super().__init__({name: Out(part.signature) for name, part in parts.items()})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for name, part in self.parts.items():
            m.submodules[name] = part
            inside = part.signature.flatten(part)
            for (_, member, outer), (_, _, inner) in zip(
                part.signature.flatten(getattr(self, name)), inside, strict=True
            ):
                m.d.comb += inner.eq(outer) if member.flow == In else outer.eq(inner)
        return m


def hex_text(words: Sequence[int], width: int, depth: int) -> str:
    """The text of a ROM file; words that are not given are 0."""
    digits = -(-width // 4)
    return "".join(f"{word:0{digits}x}\n" for word in [*words, *[0] * (depth - len(words))])


def harness(parts: Mapping[str, wiring.Component], edit: Callable[[str], str] | None = None) -> Built:
    """The simulator of several components under one top, from the cache if it is there.

    edit: changes the generated Verilog before it is built.
    """
    with TemporaryDirectory() as folder:
        source = elaborate(Harness(parts), "dut", Path(folder))
        if edit is not None:
            before = source.read_text()
            after = edit(before)
            assert after != before, "the edit changed nothing"
            source.write_text(after)
        inputs, outputs = port_names(source.read_text(), "dut")
        return build(
            [source, *sorted(VERILOG.glob("*.v"))],
            "dut",
            default_cache(),
            inputs=inputs,
            outputs=outputs,
            optimise="-O0",
            waive=("ALWNEVER", "MULTITOP"),
        )


@cache
def built_for(shape: str, **kinds: type[wiring.Component]) -> Built:
    """The simulator of one component of each kind, by name, all of one of the ``SHAPES``."""
    return harness({name: kind(structure=structure(shape)) for name, kind in kinds.items()})


def simulate(
    built: Built,
    bench: Path,
    *,
    cwd: Path,
    given: Mapping[str, object],
    testcase: str,
    roms: Mapping[str, str] | None = None,
    seed: int | None = None,
) -> BenchRun:
    """Runs one test of a bench; raises ``BenchError`` where it fails. roms: text of each file the components read."""
    cwd.mkdir(parents=True, exist_ok=True)
    for name, text in (roms or {}).items():
        (cwd / name).write_text(text)
    return built.run(bench, testcase=testcase, given=given, seed=seed, cwd=cwd, timeout=300)


def contents(label: str, width: int, depth: int) -> list[int]:
    """Random words of a memory, the same in the test and in its bench."""
    rng = random.Random(label)
    return [rng.getrandbits(width) for _ in range(depth)]


def weight_lists(s: Structure) -> list[list[list[tuple[int, int]]]]:
    """Random weight lists that fit the ROMs: output → walker → entries (offset, packed code); code 0 is a capture."""
    rng = random.Random("weights")
    walkers = s.shape.streams * s.shape.banks
    return [
        [
            [
                (rng.getrandbits(s.offset_bits), rng.getrandbits(s.code_bits + s.second))
                for _ in range(rng.choice((0, 0, 1, 2, 3, 7)))
            ]
            for _ in range(walkers)
        ]
        for _ in range(s.outputs)
    ]


def weight_roms(s: Structure) -> dict[str, str]:
    """The files of the weight fetch for ``weight_lists``."""
    lists, roms = weight_lists(s), {}
    for w in range(s.shape.streams * s.shape.banks):
        stream, bank = divmod(w, s.shape.banks)
        entries = [offset | code << s.offset_bits for output in lists for offset, code in output[w]]
        entries += [0] * (len(entries) % 2)
        rows = [low | high << s.entry_bits for low, high in zip(entries[::2], entries[1::2], strict=True)]
        roms[f"weights_{stream}_{bank}.hex"] = hex_text(rows, s.row_bits, s.rom_depth)
    counts = [sum(len(entries) << (w * s.count_bits) for w, entries in enumerate(output)) for output in lists]
    roms["counts.hex"] = hex_text(counts, len(lists[0]) * s.count_bits, s.outputs)
    return roms


def every_field(kind: Kind, fields: Mapping[str, int]) -> dict[str, int]:
    """The fields of a descriptor; those that are not given are 0, or what they are where a structure has them not."""
    given = dict.fromkeys((name for name, _ in LAYOUTS[kind]), 0) | fields
    options = [option for option in OPTIONS.values() if option.kind is kind]
    idle = {name: option.without(name, given) for option in options for name in option.absent}
    return given | idle | fields


def packed(kind: Kind, s: Structure, fields: Mapping[str, int]) -> int:
    """The value of a ``config`` port."""
    words = Descriptor(kind, "test", every_field(kind, fields)).pack(s)
    return sum(word << (32 * i) for i, word in enumerate(words))


def neuron_rows(s: Structure) -> list[list[dict[str, int]]]:
    """Random neuron parameters: output → stream → fields."""
    rng, limit = random.Random("neurons"), 1 << s.parameter_bits - 1
    return [
        [
            {
                "bias": rng.randrange(-limit, limit),
                "threshold": rng.randrange(-limit, limit),
                "target": rng.getrandbits(s.address_bits),
                "bank": rng.randrange(s.shape.banks),
                "enable": rng.randrange(2),
                **({"leak": rng.randrange(17)} if s.leaks else {}),
            }
            for _ in range(s.shape.streams)
        ]
        for _ in range(s.neurons)
    ]


def neuron_roms(s: Structure) -> dict[str, str]:
    """The file of the neuron control for ``neuron_rows``."""
    layout = neuron_view(s)
    rows = [
        sum(layout.const(neuron).as_bits() << (i * layout.size) for i, neuron in enumerate(row))
        for row in neuron_rows(s)
    ]
    return {"neurons.hex": hex_text(rows, layout.size * s.shape.streams, s.neurons)}


def mover_tables(s: Structure) -> tuple[list[dict[str, int]], list[int]]:
    """Random taps (their masks are among the first 30) and lane masks."""
    rng = random.Random("taps")
    taps = [
        {
            "source": rng.getrandbits(s.address_bits),
            "target": rng.getrandbits(s.address_bits),
            "rotate": rng.randrange(s.shape.lanes),
            "mask": rng.randrange(30),
        }
        for _ in range(s.table_depth)
    ]
    return taps, [rng.getrandbits(s.shape.lanes) for _ in range(s.mask_depth)]


def mover_roms(s: Structure) -> dict[str, str]:
    """The files of the mover for ``mover_tables``."""
    layout = tap_view(s)
    taps, masks = mover_tables(s)
    words = [layout.const(tap).as_bits() for tap in taps]
    return {
        "taps.hex": hex_text(words, layout.size, s.table_depth),
        "masks.hex": hex_text(masks, s.shape.lanes, s.mask_depth),
    }


def pixel_table(s: Structure) -> list[list[int]]:
    """Random input codes: channel → byte → code."""
    words = contents("pixels", s.image_bits, 256 * s.image_channels)
    return [words[256 * channel : 256 * (channel + 1)] for channel in range(s.image_channels)]


def pixel_roms(s: Structure) -> dict[str, str]:
    """The file of the pixel loader for ``pixel_table``."""
    words = [code for channel in pixel_table(s) for code in channel]
    return {"pixels.hex": hex_text(words, s.image_bits, len(words))}
