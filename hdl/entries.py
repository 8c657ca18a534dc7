"""Weight entries on their way to the lanes: rows out of the ROMs, pieces of rows that are not silent, requests."""

from amaranth.lib import data

from spikewright.compiler.target.structure import Structure

#: A row as the models see it: both entries (address, code), None where there is none, and the end of the list.
Row = tuple[tuple[tuple[int, int] | None, ...], bool]


def operand_bits(structure: Structure) -> int:
    """Bits that name an entry's value: a weight code and whose it is, or the address of a K^T V element."""
    return max(structure.code_bits + structure.second, (structure.product_depth - 1).bit_length(), 1)


def row_layout(structure: Structure) -> data.StructLayout:
    """Two entries from the fetch: addresses of plane 0, codes (or product addresses), valid, end of list."""
    entry = data.StructLayout({"addr": structure.address_bits, "code": operand_bits(structure), "valid": 1})
    return data.StructLayout({"entries": data.ArrayLayout(entry, 2), "last": 1})


def piece_layout(structure: Structure) -> data.StructLayout:
    """A filtered row: both entries' addresses and codes, and what is left to do of them."""
    return data.StructLayout(
        {
            "addr": data.ArrayLayout(structure.address_bits, 2),
            "code": data.ArrayLayout(operand_bits(structure), 2),
            "pending": 2 * structure.planes,  # a bit for each (entry, plane)
            "final": 1,  # at most one of them is set
            "last": 1,  # the row ends its list
        }
    )


def request_layout(structure: Structure) -> data.StructLayout:
    """A spike word to read, and the value to broadcast for it."""
    return data.StructLayout(
        {
            "addr": structure.address_bits,
            "code": operand_bits(structure),
            "plane": range(structure.planes),
            "valid": 1,
        }
    )
