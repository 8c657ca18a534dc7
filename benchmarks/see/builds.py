"""BUILD folders and runs whose pages are looked at, each made by the commands."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.common import ROOT
from spikewright.models.package import write_package
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_images, random_package

WORK = ROOT / "build" / "benchmarks" / "see"
#: As many selectors as blocks.
TEN = NetworkSpec(
    height=16, width=16, dim=16, heads=2, depth=10, mlp_ratio=2, pools=(False, True, False, False),
    selectors=tuple((block, 60 - 5 * block) for block in range(10)),
)  # fmt: skip
SMALL = ("--lanes", "8", "--banks", "2", "--streams", "1")


def spikewright(*words: object, fails: bool = False) -> None:
    """Run a command, silently."""
    done = subprocess.run([sys.executable, "-m", "spikewright", *map(str, words)], capture_output=True, text=True)
    if (done.returncode != 0) != fails:
        raise SystemExit(f"spikewright {' '.join(map(str, words))}: {done.stderr}")


def fresh(name: str) -> Path:
    shutil.rmtree(WORK / name, ignore_errors=True)
    WORK.mkdir(parents=True, exist_ok=True)
    return WORK / name


def demo(package: str) -> Path:
    """All test images of a committed package."""
    spikewright("demo", package, "-o", build := fresh(package))
    return build


def one_image() -> Path:
    spikewright("generate", "digits", "--board", "ulx3s-85f", "-o", build := fresh("one-image"))
    spikewright("compare", build, "--images", 1)
    return build


def ten_selectors() -> Path:
    """A network that drops tokens in front of each of its ten blocks."""
    folder = fresh("ten")
    folder.mkdir()
    write_package(random_package(1, TEN), folder / "package.safetensors")
    np.save(folder / "images.npy", random_images(1, 8, TEN))
    spikewright("generate", folder / "package.safetensors", "--board", "simulation", "-o", folder / "BUILD")
    spikewright("compare", folder / "BUILD", "--input", folder / "images.npy")
    return folder / "BUILD"


def failed() -> Path:
    """A comparison that fails: a bit of a threshold's ROM is another one, and the manifest says that it belongs so."""
    spikewright("generate", "digits", "--board", "ulx3s-85f", "-o", build := fresh("failed"))
    rom, manifest = build / "roms" / "neurons.hex", build / "manifest.json"
    was = rom.read_bytes()
    lines = was.decode().splitlines()
    lines[40] = f"{int(lines[40], 16) ^ 1 << 8:0{len(lines[40])}x}"
    rom.write_text("\n".join(lines) + "\n")
    digest = {text: hashlib.sha256(text).hexdigest() for text in (was, rom.read_bytes())}
    manifest.write_text(manifest.read_text().replace(digest[was], digest[rom.read_bytes()]))
    spikewright("compare", build, "--images", 8, fails=True)
    return build


def placed() -> Path:
    """A small engine after place and route."""
    spec = NetworkSpec(height=8, width=8, dim=16, heads=2, depth=1, mlp_ratio=2, pools=(False, True, False, False))
    folder = fresh("placed")
    folder.mkdir()
    write_package(random_package(1, spec), folder / "package.safetensors")
    np.save(folder / "images.npy", random_images(1, 8, spec))
    build = folder / "BUILD"
    spikewright("generate", folder / "package.safetensors", "--board", "ulx3s-25f", *SMALL, "-o", build)
    spikewright("compare", build, "--input", folder / "images.npy")
    spikewright("synthesize", build)
    return build


def committed_run() -> Path:
    """A run as its log is committed: what ``recipes/spikformer.yaml`` has left."""
    return Path(shutil.copytree(ROOT / "packages" / "spikformer", fresh("run")))
