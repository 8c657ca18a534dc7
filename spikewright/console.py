"""The consoles that commands print on: text is text, whoever it came from."""

from typing import Any

from rich.console import Console
from rich.text import Text

from spikewright.echo import printable


class PlainConsole(Console):
    """A console that reads no markup and no emoji codes in text, and shows control characters as their escapes.

    So names may hold brackets, line ends and escape sequences. Emphasis is given by ``rich.text.Text``.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """A string as it is printed, in a table too."""
        return super().render_str(printable(text), **options | {"markup": False, "emoji": False})
