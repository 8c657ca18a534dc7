"""Attention unit: K^T V by AND and popcount, kept as integers that the lanes gate with q."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np
from amaranth.hdl import Array, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spikewright.compiler.target.descriptors import Kind
from spikewright.compiler.target.memories import product_bank
from spikewright.compiler.target.structure import Structure, bits_for
from spikewright.hdl.memory import Bank, check_structure
from spikewright.hdl.nest import final_index
from spikewright.hdl.spikes import SpikeMemory
from spikewright.hdl.views import descriptor_view


def popcount(bits: Sequence[Value]) -> Value:
    """Number of set bits, as a balanced tree of adders."""
    level: list[Value] = list(bits)
    while len(level) > 1:
        level = [level[i] + level[i + 1] if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
    return level[0]


class ProductMemory(wiring.Component):
    """K^T V elements: a word holds one element for each of S steps; one bank for each (stream, channel bank).

    Read latency 2 cycles, one read and one write a cycle; the streams read their own copies. No reset of the contents.
    """

    latency = 2
    model = staticmethod(Bank.model)  # of one bank

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        shape = structure.shape
        self.word = data.ArrayLayout(structure.product_bits, shape.steps)
        address = range(structure.product_depth)
        super().__init__(
            {
                #: Number of the word to read, for each read port (stream · banks + bank).
                "read_addr": In(address).array(shape.walkers),
                #: That word, two cycles later.
                "read": Out(self.word).array(shape.walkers),
                #: A word of each bank is written in this cycle.
                "write_en": In(1),
                #: Its number.
                "write_addr": In(address),
                #: The word of each bank.
                "write": In(self.word).array(shape.banks),
            }
        )

    def elaborate(self, platform: object) -> Module:
        s, shape = self.structure, self.structure.shape
        m = Module()
        for port in range(shape.walkers):
            bank = Bank.of(product_bank(s))
            m.submodules[f"product{port}"] = bank
            m.d.comb += [
                bank.read_addr.eq(self.read_addr[port]),
                bank.write_en.eq(self.write_en),
                bank.write_addr.eq(self.write_addr),
                bank.write_data.eq(self.write[port % shape.banks]),
            ]
            m.d.sync += self.read[port].eq(bank.read_data)
        return m


class AttentionUnit(wiring.Component):
    """K^T V of a descriptor's heads: element (i, j) = number of tokens where k_i and v_j both spike, each step apart.

    For each head, step group, row of k keys (one a bank) and token tile: the key words are kept, then one value word a
    cycle is ANDed with all of them. A pass takes ``channels + 1`` cycles and gives ``banks · channels`` elements;
    later tiles add to the elements of the first. Elements lie at
    ``((head · groups + group) · channels + j) · rows + row``. In all
    ``heads · groups · rows · tiles · (channels + 1) + latency`` cycles from ``start`` to ``finished``. At least 3
    channels (the compiler pads).
    Overflow cannot happen: an element is at most the number of tokens. Reset: idle.
    """

    latency = SpikeMemory.latency + 4

    def __init__(self, *, structure: Structure) -> None:
        self.structure = check_structure(structure)
        shape = structure.shape
        word = data.ArrayLayout(structure.product_bits, shape.steps)
        address = range(structure.product_depth)
        super().__init__(
            {
                #: Begin a descriptor.
                "start": In(1),
                #: The descriptor, held from ``start`` to ``finished``.
                "config": In(descriptor_view(Kind.PRODUCT, structure)),
                #: Address of a spike word, for all banks.
                "read_addr": Out(structure.address_bits),
                #: That word of each bank, three cycles later.
                "words": In(shape.lanes).array(shape.banks),
                #: Number of a K^T V word, for all banks.
                "product_addr": Out(address),
                #: That word of each bank, two cycles later.
                "product": In(word).array(shape.banks),
                #: A K^T V word of each bank is written in this cycle.
                "write_en": Out(1),
                #: Its number.
                "write_addr": Out(address),
                #: The word of each bank.
                "write": Out(word).array(shape.banks),
                #: A pulse: the last word is written in this cycle.
                "finished": Out(1),
                #: From the cycle after ``start`` to ``finished``.
                "busy": Out(1),
            }
        )

    def model(self, config: Mapping[str, int], read: Callable[[int], np.ndarray]) -> dict[int, np.ndarray]:
        """Product words by address: int64 [..., banks, steps].

        ``read(address)`` gives the words of all banks, uint8 [..., banks, lanes], 0 or 1 a lane.
        """
        shape, space = self.structure.shape, 1 << self.structure.address_bits
        heads, groups, rows, tiles = (range(config[name]) for name in ("heads", "groups", "rows", "tiles"))
        channels = config["channels"]
        words: dict[int, np.ndarray] = {}
        value_rows = range(-(-channels // shape.banks))
        for head, group in product(heads, groups):
            offset = config["key"] + head * config["rows"] + group * config["group_stride"]
            bases = [offset + tile * config["tile_stride"] for tile in tiles]
            offset = config["value"] + head * config["value_rows"] + group * config["value_group"]
            values = [
                np.concatenate(
                    [read((offset + tile * config["value_tile"] + row) % space) for row in value_rows], axis=-2
                )
                for tile in tiles
            ]
            for row in rows:
                elements: np.ndarray = np.zeros((), np.int64)
                for base, value in zip(bases, values, strict=True):
                    # tokens last, steps before them
                    key, spikes = (
                        words_of.reshape(*words_of.shape[:-1], shape.tokens, shape.steps).astype(np.float32)
                        for words_of in (read((base + row) % space), value[..., :channels, :])
                    )
                    elements = elements + np.einsum("...bps,...jps->...jbs", key, spikes).astype(np.int64)
                for j in range(channels):
                    address = ((head * config["groups"] + group) * channels + j) * config["rows"] + row
                    words[address] = elements[..., j, :, :]
        return words

    def elaborate(self, platform: object) -> Module:
        s, shape, config = self.structure, self.structure.shape, self.config
        m = Module()
        loop, address = s.loop_bits, s.address_bits
        busy = Signal()
        with m.If(self.start):
            m.d.sync += self.busy.eq(1)
        with m.Elif(self.finished):
            m.d.sync += self.busy.eq(0)
        head, group, row, tile, channel = (Signal(loop, name=n) for n in ("head", "group", "row", "tile", "channel"))
        bank = Signal(bits_for(shape.banks - 1))
        loads = Signal()  # this cycle reads keys, not a value
        key, value = Signal(address), Signal(address)  # first key row and value row of the head, group 0, tile 0
        group_base, tile_base = Signal(address), Signal(address)
        value_row = Signal(address)
        element = Signal(range(s.product_depth))  # of the current row, value 0
        element_now = Signal(range(s.product_depth))
        group_elements = Signal(range(s.product_depth))
        last = {
            "channel": channel == final_index(m, config.channels, "channels"),
            "tile": tile == final_index(m, config.tiles, "tiles"),
            "row": row == final_index(m, config.rows, "rows"),
            "group": group == final_index(m, config.groups, "groups"),
            "head": head == final_index(m, config.heads, "heads"),
        }
        offset = Signal(address)
        m.d.comb += offset.eq(group_base + tile_base)
        walks = [(group_base, config.group_stride, tile_base, config.tile_stride)]
        value_rows = config.rows
        where = offset + Mux(loads, key + row[:address], value + value_row)
        if s.value_channels:  # values lie otherwise than keys: a walk of their own
            value_group, value_tile = Signal(address), Signal(address)
            walks.append((value_group, config.value_group, value_tile, config.value_tile))
            value_rows = config.value_rows
            where = Mux(loads, offset + key + row[:address], value_group + value_tile + value + value_row)
        with m.If(busy):
            m.d.comb += self.read_addr.eq(where)
        ending = Signal()
        with m.If(self.start):
            m.d.sync += [busy.eq(1), loads.eq(1), key.eq(config.key), value.eq(config.value)]
            m.d.sync += [x.eq(0) for x in (head, group, row, tile, channel, value_row, bank)]
            m.d.sync += [base.eq(0) for bases in walks for base in (bases[0], bases[2])]
            m.d.sync += [x.eq(0) for x in (element, element_now, group_elements)]
        with m.Elif(busy):
            with m.If(loads):
                m.d.sync += [loads.eq(0), channel.eq(0), value_row.eq(0), bank.eq(0), element_now.eq(element)]
            with m.Else():
                m.d.sync += [channel.eq(channel + 1), element_now.eq(element_now + config.rows), bank.eq(bank + 1)]
                with m.If(bank == shape.banks - 1):
                    m.d.sync += [bank.eq(0), value_row.eq(value_row + 1)]
                with m.If(last["channel"]):
                    m.d.sync += loads.eq(1)
                    with m.If(~last["tile"]):
                        m.d.sync += tile.eq(tile + 1)
                        m.d.sync += [in_tile.eq(in_tile + stride) for _, _, in_tile, stride in walks]
                    with m.Else():
                        m.d.sync += [x.eq(0) for x in (tile, *(in_tile for _, _, in_tile, _ in walks))]
                        with m.If(~last["row"]):
                            m.d.sync += [row.eq(row + 1), element.eq(element + 1)]
                        with m.Else():
                            # element_now is the last value's element of the last row: one further is the next block
                            m.d.sync += [row.eq(0), element.eq(element_now + 1)]
                            with m.If(~last["group"]):
                                m.d.sync += group.eq(group + 1)
                                m.d.sync += [in_group.eq(in_group + stride) for in_group, stride, _, _ in walks]
                            with m.Else():
                                m.d.sync += [x.eq(0) for x in (group, *(in_group for in_group, _, _, _ in walks))]
                                m.d.sync += [
                                    head.eq(head + 1),
                                    key.eq(key + config.rows),
                                    value.eq(value + value_rows),
                                ]
                                with m.If(last["head"]):
                                    m.d.comb += ending.eq(1)
                                    m.d.sync += busy.eq(0)

        # the way of a value word: read (3), choose (1), AND and half the popcount (1), popcount (1), add (1), write
        token = data.StructLayout({"key": 1, "value": 1, "bank": bits_for(shape.banks - 1), "add": 1, "last": 1})
        tokens = [Signal(token, name="token")]
        elements = [element_now]
        m.d.comb += [
            tokens[0].key.eq(busy & loads),
            tokens[0].value.eq(busy & ~loads),
            tokens[0].bank.eq(bank),
            tokens[0].add.eq(tile != 0),
            tokens[0].last.eq(ending),
        ]
        for i in range(7):
            delayed = Signal(token, name=f"token{i}")
            delayed_element = Signal.like(element_now, name=f"element{i}", reset_less=True)
            m.d.sync += [delayed.eq(tokens[-1]), delayed_element.eq(elements[-1])]
            tokens.append(delayed)
            elements.append(delayed_element)
        arrived = tokens[SpikeMemory.latency]
        chosen = Signal(shape.lanes, reset_less=True)
        m.d.sync += chosen.eq(Array(self.words)[arrived.bank])
        m.d.comb += self.product_addr.eq(elements[SpikeMemory.latency + 1])
        for b in range(shape.banks):
            keys = Signal(shape.lanes, name=f"keys{b}", reset_less=True)
            with m.If(arrived.key):
                m.d.sync += keys.eq(self.words[b])
            for t in range(shape.steps):
                both = [chosen[p * shape.steps + t] & keys[p * shape.steps + t] for p in range(shape.tokens)]
                half = len(both) // 2
                parts = [popcount(both[:half]), popcount(both[half:])]
                counts = [Signal(len(part), name=f"count{b}_{t}_{i}", reset_less=True) for i, part in enumerate(parts)]
                total = Signal(s.product_bits, name=f"total{b}_{t}", reset_less=True)
                m.d.sync += [count.eq(part) for count, part in zip(counts, parts, strict=True)]
                m.d.sync += total.eq(counts[0] + counts[1])
                m.d.sync += self.write[b][t].eq(total + Mux(tokens[SpikeMemory.latency + 3].add, self.product[b][t], 0))
        m.d.comb += [
            self.write_en.eq(tokens[SpikeMemory.latency + 4].value),
            self.write_addr.eq(elements[SpikeMemory.latency + 4]),
            self.finished.eq(tokens[SpikeMemory.latency + 4].last),
        ]
        return m
