"""Holds a page against the files beside it: every number is theirs, and nothing acts or comes from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import yaml

from spikewright.view.refs import STYLES

_VOID = {"meta", "br"}
#: Elements whose digits are no measured values: names that somebody gave, and the numbers of scales.
_FREE = {"name", "tick"}
_DIGIT = re.compile(r"\d")


def faults(page: str, folder: Path) -> list[str]:
    """What is wrong with a page whose files lie in ``folder``; none of a good one. Its numbers: ``page_numbers``."""
    read = _Reader(folder)
    read.feed(page)
    found = read.faults
    if not read.numbers:
        found.append("no number on the page")
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode() if style else ""
    if not read.policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; "):
        found.append("the policy is not that of the style")
    return found


def page_numbers(page: str, folder: Path) -> int:
    """How many values a page shows."""
    read = _Reader(folder)
    read.feed(page)
    return read.numbers


class _Reader(HTMLParser):
    """Walks a page; an element with ``data-from`` must show the value that is there."""

    def __init__(self, folder: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.folder, self.faults, self.numbers, self.policy = folder, list[str](), 0, ""
        self._documents: dict[str, Any] = {}
        self._open: list[tuple[str, dict[str, str | None], list[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self._acts(tag, attributes)
        if attributes.get("http-equiv") == "Content-Security-Policy":
            self.policy = attributes.get("content") or ""
        if tag not in _VOID:
            self._open.append((tag, attributes, []))

    def handle_endtag(self, tag: str) -> None:
        opened, attributes, words = self._open.pop()
        if opened != tag:
            self.faults.append(f"<{opened}> is closed by </{tag}>")
        if attributes.get("data-from") is not None:
            self._value(attributes, "".join(words).strip())

    def handle_data(self, data: str) -> None:
        for _, _, words in self._open:
            words.append(data)
        if _DIGIT.search(data) and not self._is_free():
            self.faults.append(f"a number of no origin: {data.strip()!r}")

    def _is_free(self) -> bool:
        """Whether what is open accounts for digits: a value, a name, a scale, a hint, or no text at all."""
        return any(
            tag in ("title", "style")
            or "data-from" in attributes
            or _FREE & set((attributes.get("class") or "").split())
            for tag, attributes, _ in self._open
        )

    def _value(self, attributes: dict[str, str | None], words: str) -> None:
        self.numbers += 1
        origin, style = attributes["data-from"] or "", attributes.get("data-as") or ""
        try:
            value = self._at(origin)
        except (KeyError, IndexError, ValueError, TypeError, OSError) as error:
            self.faults.append(f"{origin}: leads nowhere ({type(error).__name__})")
            return
        written = str(len(value)) if style == "length" else "–" if value is None else STYLES[style](value)
        # a mark tells it under the pointer, at the end of its words
        told = re.fullmatch(rf"(.*: )?{re.escape(written)}( \S.*)?", words, re.DOTALL)
        if told is None:
            self.faults.append(f"{origin}: the page says {words!r}, the file {written!r}")

    def _at(self, origin: str) -> Any:
        file, _, pointer = origin.partition("#")
        if file not in self._documents:
            self._documents[file] = _document(self.folder / file)
        value = self._documents[file]
        for key in pointer.split("/")[1:]:
            key = key.replace("~1", "/").replace("~0", "~")
            value = value[int(key)] if isinstance(value, list) else value[key]
        return value

    def _acts(self, tag: str, attributes: dict[str, str | None]) -> None:
        """Faults of an element that would act, or fetch."""
        if tag in ("script", "iframe", "object", "embed", "link", "img", "base", "form"):
            self.faults.append(f"<{tag}> on the page")
        for name, value in attributes.items():
            outside = name in ("href", "src", "xlink:href", "action") and not (value or "").startswith("#")
            if name.startswith("on") or name == "style" or outside:
                self.faults.append(f"<{tag} {name}={value!r}>")


def _document(path: Path) -> Any:
    text = path.read_text()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return yaml.safe_load(text) if path.suffix == ".yaml" else json.loads(text)


def values(page: str) -> Iterator[str]:
    """Origins of all values of a page, in its order."""
    return (match[1] for match in re.finditer(r'data-from="([^"]+)"', page))
