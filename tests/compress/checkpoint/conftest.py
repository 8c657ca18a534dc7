"""Reading in this process, for what does no harm: to start the reader costs seconds."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spikewright.compress.checkpoint import containers, reader
from spikewright.compress.checkpoint.errors import CheckpointError


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], *, cwd: Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
        request = json.loads(command[-1])
        try:
            answer = reader.read(Path(request["path"]), cwd, request["ema"], request["key"])
        except CheckpointError as error:
            answer = {"refused": str(error)}
        (cwd / reader.ANSWER).write_text(json.dumps(answer))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(containers, "children", SimpleNamespace(run=run))
