"""What must fail, fails: one sentence, status 1, nothing half-written."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from spikewright.boards.registry import board_names
from spikewright.commands.packages import find_package
from spikewright.echo import short
from spikewright.gallery import shipped
from spikewright.models.package import read_package, write_package
from spikewright.sim.stimulus.random_networks import NetworkSpec, random_package


def damaged(package: Path, target: Path, change) -> Path:
    """A package file with its network (a dict) and tensors changed, nothing checked."""
    tensors = {name: np.array(tensor) for name, tensor in read_package(package).tensors.items()}
    with safe_open(package, "np") as file:
        network = json.loads(file.metadata()["spikewright"])
    change(network, tensors)
    save_file(tensors, target, metadata={"spikewright": json.dumps(network)})
    return target


def shape(network, tensors):
    tensors["block0.q.codes"] = np.ascontiguousarray(tensors["block0.q.codes"][:, :-1])


def unknown_op(network, tensors):
    network["ops"][1]["kind"] = "convolve"


def code(network, tensors):
    tensors["block0.q.codes"][0, 0] = 127


def version(network, tensors):
    network["version"] = 2


PACKAGES = {
    shape: r"PATH: tensor 'block0.q.codes': has shape \[24, 23\].*",
    unknown_op: r"PATH: network.ops\[1\]: unknown op kind 'convolve'; allowed are .*",
    code: r"PATH: tensor 'block0.q.codes': .*127.*",
    version: r"PATH: network.version: 2 is not supported; allowed is 1",
}


@pytest.mark.parametrize("change", PACKAGES)
@pytest.mark.parametrize("command", ["info", "generate"])
def test_bad_package(command, change, generated, tmp_path, refused):
    package = damaged(generated / "package.safetensors", tmp_path / "bad.safetensors", change)
    options = ["--board", "ulx3s-85f", "-o", tmp_path / "BUILD"] if command == "generate" else []
    assert re.fullmatch(PACKAGES[change].replace("PATH", re.escape(str(package))), refused(command, package, *options))
    assert [path.name for path in tmp_path.iterdir()] == ["bad.safetensors"]


def test_missing_and_truncated_package(generated, tmp_path, refused):
    absent = tmp_path / "absent.safetensors"
    assert refused("info", absent) == f"{absent}: cannot be read: No such file or directory"
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes((generated / "package.safetensors").read_bytes()[:-100])
    sentence = refused("generate", cut, "--board", "ulx3s-85f", "-o", tmp_path / "BUILD")
    assert sentence.startswith(f"{cut}: not a whole safetensors file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.safetensors"]
    (tmp_path / "run").mkdir()
    for words in (("info",), ("generate", "--board", "ulx3s-85f", "-o", tmp_path / "BUILD")):
        sentence = refused(words[0], tmp_path / "run", *words[1:])
        assert sentence.startswith(f"{tmp_path / 'run'} is a folder without package.safetensors in it: name a package")


def test_unknown_board(generated, tmp_path, refused):
    sentence = refused("generate", generated / "package.safetensors", "--board", "ulx4", "-o", tmp_path / "BUILD")
    assert sentence == f"unknown board 'ulx4'; did you mean 'ulx3s-45f'? All are {', '.join(board_names())}"
    assert not any(tmp_path.iterdir())


def test_network_too_large(tmp_path, refused):
    spec = NetworkSpec(height=4, width=4, dim=256, heads=4, depth=1, pools=(False,) * 4, sparsity=0.0)
    write_package(random_package(3, spec), tmp_path / "large.safetensors")
    sentence = refused("generate", tmp_path / "large.safetensors", "--board", "ulx3s-25f", "-o", tmp_path / "BUILD")
    assert re.fullmatch(
        r"the network is too large for ulx3s-25f: its weights alone need \d+ block RAMs of 18 kbit where there are 56; "
        "prune the network, give it fewer bits or channels, or take a larger board: "
        "(orangecrab-85f or ulx3s-85f would do|none of the list would do, --board simulation has no limits)",
        sentence,
    )
    assert [path.name for path in tmp_path.iterdir()] == ["large.safetensors"]


def test_shapes_that_cannot_be(generated, tmp_path, refused):
    start = ["generate", generated / "package.safetensors", "--board", "ulx3s-85f", "-o", tmp_path / "BUILD"]
    assert refused(*start, "--lanes", 30) == "lanes must be a multiple of 4 from 8 to 1024, not 30"
    assert refused(*start, "--banks", 17) == "banks must be from 1 to 16, not 17"
    assert refused(*start, "--streams", 3) == "streams must be 1 or 2, not 3"
    assert refused(*start, "--streams", 2, "--banks", 1) == "2 streams need at least 2 banks, not 1"
    assert not any(tmp_path.iterdir())


def test_folder_with_other_things(generated, tmp_path, refused):
    (tmp_path / "thesis.tex").write_text("years of work")
    sentence = refused("generate", generated / "package.safetensors", "--board", "ulx3s-85f", "-o", tmp_path)
    assert sentence == f"{tmp_path} is a folder with other things in it: name a new one, or a BUILD to replace"
    assert (tmp_path / "thesis.tex").is_file()


IMAGES = {
    "float": (
        np.zeros((8, 8, 1)),
        r"expected uint8 \[n, 8, 8, 1\], got float64 \[8, 8, 1\]",
    ),
    "size": (np.zeros((9, 8, 1), np.uint8), r"expected uint8 \[n, 8, 8, 1\], got uint8 \[9, 8, 1\]: .*"),
    "flat": (np.zeros((8, 8), np.uint8), r"expected uint8 \[n, 8, 8, 1\], got uint8 \[8, 8\]: .*"),
    "frames": (
        np.zeros((1, 4, 8, 8, 1), np.uint8),
        r"expected uint8 \[n, 8, 8, 1\], got uint8 \[1, 4, 8, 8, 1\]: the network reads one image "
        "at all of its 4 steps, no frames",
    ),
    "none": (
        np.zeros((0, 8, 8, 1), np.uint8),
        r"expected uint8 \[n, 8, 8, 1\], got uint8 \[0, 8, 8, 1\]: there is no image in it",
    ),
}


@pytest.mark.parametrize("command", ["simulate", "compare"])
@pytest.mark.parametrize("case", IMAGES)
def test_wrong_image(command, case, generated, tmp_path, refused):
    image, message = IMAGES[case]
    np.save(tmp_path / "x.npy", image)
    sentence = refused(command, generated / "BUILD", "--input", tmp_path / "x.npy")
    assert re.fullmatch(re.escape(f"{tmp_path / 'x.npy'}: ") + message, sentence)


def test_file_that_is_no_image(generated, tmp_path, refused):
    file = tmp_path / "x.npy"
    larger = {
        (
            99999999999,
            99999999999,
        ): "expected uint8 [n, 8, 8, 1], got uint8 [99999999999, 99999999999]: the network reads ",
        (1 << 62, 8, 1): f"expected uint8 [n, 8, 8, 1], got uint8 [{1 << 62}, 8, 1]: the network reads ",
        (1 << 62, 8, 8, 1): "says that it holds more than fits into memory",
        (10**24, 8, 8, 1): "says that it holds more than fits into memory",
        (5, 8, 8, 1): "not a whole .npy file of numbers",
        (1,) * 100: f"expected uint8 [n, 8, 8, 1], got {short(f'uint8 {[1] * 100}')}: ",
    }
    for shape, told in larger.items():
        header = repr({"descr": "|u1", "fortran_order": False, "shape": shape}).encode()
        file.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
        sentence = refused("simulate", generated / "BUILD", "--input", file)
        assert sentence.startswith(f"{file}: {told}")
    file.write_text("a picture of a seven")
    assert refused("simulate", generated / "BUILD", "--input", file) == f"{file}: not a whole .npy file of numbers"
    assert refused("simulate", generated / "BUILD", "--input", tmp_path / "y.npy").endswith("No such file or directory")
    os.mkfifo(tmp_path / "pipe")
    for other in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        sentence = refused("simulate", generated / "BUILD", "--input", other)
        assert sentence == f"{other}: is no file; allowed is uint8 [n, 8, 8, 1], n images, or one without n"
    np.savez(tmp_path / "several", np.zeros((8, 8, 1), np.uint8))
    sentence = refused("simulate", generated / "BUILD", "--input", tmp_path / "several.npz")
    assert sentence.startswith(f"{tmp_path / 'several.npz'}: holds several arrays; allowed is ")
    assert refused("synthesize", generated / "BUILD", "--seed", 1 << 31).startswith(
        "--seed must be from 0 to 2147483647"
    )


def test_images_of_no_data_set(generated, refused):
    told = "the package names no data set: give images with --input X.npy, uint8 [n, 8, 8, 1]"
    assert refused("compare", generated / "BUILD") == told


@pytest.mark.parametrize("command", ["simulate", "compare", "synthesize"])
def test_damaged_build(command, build, refused):
    rom = build / "roms" / "weights_0_1.hex"
    text = rom.read_text()
    rom.write_text(text.replace(text[0], "0" if text[0] != "0" else "1", 1))
    assert refused(command, build) == f"{rom} was altered since it was generated: generate the BUILD again"
    rom.unlink()
    assert refused(command, build) == f"{rom} is missing: generate the BUILD again"
    whole = json.loads((build / "manifest.json").read_text())
    damaged = [{**whole, "files": files} for files in ([], None, {})]
    damaged.append({key: value for key, value in whole.items() if key != "version"})
    for text in ("{", "[" * 200_000, *map(json.dumps, damaged)):
        (build / "manifest.json").write_text(text)
        assert refused(command, build) == f"{build / 'manifest.json'} is not a manifest: generate the BUILD again"
    (build / "manifest.json").unlink()
    assert refused(command, build) == f"{build} is not a BUILD folder: make one with 'spikewright generate'"
    assert not (build / "report.json").exists()


def test_no_compiler(generated, tmp_path, monkeypatch, refused):
    np.save(tmp_path / "x.npy", np.zeros((8, 8, 1), np.uint8))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    for command in ("simulate", "compare"):
        sentence = refused(command, generated / "BUILD", "--input", tmp_path / "x.npy")
        assert sentence == "no g++ on PATH: install a C++20 compiler (Debian, Ubuntu: 'apt install g++')"


def test_unknown_recipe_key(tmp_path, refused):
    (tmp_path / "recipe.yaml").write_text("name: x\ndata: digits\nsed: 1\nconstraints: {quantisers: {layers: {}}}\n")
    sentence = refused("compress", tmp_path / "recipe.yaml", "-o", tmp_path / "run")
    assert sentence == f"{tmp_path / 'recipe.yaml'}: sed: unknown key; did you mean 'seed'?"
    assert not (tmp_path / "run").exists()


RECIPE = "name: x\ndata: DATA\nconstraints: {quantisers: {layers: {'*': {scheme: pot, bits: 3}}}}\n"
DATA = {
    "{folder: none}": r"PATH/none: is not a folder; allowed is one with a folder for each class",
    "{set: cifar10, folder: none}": r"PATH/none: is not a folder; allowed is the folder cifar-10-batches-bin, .*",
    "{npz: images.npz}": r"PATH/recipe.yaml: model: height 16, .* does not fit the data npz images.npz; allowed is .*",
    "{npz: recipe.yaml}": r"PATH/recipe.yaml: byte 0: is not an npz file.*",
}


@pytest.mark.parametrize("data", DATA)
def test_data_that_cannot_be_trained_on(data, tmp_path, refused):
    np.savez(tmp_path / "images.npz", images=np.zeros((8, 4, 6), np.uint8), labels=np.arange(8) % 2)
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("DATA", data))
    sentence = refused("compress", tmp_path / "recipe.yaml", "-o", tmp_path / "run")
    assert re.fullmatch(DATA[data].replace("PATH", re.escape(str(tmp_path))), sentence)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["simulate", "compare"])
def test_recipe_of_other_images(command, generated, tmp_path, refused):
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("DATA", "digits"))
    sentence = refused(command, generated / "BUILD", "--input", tmp_path / "recipe.yaml")
    assert sentence == "digits: its images are [16, 16, 1]; allowed is [8, 8, 1], as the network reads"


def test_unknown_model(tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    known = ", ".join(shipped())
    assert refused("demo", "nothing") == f"there is no package 'nothing': name a file, or one of the examples, {known}"


@pytest.mark.parametrize("name", ["packages/nothing", "own", "own/package.safetensors"])
def test_a_package_is_named_by_file_folder_or_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / ("own" if name.startswith("own") else "packages/nothing") / "package.safetensors"
    file.parent.mkdir(parents=True)
    file.touch()
    assert find_package(name).resolve() == file


HEAVY = """
import sys
from spikewright.cli import main
sys.argv = ["spikewright", *{words!r}]
try:
    main()
except SystemExit as stop:
    print(stop.code, sorted({{"amaranth", "numpy", "scipy", "torch"}} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    "words",
    [["generate", "absent.safetensors", "--board", "ulx3s", "-o", "out"], ["demo", "digits", "--board", "ulx3s"]],
)
def test_an_unknown_board_is_told_before_anything_heavy_is_imported(words, tmp_path):
    code = HEAVY.format(words=words)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout == "1 []\n"
    assert done.stderr.startswith("error: unknown board 'ulx3s'; did you mean 'ulx3s-")
