"""What yosys and nextpnr are at, by the logs that they write while they work."""

import os
import re
from pathlib import Path

from spikewright.phases import Tell

#: Bytes of a log's end that are looked at.
END = 20_000
#: What a line of a log says, and the phase that begins there, in the order in which they come.
_PHASES = (
    (r"Executing (?:RTLIL|Verilog\S*) frontend", "read the design"),
    (r"Executing PROC", "processes to logic"),
    (r"Executing (?:ALUMACC|SHARE|OPT_DFF)", "optimise"),
    (r"Executing MEMORY", "memories to block RAM"),
    (r"Executing (?:DFFLEGALIZE|SIMPLEMAP)", "logic to cells"),
    (r"Executing ABC9?\b", "logic to LUT"),
    (r"Executing JSON backend", "write the netlist"),
    (r"^Info: Pack", "pack"),
    (r"^Info: .*[Pp]lace", "place"),
    (r"^Info: (?:Routing|Running router|Setting up routing|\s*\d+ \|)", "route"),
)
_BEGINS = [(re.compile(pattern, re.MULTILINE), words) for pattern, words in _PHASES]
_DETAIL = re.compile(r"Executing (\S+) pass|at iteration #(\d+)|^Info:\s+(\d+) \|", re.MULTILINE)


class ToolLog:
    """Looks at a tool's log, and tells its phase; phases only go on, though passes come again.

    tool: its name; log: the file.
    """

    def __init__(self, tool: str, log: Path, tell: Tell) -> None:
        self.tool, self.log, self.tell = tool, log, tell
        self._reached = -1

    def look(self) -> None:
        """Tell the phase and its detail."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - END))
                text = file.read().decode(errors="replace")
        except OSError:
            text = ""
        self._reached = max([self._reached, *(at for at, (begins, _) in enumerate(_BEGINS) if begins.search(text))])
        details = [next((group for group in match.groups() if group), "") for match in _DETAIL.finditer(text)]
        phase = self.tool if self._reached < 0 else f"{self.tool}: {_BEGINS[self._reached][1]}"
        self.tell(phase, details[-1].lower() if details else "")
