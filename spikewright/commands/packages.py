"""Which package a command means: a file, the folder of a run or of a shipped network, or such a network's name."""

from pathlib import Path

from spikewright.commands.common import UserError
from spikewright.echo import quoted
from spikewright.gallery import PACKAGE, PACKAGES, shipped


def package_file(path: Path) -> Path:
    """The package file at a path, which may be its folder, or the name of a shipped network."""
    if not path.exists() and (PACKAGES / path / PACKAGE).is_file():
        path = PACKAGES / path
    if not path.is_dir():
        return path
    if not (path / PACKAGE).is_file():
        raise UserError(f"{path} is a folder without {PACKAGE} in it: name a package, or a folder that holds one")
    return path / PACKAGE


def find_package(model: str) -> Path:
    """The package at a path, or the shipped one of that name."""
    path = package_file(Path(model))
    if path.is_file():
        return path
    raise UserError(f"there is no package {quoted(model)}: name a file, or {one_of_the_shipped()}")


def one_of_the_shipped() -> str:
    """The shipped networks, for the end of a sentence."""
    return f"one of the examples, {', '.join(shipped()) or '(none here)'}"
