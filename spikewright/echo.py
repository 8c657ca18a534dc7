"""Text that came from a user, as it may be shown: nothing in it acts on the terminal, and no name floods it."""

import reprlib

#: Longer names are no names of files anywhere; they are shown shortened, to ``ECHO`` characters.
LONGEST, ECHO = 255, 80


def printable(text: str) -> str:
    """The text with every character that does not print written as its escape: control codes, line ends, surrogates."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    known = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return known.get(char) or char.encode("unicode_escape", "surrogatepass").decode("ascii")


def short(name: str) -> str:
    """A name as it is echoed: its beginning and its end, where it is longer than any file's name may be."""
    if len(name) <= LONGEST:
        return name
    half = (ECHO - 3) // 2
    return f"{name[:half]}...{name[-half:]}"


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = ECHO


def quoted(value: object) -> str:
    """What a user gave, as Python writes it: on one line, at most ``ECHO`` characters; for the middle of a sentence."""
    text = _SHORT.repr(value)
    return text if len(text) <= ECHO else f"{text[: ECHO // 2 - 2]}...{text[-(ECHO // 2 - 1) :]}"


def shown(text: str, most: int = ECHO) -> str:
    """A user's text as it is printed, without quotes and at most ``most`` characters long."""
    line = printable(text[: most + 1])
    return line if len(line) <= most else f"{line[: most - 3]}..."
