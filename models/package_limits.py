"""How large a model package may be: what passes one of these is refused at once, before anything is held.

Each lies far above every published network, and low enough that all numbers fit: no sum reaches 2**53, which is checked
by ``spikewright.models.package_range`` for what depends on weights.
"""

from __future__ import annotations

FILE_BYTES = 1 << 30
HEADER_BYTES = 1 << 23
#: Brackets inside brackets, in the network's JSON text.
NESTING = 64
DIMENSIONS = 4
#: Characters of an op's name; of the network's and its data set's.
NAME = 80
TEXT = 512
OPS = 4096
STEPS = 64
#: Rows, or columns, of the image; their product.
SIDE = 8192
PIXELS = 1 << 22
CHANNELS = 16_384
#: Integers of one value, over all timesteps, tokens and channels.
VALUE = 1 << 34
#: Weights of all ops together.
WEIGHTS = 1 << 29
#: Greatest limit of a residual stream.
STREAM = (1 << 31) - 1
#: Images of a record.
RECORD = 1 << 24
#: Bits of the widest number: class scores, sums of selectors, and 16 times a membrane.
NUMBER_BITS = 63

#: In words, for docs/package.md: what is limited, and at most how much of it.
TABLE = (
    ("bytes of the file", FILE_BYTES),
    ("bytes of the safetensors header", HEADER_BYTES),
    ("brackets inside brackets in the network's JSON text", NESTING),
    ("dimensions of a tensor", DIMENSIONS),
    ("characters of an op's `name`", NAME),
    ("characters of the network's `name`, and of `data`", TEXT),
    ("ops", OPS),
    ("`steps`", STEPS),
    ("`height`, `width`", SIDE),
    ("`height` · `width`", PIXELS),
    ("`channels`, of the image, an op or a hidden layer", CHANNELS),
    ("T · N · C of a value; N · C of an image without `frames`", VALUE),
    ("weights of all ops together, 0 or not", WEIGHTS),
    ("`limit` of an add", STREAM),
    ("images of a record", RECORD),
)
