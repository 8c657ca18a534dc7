"""What the shell offers where a board or an example is named."""

from collections.abc import Iterator


def board_names(incomplete: str) -> Iterator[str]:
    """Boards whose names begin so."""
    from spikewright.boards import registry

    yield from (name for name in registry.board_names() if name.startswith(incomplete))


def example_names(incomplete: str) -> Iterator[str]:
    """Shipped networks whose names begin so."""
    from spikewright.gallery import shipped

    yield from (name for name in shipped() if name.startswith(incomplete))
