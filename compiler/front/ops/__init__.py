"""The ops of the IR, one file each: all that the front of the compiler knows of an op is in its file."""

from collections.abc import Mapping

from spikewright.compiler.front.ir import Op
from spikewright.compiler.front.ops.add import Add
from spikewright.compiler.front.ops.attention import Attention
from spikewright.compiler.front.ops.conv import Conv
from spikewright.compiler.front.ops.head import Head
from spikewright.compiler.front.ops.linear import Linear
from spikewright.compiler.front.ops.pool import Pool
from spikewright.compiler.front.ops.select import Select

__all__ = ["OPS", "Add", "Attention", "Conv", "Head", "Linear", "Pool", "Select"]

#: Kind, as in a package, → class.
OPS: Mapping[str, type[Op]] = {op.kind: op for op in (Conv, Pool, Add, Linear, Attention, Select, Head)}
