"""The one error of this folder."""

from spikewright.errors import PlainError


class CheckpointError(PlainError):
    """A user's file, or what was told of it, cannot be taken; the text is one sentence."""
