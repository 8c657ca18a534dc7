"""How far make is with a simulator, by the commands that it has written into its log."""

import re
from pathlib import Path

_COMPILES = re.compile(r"-c -o (\S+)\.o\b")


def make_phase(log: Path, top: str) -> tuple[str, str]:
    """Phase and detail: the file that is compiled, or the link of the program ``top``."""
    text = log.read_text(errors="replace")
    if re.search(rf" -o {re.escape(top)}(\s|$)", text[text.rfind("-c -o ") + 1 :]):
        return "link the simulator", ""
    files = _COMPILES.findall(text)
    return "compile the C++", f"{files[-1]}.cpp, file {len(files)}" if files else ""
