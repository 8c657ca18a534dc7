"""Which package a command means: a file, the folder of a run or of a committed package, or a name."""

from pathlib import Path

from spikewright.commands.common import UserError
from spikewright.echo import quoted

COMMITTED = Path("packages")
FILE = "package.safetensors"


def package_file(path: Path) -> Path:
    """The package file at a path, which may be its folder."""
    if not path.is_dir():
        return path
    if not (path / FILE).is_file():
        raise UserError(f"{path} is a folder without {FILE} in it: name a package, or a folder that holds one")
    return path / FILE


def find_package(model: str) -> Path:
    """The package at a path, or the committed one of that name."""
    for path in (Path(model), COMMITTED / model):
        if path.is_file() or (path / FILE).is_file():
            return package_file(path)
    known = sorted(path.parent.name for path in COMMITTED.glob(f"*/{FILE}"))
    raise UserError(f"there is no package {quoted(model)}: the committed ones are {', '.join(known) or '(none here)'}")
