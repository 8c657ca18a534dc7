"""What a package may hold and the accelerator does not take: the sentences that refuse it, and the rows of a page.

Who refuses something writes the sentence by ``Limit.text``; docs/supported.md is drawn from ``LIMITS``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """One thing that is refused.

    package: what a package may hold; accelerator: what the accelerator takes instead; sentence: of the refusal, with
    places for values in braces.
    """

    package: str
    accelerator: str
    sentence: str

    def text(self, **values: object) -> str:
        """The sentence with its values."""
        return self.sentence.format(**values)


FRAMES = Limit(
    "frames: an image of its own for each timestep, as event cameras give",
    "one image, the same at every timestep",
    "frames, an image of its own for each step, are not built yet; train on one image for all steps",
)
LEAK_BY_CHANNEL = Limit(
    "a leak for each channel",
    "leak 8/16 (τ = 2) for all neurons",
    "a leak for each channel is not built yet; train all neurons with leak 8/16",
)
LEAK = Limit(
    "a leak of 0/16 to 16/16 for a layer",
    "leak 8/16 (τ = 2) for all neurons",
    "leak {leak}/16 is not built yet; train all neurons with leak {allowed}/16",
)
SHORTCUT = Limit(
    "a shortcut into a convolution's membrane, through a matrix or by a gain (ResNet)",
    "additions of spikes to a residual stream",
    "the shortcut from {value} into the membrane is not built yet; add its spikes to a residual stream",
)
COUNTING_POOL = Limit(
    "a pool that counts the spikes of 2×2 windows (VGG)",
    "a pool that ORs 3×3 windows, stride 2",
    "a pool that counts the spikes of {value} is not built yet; use one that ORs them",
)
STREAM_LIMIT = Limit(
    "a limit at which the residual stream saturates",
    "streams as wide as their sums need",
    "a limit of the residual stream, {limit}, is not built yet; train without one",
)
VALUE_CHANNELS = Limit(
    "attention whose values have other channels than its queries",
    "as many value as query channels",
    "attention with {queries} query and {values} value channels is not built yet; give it as many of both",
)
TOKEN_GRID = Limit(
    "a linear layer, attention, a token selector or a head on a grid finer than the token grid, the smallest",
    "these on the token grid",
    "this {op} reads the token grid, {token_grid} as of {smallest}, not {value} on {grid}; pool {value} until it is on "
    "that grid, or leave out what is on a smaller one than {value}",
)
SELECTOR_SHIFT = Limit(
    "any shift and fraction bits of a token selector",
    "a shift of at most 31 on the finest membrane grid of the network",
    "shift {shift} and the network's most fraction bits, {fraction_bits}, need {needed}, at most 31; use fewer of them",
)
SCORE_BITS = Limit(
    "class scores of any width",
    "class scores of at most 32 bits, with the fraction bits of the head",
    "class scores need {bits} bits, at most {most}: {remedy}",
)

#: In the order of the page.
LIMITS = (
    FRAMES,
    LEAK_BY_CHANNEL,
    LEAK,
    SHORTCUT,
    COUNTING_POOL,
    STREAM_LIMIT,
    VALUE_CHANNELS,
    TOKEN_GRID,
    SELECTOR_SHIFT,
    SCORE_BITS,
)
