"""Numbers with their origin: whatever a page shows carries the file and the JSON pointer that it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from spikewright.echo import shown


def _grouped(value: float) -> str:
    return f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


#: How a value is written, by the name that stands beside it in the page.
STYLES: Mapping[str, Callable[[Any], str]] = {
    "count": _grouped,
    "percent": lambda value: f"{value:.0%}" if value >= 0.1 or value == 0 else f"{value:.2%}",
    "share": lambda value: f"{value:.1%}",
    "one": lambda value: f"{value:.1f}",
    "two": lambda value: f"{value:.2f}",
    "three": lambda value: f"{value:.3f}",
    "times": lambda value: f"{value:.1f}×",
    "hundredth": lambda value: f"{value:.1f} %",
    "text": lambda value: shown(str(value), 400),
    "yes": lambda value: "yes" if value else "no",
}


class Ref:
    """A value in a file: ``ref / key`` leads to its parts.

    file: the file's name, as it lies beside the page; value: what is there; pointer: by RFC 6901.
    """

    def __init__(self, file: str, value: Any, pointer: str = "") -> None:
        self.file, self.value, self.pointer = file, value, pointer

    def __truediv__(self, key: str | int) -> Ref:
        return Ref(self.file, self.value[key], f"{self.pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")

    def __iter__(self) -> Iterator[Ref]:
        """The elements of a list."""
        return (self / at for at in range(len(self.value)))

    def items(self) -> Iterator[tuple[str, Ref]]:
        """Keys of a mapping, each with its value."""
        return ((key, self / key) for key in self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    @property
    def origin(self) -> str:
        """File and pointer."""
        return f"{self.file}#{self.pointer}"

    def written(self, style: str) -> str:
        """The value as it is shown."""
        return "–" if self.value is None else STYLES[style](self.value)


def show(ref: Ref, style: str = "count") -> Markup:
    """A value in the text of a page."""
    return Markup('<span class="value" data-from="{}" data-as="{}">{}</span>').format(
        ref.origin, style, ref.written(style)
    )


def name(text: str) -> Markup:
    """A name that somebody gave: of a layer, a network, a board."""
    return Markup('<span class="name">{}</span>').format(shown(text, 120))


def listed(parts: Sequence[Markup | str], between: str = ", ") -> Markup:
    """Parts of a sentence, one behind the other."""
    return Markup(escape(between)).join(parts)
