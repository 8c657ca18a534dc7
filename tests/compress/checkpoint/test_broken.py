"""Files that were cut off, or in which bits were flipped, are a checkpoint or one sentence."""

import contextlib
import random
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from spikewright.compress.checkpoint import containers
from spikewright.compress.checkpoint.containers import read_checkpoint
from spikewright.compress.checkpoint.errors import CheckpointError


def refused(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < len(str(path)) + 500
    return text.removeprefix(f"{path}: ")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
def test_a_truncated_file(form: str, tmp_path: Path) -> None:
    path, state = tmp_path / "best.pt", {"weight": torch.randn(40, 30), "bias": torch.randn(7)}
    if form == "safetensors":
        save_file(state, path)
    else:
        torch.save({"model": state}, path, _use_new_zipfile_serialization=form == "zip")
    whole = path.read_bytes()
    for length in sorted({*range(12), *range(0, len(whole), 97), *range(len(whole) - 20, len(whole))}):
        path.write_bytes(whole[:length])
        assert refused(path).startswith("not a whole "), length


@pytest.mark.parametrize("length", [0, 1, 8, 60, (16 << 20) + 1, 1 << 31])
def test_the_header_of_safetensors(length: int, tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b"{" + b" " * 40)
    assert refused(path).startswith("not a whole safetensors file (")


#: In one process with the reader's limits, because to start it costs seconds.
FLIPS = """
import random, sys
from pathlib import Path
from spikewright.compress.checkpoint.errors import CheckpointError
from spikewright.compress.checkpoint.reader import limit, read
whole, folder = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2])
limit(len(whole), 120)
counts = {"read": 0, "refused": 0}
for seed in range(int(sys.argv[3])):
    draw, flipped = random.Random(seed), bytearray(whole)
    for _ in range(draw.randint(1, 4)):
        flipped[draw.randrange(len(flipped))] ^= 1 << draw.randrange(8)
    path = folder / "flipped.pt"
    path.write_bytes(flipped)
    try:
        read(path, folder, None, None)
        counts["read"] += 1
    except CheckpointError as error:
        assert "\\n" not in str(error) and len(str(error)) < 700, (seed, str(error))
        counts["refused"] += 1
print(counts["read"], counts["refused"])
"""


@pytest.mark.parametrize("legacy", [True, False])
def test_flipped_bits_give_a_checkpoint_or_a_sentence(legacy: bool, tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    state = {"module.a.weight": torch.ones(2, 2), "module.a.bias": torch.ones(2, dtype=torch.float16)}
    value = {"model": state, "epoch": 3, "lr": 0.5, "args": Namespace(T=4)}
    torch.save(value, path, _use_new_zipfile_serialization=not legacy)
    command = [sys.executable, "-P", "-c", FLIPS, str(path), str(tmp_path), "300"]
    done = subprocess.run(
        command, env=containers._environment(), cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    read, sentences = map(int, done.stdout.split())
    assert read + sentences == 300
    assert min(read, sentences) > 20


@pytest.mark.parametrize("seed", range(2))
def test_flipped_bits_by_the_whole_path(seed: int, tmp_path: Path) -> None:
    path, draw = tmp_path / "best.pt", random.Random(seed)
    torch.save({"model": {"weight": torch.ones(2, 2)}}, path, _use_new_zipfile_serialization=bool(seed))
    flipped = bytearray(path.read_bytes())
    flipped[draw.randrange(len(flipped) // 2)] ^= 1 << draw.randrange(8)
    path.write_bytes(flipped)
    with contextlib.suppress(CheckpointError):
        assert read_checkpoint(path).state
