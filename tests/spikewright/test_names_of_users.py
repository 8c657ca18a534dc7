"""Whatever stands in a name that a user gives, it is shown as text: no markup, no escape sequence, no second line."""

import json
import re

import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

from spikewright.commands.common import err, new_table, out
from spikewright.echo import ECHO, printable, short
from spikewright.models.package import Package, network_json, parse_network, read_package, write_package

NAME = "[x]a[/y]\n\x1b[31m:b: c"
SHOWN = r"[x]a[/y]\n\x1b[31m:b: c"
#: What of it a package may have as a name.
PRINTING = "[x]a[/y]:b: c"
RECIPE = {
    "name": "fine",
    "data": "digits",
    "model": {"dim": 16, "depth": 1, "heads": 2, "steps": 2, "mlp_ratio": 2},
    "training": {"batch": 8, "images": 16},
    "teacher": {"epochs": 1},
    "constraints": {"quantisers": {"epochs": 1, "layers": {"*": {"scheme": "uniform", "bits": 4}}}},
    "target": {"board": "ulx3s-25f"},
}


@pytest.fixture
def shown(run):
    """Run a command with the name in its words; it is shown as text, on one line, and what it prints is returned."""

    def shown(*words, status, times=1, text=SHOWN):
        result = run(*words)
        assert result.exit_code == status, result.output
        assert status == 0 or isinstance(result.exception, SystemExit), result.exception
        assert "\x1b" not in result.output
        flat = re.sub(r"\s", "", result.output)  # tables and narrow consoles fold
        assert flat.count(re.sub(r"\s", "", text)) >= times, result.output
        if status == 1:
            assert len([line for line in result.stderr.splitlines() if not line.endswith("...")]) == 1
        return result

    return shown


@pytest.fixture(scope="module")
def named(generated, tmp_path_factory):
    """A folder of that name, with a package whose network and data set have it too, one whose layers do, and images."""
    folder = tmp_path_factory.mktemp("named") / NAME
    folder.mkdir(parents=True)
    package = read_package(generated / "package.safetensors")
    network = json.loads(network_json(package.network)) | {"name": PRINTING, "data": PRINTING}
    write_package(Package(parse_network(json.dumps(network)), package.tensors), folder / "package.safetensors")
    layers = json.dumps(network).replace('"block0', f'"{json.dumps(NAME)[1:-1]}')
    save_file(dict(package.tensors), folder / "layers.safetensors", metadata={"spikewright": layers})
    for key in ("name", "data"):
        text = json.dumps(network | {key: NAME})
        save_file(dict(package.tensors), folder / f"{key}.safetensors", metadata={"spikewright": text})
    np.save(folder / "x.npy", np.zeros((3, 3), np.uint8))
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    return folder


def test_info_and_generate(named, quick, shown):
    shape = ["--board", "ulx3s-25f", "--lanes", 16, "--banks", 2, "--streams", 1]
    shown("info", named / "package.safetensors", status=0, text=PRINTING)
    shown("info", named / "name.safetensors", status=1, times=2)
    shown("info", named / "data.safetensors", status=1, times=2)
    shown("info", named / "layers.safetensors", status=1, times=2)
    shown("generate", named / "layers.safetensors", *shape, "-o", named / "BUILD", status=1, times=2)
    shown("generate", named / "package.safetensors", *shape, "-o", named / "BUILD", status=0)
    shown("info", named / "absent", status=1)
    shown("generate", named / "absent", *shape, "-o", named, status=1)
    shown("generate", named / "package.safetensors", "--board", NAME, "-o", named / "other", status=1)
    shown("generate", named / "package.safetensors", *shape, "-o", named, status=1)
    assert read_package(named / "BUILD" / "package.safetensors").network.name == PRINTING
    for command in ("simulate", "compare"):
        shown(command, named / "BUILD", status=1, text=PRINTING)  # the data set's name
        shown(command, named / "BUILD", "--input", named / "x.npy", status=1)
        shown(command, named / "BUILD", "--input", named / "absent.yaml", status=1)


@pytest.mark.parametrize("command", ["simulate", "compare", "synthesize"])
def test_a_folder_that_is_no_build(command, named, shown):
    shown(command, named, status=1)


def test_demo_and_compress(named, shown, run, tmp_path, monkeypatch):
    shown("demo", NAME, status=1)
    shown("demo", named / "package.safetensors", "--board", NAME, status=1)
    (tmp_path / "named.yaml").write_text(yaml.safe_dump(RECIPE | {"name": NAME}))
    for options in (["--dry-run"], ["-o", tmp_path / "run"]):
        shown("compress", tmp_path / "named.yaml", *options, status=1)
    shown("compress", named / "recipe.yaml", "-o", named / "run", status=1)  # control characters name no run
    shown("compress", named / "absent.yaml", "-o", tmp_path / "run", status=1)
    unknown = RECIPE | {"data": {"npz": f"{NAME}.npz"}}
    (tmp_path / "unknown.yaml").write_text(yaml.safe_dump(unknown))
    shown("compress", tmp_path / "unknown.yaml", "-o", tmp_path / "run", status=1)
    brackets = tmp_path / "[x]"
    result = run("compress", named / "recipe.yaml", "-o", brackets / "run[/y]")
    assert result.exit_code == 0, result.output
    assert "".join(result.stdout.split()).count("[x]/run[/y]/") == 3


def test_usage_that_is_wrong(shown):
    shown(NAME, status=2)
    shown("info", "x", f"--{NAME}", status=2, times=0)
    shown("boards", NAME, status=2, times=0)


def test_tables(capsys):
    table = new_table(NAME, title=NAME)
    table.add_row(NAME)
    out.print(table)
    err.print(NAME)
    printed = "".join(capsys.readouterr())
    assert printed.count(SHOWN) == 4
    assert "\x1b" not in printed


def test_text_that_is_printable_is_left_alone():
    assert printable("Ein Ärger: 神経 [bold]") == "Ein Ärger: 神経 [bold]"
    assert printable("\udcff\u202e\x00\x85\r\t") == r"\udcff\u202e\x00\x85\r\t"


@pytest.mark.parametrize("option", ["package", "board", "output"])
def test_names_longer_than_any_file_has(option, generated, refused):
    given = {"package": generated / "package.safetensors", "board": "ulx3s-25f", "output": generated / "B"}
    for long in ("n" * 100_000, "n" * 300):
        words = given | {option: long}
        sentence = refused("generate", words["package"], "--board", words["board"], "-o", words["output"])
        allowed = "a path has 4096 at most, and 255 between two slashes"
        assert sentence == f"{option.upper()}: {short(long)!r} has {len(long)} bytes; {allowed}"
        assert len(short(long)) <= ECHO
