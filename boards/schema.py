"""What a board file says: typed, frozen, unknown keys refused. One YAML file is one board."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Megahertz = Annotated[float, Field(gt=0, le=1000)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Oscillator(_Frozen):
    """The clock the board brings."""

    resource: str = Field(description="Name of the clock pin in the amaranth-boards platform.")
    mhz: Megahertz = Field(description="Frequency of that clock, MHz.")


class BlockRams(_Frozen):
    """Block memories of the device."""

    count: Count = Field(description="Number of block memories.")
    bits: Positive = Field(description="Bits in one block memory.")


class Resources(_Frozen):
    """What the device holds: the limits ``generate`` fits a structure into."""

    lut: Positive = Field(description="Four-input lookup tables.")
    block_ram: BlockRams = Field(description="Block memories.")
    dsp: Count = Field(description="Hard multipliers (the design uses none).")


class UartPins(_Frozen):
    """A UART the platform does not define, on two pins of one of its connectors."""

    connector: str = Field(description="Connector name in the amaranth-boards platform.")
    number: Count = Field(description="Connector number.")
    rx: str = Field(description="Connector pin that receives.")
    tx: str = Field(description="Connector pin that sends.")
    io_type: str = Field(description="Electrical standard of both pins, e.g. LVCMOS33.")


class Uart(_Frozen):
    """The serial port the host talks through."""

    resource: str = Field(description="Name of the UART resource in the platform, or of the one made from `pins`.")
    number: Count = Field(description="Number of that resource.")
    baud: Positive = Field(description="Bits a second on the line.")
    pins: UartPins | None = Field(None, description="Given where the platform has no UART resource.")


class ExternalMemory(_Frozen):
    """Memory beside the device, for weights that do not fit into it."""

    kind: Literal["sdram", "ddr3"] = Field(description="Kind of memory.")
    bits: Positive = Field(description="Width of its data bus.")
    megabytes: Positive = Field(description="Its size, MB.")


#: The family of what has no FPGA.
SIMULATION = "simulation"


class BuildTarget(_Frozen):
    """What the project builds for: a board, or the simulator alone."""

    name: str = Field(pattern=r"^[a-z0-9-]+$", description="The name users type; equal to the file's name.")
    title: str = Field(description="The board's name in print.")
    family: str = Field(description="FPGA family, a file of `boards/families/`: selects tools, PLL, cells, RAM shapes.")


class Board(BuildTarget):
    """One board the project builds for."""

    part: str = Field(description="Ordering code of the device.")
    platform: str = Field(pattern=r"^[\w.]+:\w+$", description="amaranth-boards platform class, module:Class.")
    oscillator: Oscillator = Field(description="The clock the board brings.")
    clock_mhz: Megahertz = Field(description="Clock the design runs at, made from the oscillator by a PLL, MHz.")
    resources: Resources = Field(description="What the device holds.")
    uart: Uart = Field(description="The serial port the host talks through.")
    memory: ExternalMemory | None = Field(None, description="Memory beside the device, if any.")

    @property
    def block_ram_bits(self) -> int:
        """All block memory of the device, bits."""
        return self.resources.block_ram.count * self.resources.block_ram.bits


def target_of(fields: Any) -> BuildTarget:
    """What a board file's fields describe; pydantic's ValidationError where they do not."""
    simulated = isinstance(fields, dict) and fields.get("family") == SIMULATION
    return (BuildTarget if simulated else Board).model_validate(fields)
