"""Lowering: a planned graph becomes buffers, weight lists and descriptors for one engine shape."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spikewright.cost import cycles as cost
from spikewright.cost.geometry import Grid

from .buffers import Buffer, Placement, allocate
from .descriptors import Kind, Mode
from .ir import Add, Attention, Compare, Conv, Graph, Head, Linear, Neuron, Pool, Reset, Select, Value
from .lists import Entry, OutputSlot, bank_lists, lengths, pair_outputs
from .lower_attention import lower_attention
from .lower_head import lower_head
from .lower_image import lower_image
from .lower_select import lower_select
from .lowered import Lowered, LoweringError, Step
from .passes.placement import Reader, place
from .structure import Shape
from .taps import Tap, halo_words, pool_words


def lower(graph: Graph, shape: Shape, fraction_bits: int = 0) -> Lowered:
    """Map ``graph`` (intervals and planes filled in) to an engine of ``shape``.

    fraction_bits: at least so many on the engine's membrane grid (that of a given structure).
    """
    return Lowering(graph, shape, fraction_bits).run()


class Lowering:
    """The state of one lowering: what every op's lowering needs."""

    def __init__(self, graph: Graph, shape: Shape, fraction_bits: int) -> None:
        self.graph, self.shape = graph, shape
        fractions = [fraction_bits]
        for op in graph.ops:
            if isinstance(op, (Conv, Linear, Attention)):
                fractions.append(op.neuron.fraction_bits)
                if op.neuron.leak != 8:
                    raise LoweringError(
                        f"{op.name}: leak {op.neuron.leak}/16 is not built yet, the engine has leak 8/16"
                    )
            elif isinstance(op, Select):
                fractions += [op.hidden_fraction_bits, op.score_fraction_bits]
            elif isinstance(op, Head):
                fractions.append(op.fraction_bits)
        self.out = Lowered(graph, shape, max(fractions))
        self.groups = shape.groups(graph.steps)
        self.last_steps = graph.steps - (self.groups - 1) * shape.steps
        self.uses: dict[str, list[str]] = {}
        for op in graph.ops:
            for name in op.inputs:
                self.uses.setdefault(name, []).append(op.name)
        grids = [v.grid for v in graph.values.values() if v.grid is not None]
        self.token_grid = min(grids, key=lambda g: g[0] * g[1])
        for grid in grids:
            if grid[0] % self.token_grid[0] or grid[1] % self.token_grid[1]:
                raise LoweringError(f"grid {grid} is not a multiple of the token grid {self.token_grid}")
        #: (spike operand → the add that takes it) for adds that are done in the write-back of their second operand
        self.fused = {op.inputs[1]: op for op in graph.ops if isinstance(op, Add)}
        for name, add in self.fused.items():
            source = graph.op(name)
            if not isinstance(source, (Conv, Linear)) or self.uses[name] != [add.name]:
                raise LoweringError(
                    f"{add.name}: the engine adds the spikes of a conv or linear used only there, not {name}"
                )
        self.halos = {op.inputs[0] for op in graph.ops if isinstance(op, Conv)}
        self.heads = {v: op for op in graph.ops if isinstance(op, Attention) for v in op.inputs}

    # ---- buffers -------------------------------------------------------------------------------------------------

    def tiles(self, tokens: int) -> int:
        return self.shape.tiles(tokens)

    def tile_size(self, value: Value) -> tuple[int, int]:
        """Positions (rows, columns) that a lane holds of a value."""
        if value.grid is None:
            return 1, 1
        return value.grid[0] // self.token_grid[0], value.grid[1] // self.token_grid[1]

    def slots(self, value: Value) -> int:
        """Token slots in use: tokens of the token grid, or of the value once it has no grid."""
        return value.tokens if value.grid is None else self.token_grid[0] * self.token_grid[1]

    def new_buffer(self, value: Value, *, planes: int, placement: Placement | None = None, groups: int = 0) -> Buffer:
        """A buffer for a value, made when its producer is lowered."""
        rows, columns = self.tile_size(value)
        if placement is None:
            if value.name in self.heads:
                placement = Placement.by_head(value.channels, self.heads[value.name].heads, self.shape.banks)
            else:
                placement = place(value.channels, self.shape.banks, self.readers(value.name))
        now = len(self.out.steps)
        buffer = Buffer(
            name=value.name,
            placement=placement,
            planes=planes,
            tiles=self.tiles(self.slots(value)),
            groups=groups or self.groups,
            tile_rows=rows,
            tile_columns=columns,
            halo=int(value.name in self.halos),
            first=now,
            last=now,
        )
        self.out.buffers[value.name] = buffer
        self.out.homes[value.name] = value.name
        return buffer

    def readers(self, name: str) -> list[Reader]:
        """The layers whose lists depend on where the channels of this buffer lie."""
        found = []
        value = self.graph.values[name]
        for user in self.uses.get(name, []):
            op = self.graph.op(user)
            codes = {"conv": "weights", "linear": "weights", "head": "weights", "select": "hidden"}.get(op.kind)
            if codes is not None:
                entries = (getattr(op, codes).codes != 0).reshape(-1, value.channels, 9 if op.kind == "conv" else 1)
                rows, columns = self.tile_size(value)
                repeats = rows * columns * self.tiles(self.slots(value)) * self.groups
                found.append(Reader(entries.sum(axis=2), value.planes, repeats, self.shape.steps))
            # the mover works inside a bank: what it makes, and what is updated in place, lies as its source does
            if isinstance(op, Pool) or (isinstance(op, (Add, Select)) and op.inputs[0] == name and self.in_place(op)):
                found += self.readers(op.name)
        return found

    def touch(self, *names: str) -> None:
        """The step about to be appended reads these values."""
        for name in names:
            buffer = self.out.home(name)
            buffer.last = max(buffer.last, len(self.out.steps))

    def grid(self, unit: int) -> Grid:
        """The lanes' cells: the token grid, or finer columns for a folded image."""
        fine = self.shape.steps // unit
        rows, columns = self.token_grid
        return Grid(rows, columns * fine, unit, self.shape.lanes)

    def append(
        self,
        kind: Kind,
        layer: str,
        fields: Mapping[str, int],
        addresses: Mapping[str, tuple[str, int]],
        cycles: int,
        **extra: object,
    ) -> None:
        self.out.steps.append(Step(kind, layer, fields, addresses, cycles, **extra))  # type: ignore[arg-type]

    # ---- ops -----------------------------------------------------------------------------------------------------

    def run(self) -> Lowered:
        lower_image(self)
        for op in self.graph.ops:
            if isinstance(op, (Conv, Linear)):
                self.weights(op)
            elif isinstance(op, Pool):
                self.pool(op)
            elif isinstance(op, Attention):
                lower_attention(self, op)
            elif isinstance(op, Select):
                lower_select(self, op)
            elif isinstance(op, Head):
                lower_head(self, op)
        self.append(Kind.END, "end", {}, {}, 0)
        self.out.bank_depth = allocate(list(self.out.buffers.values()))
        return self.out

    def halo(self, value: str, layer: str, *, unit: int, planes: int) -> None:
        buffer = self.out.home(value)
        if not buffer.halo:
            return
        words = halo_words(self.out.table, self.grid(unit), buffer)
        self.move(layer, words, buffer, buffer, rows=buffer.rows, planes=planes, values=(value,))

    def move(
        self,
        layer: str,
        words: list[list[Tap]],
        source: Buffer,
        target: Buffer,
        *,
        rows: int,
        planes: int,
        values: tuple[str, ...],
    ) -> None:
        first, count, taps = self.out.table.words(words)
        fields = {
            "source_row": source.row_words,
            "source_tile": source.tile_stride,
            "source_group": source.block,
            "target_row": target.row_words,
            "target_tile": target.tile_stride,
            "target_group": target.block,
            "rows": rows,
            "tiles": target.tiles,
            "groups": target.groups,
            "words": count,
            "taps": taps,
            "planes": planes,
            "table": first,
            "mask_tile": 1,
        }
        cycles = cost.move_cycles(
            rows=rows, tiles=target.tiles, groups=target.groups, words=count, planes=planes, taps=taps
        )
        self.touch(*values)
        self.append(Kind.MOVE, layer, fields, {"source": (source.name, 0), "target": (target.name, 0)}, cycles)

    def pool(self, op: Pool) -> None:
        value = self.graph.values[op.name]
        source = self.out.home(op.inputs[0])
        target = self.new_buffer(value, planes=value.planes, placement=source.placement)
        words = pool_words(self.out.table, self.grid(self.shape.steps), source, target)
        self.move(op.name, words, source, target, rows=source.rows, planes=1, values=(op.inputs[0], op.name))
        self.halo(op.name, op.name, unit=self.shape.steps, planes=1)

    def result(self, op: Conv | Linear) -> tuple[Value, Buffer, Add | None]:
        """The value that the write-back of ``op`` makes (its add, if there is one), and its buffer."""
        add = self.fused.get(op.name)
        value = self.graph.values[add.name if add else op.name]
        if add is None:
            return value, self.new_buffer(value, planes=1), None
        held = self.out.home(add.inputs[0])
        if self.in_place(add):
            self.out.homes[value.name] = held.name
            return value, held, add
        return value, self.new_buffer(value, planes=self.stream_planes(value.name)), add

    def in_place(self, op: Add | Select) -> bool:
        """Whether ``op`` may overwrite its residual stream: nothing reads it later, or around the word in work."""
        stream = op.inputs[0]
        if self.uses[stream][-1] != op.name or stream in self.halos or op.name in self.halos or stream == "input":
            return False
        if isinstance(op, Select):
            return True
        branch = self.graph.op(op.inputs[1])
        values = self.graph.values
        return branch.inputs[0] != stream and self.tile_size(values[stream]) == self.tile_size(values[op.name])

    def stream_planes(self, name: str) -> int:
        """Planes that a residual stream grows to while it is updated in place."""
        planes = self.graph.values[name].planes
        for op in self.graph.ops:
            if isinstance(op, (Add, Select)) and op.inputs[0] == name and self.in_place(op):
                planes = max(planes, self.stream_planes(op.name))
        return planes

    def weights(self, op: Conv | Linear) -> None:
        source_value = self.graph.values[op.inputs[0]]
        source = self.out.home(op.inputs[0])
        image = op.inputs[0] == "input"
        fold = image and self.out.input_fold
        if isinstance(op, Linear) and self.tile_size(source_value) != (1, 1):
            raise LoweringError(
                f"{op.name}: a linear layer reads the token grid {self.token_grid}, not {source_value.grid}"
            )
        value, target, add = self.result(op)
        neuron = op.neuron
        window = isinstance(op, Conv)
        in_base = (op.inputs[0], source.offset(0, -1, -1) if window else source.offset())
        fields = self.mac_fields(
            mode=Mode.RESIDUAL if add else Mode.SPIKE,
            fold=int(fold),
            soft=int(neuron.reset is Reset.SOFT),
            strict=int(neuron.compare is Compare.GT),
            pot=int(op.weights.scheme == "pot"),
            in_planes=source_value.planes,
            in_signed=int(source_value.signed),
            out_planes=value.planes if add else 1,
            gap=cost.spike_gap(
                self.shape.steps, fold_groups=self.groups if fold else 0, planes=value.planes if add else 1
            ),
            groups=1 if fold else self.groups,
            fold_groups=self.groups if fold else 1,
            slots=self.slots(value),
            source=source,
            target=target,
        )
        if image:
            fields["in_group"] = 0  # the same at every step
        captures: dict[int, tuple[int, int]] = {}
        addresses = {"in_base": (source.name, in_base[1])}
        if add:
            stream_value, stream = self.graph.values[add.inputs[0]], self.out.home(add.inputs[0])
            fields |= self.walk("capture", stream) | {"capture_planes": stream_value.planes}
            addresses["capture_base"] = (stream.name, stream.offset())
            captures = {c: (b, r * stream.row_words) for c, (b, r) in enumerate(stream.placement.slots)}
            self.touch(add.inputs[0])
        lists = bank_lists(op.weights.codes, source, self.shape.banks, replicated=image, start=0)
        scaled = self.out.fraction_bits - neuron.fraction_bits
        self.touch(op.inputs[0], value.name)
        self.mac(
            op.name,
            fields,
            addresses,
            self.outputs(lists, captures, target, neuron, scaled),
            capture_planes=fields["capture_planes"],
            target=target.name,
        )
        # only after its buffer is final can the halo be made
        if value.name in self.halos:
            self.halo(value.name, value.name, unit=self.shape.steps, planes=value.planes)

    def outputs(
        self,
        lists: list[list[list[Entry]]],
        captures: Mapping[int, tuple[int, int]],
        target: Buffer,
        neuron: Neuron,
        scaled: int,
    ) -> list[OutputSlot]:
        result = []
        for c, found in enumerate(lists):
            rows = [list(entries) for entries in found]
            if c in captures:
                bank, offset = captures[c]
                rows[bank].append(Entry(offset, 0))
            bank, row = target.placement.slots[c]
            result.append(
                OutputSlot(
                    tuple(tuple(entries) for entries in rows),
                    int(neuron.bias[c]) << scaled,
                    int(neuron.threshold[c]) << scaled,
                    bank,
                    target.offset(row),
                )
            )
        return result

    def walk(self, side: str, buffer: Buffer) -> dict[str, int]:
        """Address steps of a loop nest over a buffer's positions, tiles and step groups."""
        return {
            f"{side}_x": buffer.planes,
            f"{side}_y": buffer.planes * (buffer.pitch_x - buffer.tile_columns + 1),
            f"{side}_tile": buffer.tile_stride,
            f"{side}_group": buffer.block,
        }

    def mac_fields(self, *, slots: int, source: Buffer, target: Buffer | None, **given: int) -> dict[str, int]:
        """All fields of a MAC descriptor. What is not given: the loops of ``source`` over all step groups, else 0."""
        shape = self.shape
        names = (
            "gate fold soft strict pot in_signed shift out_x out_y out_tile out_group out_fold head_outputs head_rows "
            "head_rest product_output product_group product_head capture_planes capture_base capture_x capture_y "
            "capture_tile capture_group in_base outputs"
        )
        fields = dict.fromkeys(names.split(), 0) | self.walk("in", source)
        if target is not None:
            fields |= self.walk("out", target)
        if given.get("fold"):
            assert target is not None
            width = source.tile_columns
            fields["out_fold"] = width * target.planes
            fields["out_y"] = target.planes * (target.pitch_x - width + 1)
        fields |= {
            "columns": source.tile_columns,
            "rows": source.tile_rows,
            "tiles": self.tiles(slots),
            "groups": self.groups,
            "fold_groups": 1,
            "last_steps": self.last_steps,
            "last_tokens": slots - (self.tiles(slots) - 1) * shape.tokens,
            "head_outputs": 1,
        }
        return fields | given

    def mac(
        self,
        layer: str,
        fields: dict[str, int],
        addresses: dict[str, tuple[str, int]],
        outputs: list[OutputSlot],
        *,
        target: str | None,
        capture_planes: int = 0,
        gate_pairs: int = 0,
        gate_total: int = 0,
    ) -> None:
        """Append a MAC step.

        target: buffer that the outputs' offsets refer to; without one (selector, head) the outputs keep their order.
        gate_pairs: attention, entries of the busiest walker; ``gate_total`` in all, for each place of the loop nest.
        """
        shape = self.shape
        if target is None or gate_pairs:
            outputs = outputs + [OutputSlot.nothing(shape.banks)] * (-len(outputs) % shape.streams)
            pairs_of = [tuple(outputs[i : i + shape.streams]) for i in range(0, len(outputs), shape.streams)]
        else:
            pairs_of = pair_outputs(outputs, shape.streams, shape.banks)
        planes, lists = fields["in_planes"], lengths(pairs_of)
        counts = [gate_pairs] * len(pairs_of) if gate_pairs else lists.busiest(planes, capture_planes)
        total = gate_total or int(lists.pairs(planes, capture_planes).sum())
        repeats = fields["columns"] * fields["rows"] * fields["tiles"] * fields["groups"]
        fields["outputs"] = len(pairs_of)
        cycles = cost.mac_cycles(
            counts,
            repeats=repeats,
            gap=fields["gap"],
            banks=shape.banks,
            skip=shape.skip,
            tail=self.tail(fields),
        )
        self.append(
            Kind.MAC, layer, fields, addresses, cycles, outputs=tuple(pairs_of), pairs=total * repeats, target=target
        )

    def tail(self, fields: Mapping[str, int]) -> int:
        """Cycles of the last sum in the LIF array and the write-back."""
        steps, mode = self.shape.steps, fields["mode"]
        if mode == Mode.HIDDEN:
            return cost.hidden_tail(steps, fields["shift"])
        if mode in (Mode.SCORE, Mode.HEAD):
            return cost.score_tail(steps, self.shape.tokens)
        fold_groups = fields["fold_groups"] if fields["fold"] else 0
        return cost.spike_tail(steps, fold_groups=fold_groups, planes=fields["out_planes"])

    def flat_outputs(self, lists: list[list[list[Entry]]], bias: np.ndarray, scaled: int) -> list[OutputSlot]:
        """Outputs that go to the selector or the results, not to spike memory."""
        return [
            OutputSlot(tuple(tuple(entries) for entries in found), int(bias[c]) << scaled, 0, c % self.shape.banks, 0)
            for c, found in enumerate(lists)
        ]
