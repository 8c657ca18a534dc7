"""manifest.json of a BUILD: which files it has, and what the check of its program has shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

FORMAT, VERSION = "spikewright-build", 5
MANIFEST = "manifest.json"


def read_manifest(text: bytes) -> tuple[Any, dict[str, str], Mapping[str, Any] | None]:
    """Version, files with their SHA-256, and what the check has shown, of a manifest; ValueError for what is none."""
    try:
        data = json.loads(text)
        version, files = data["version"], data["files"]
        whole = data["format"] == FORMAT and isinstance(files, dict)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("not a manifest") from None
    if not whole or (version == VERSION and "accelerator.v" not in files):
        raise ValueError("not a manifest")
    return version, files, data.get("check")
