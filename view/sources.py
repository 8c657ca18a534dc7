"""What pages are drawn from: the files that a BUILD or a run has left, checked and read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from spikewright.errors import PlainError
from spikewright.flow.manifest import MANIFEST, read_manifest
from spikewright.flow.report import REPORT, Report, read_report
from spikewright.flow.traces import TRACES, Traces, read_traces
from spikewright.view.refs import Ref

RUN_LOG, METRICS, RECIPE, TRIED = "log.jsonl", "metrics.json", "recipe.yaml", "tried.json"


class ViewError(PlainError):
    """There is nothing to draw, or what is there is not whole; the text is one sentence."""


@dataclass(frozen=True)
class BuildSource:
    """A BUILD's report and traces, typed, and as what pages refer to; traces None where there are none."""

    report: Report
    traces: Traces | None

    def missing(self, build: str = "BUILD") -> list[str]:
        """What a page cannot show, and how to get it; build: the folder, as commands are to name it."""
        missing = []
        if self.traces is None:
            missing.append(
                f"images, kept tokens and spike rasters, because {TRACES} is missing or of another comparison: run "
                f"'spikewright compare {build}'"
            )
        if self.report.synthesis is None and self.report.needs is not None:
            missing.append(f"Fmax, critical path and floorplan: run 'spikewright synthesize {build}'")
        return missing

    @property
    def ref(self) -> Ref:
        """report.json."""
        return Ref(REPORT, self.report.to_dict())

    @property
    def pictures(self) -> Ref | None:
        """traces.json."""
        return None if self.traces is None else Ref(TRACES, self.traces.to_dict())


@dataclass(frozen=True)
class RunSource:
    """What a compression run left: its log, metrics and recipe; tried where it has a target board."""

    log: Ref
    metrics: Ref
    recipe: Ref
    tried: Ref | None


def is_build(folder: Path) -> bool:
    """Whether a folder is a BUILD, of any version."""
    return (folder / MANIFEST).is_file()


def read_build(folder: Path) -> BuildSource:
    """A BUILD's report and traces; ViewError where there is no BUILD, no report, or one of another BUILD."""
    try:
        manifest = (folder / MANIFEST).read_bytes()
        read_manifest(manifest)
    except (OSError, ValueError):
        raise ViewError(f"{folder} is not a BUILD folder: make one with 'spikewright generate'") from None
    report = read_report(folder)
    if report is None:
        raise ViewError(f"{folder} has no {REPORT}: run 'spikewright compare {folder}' first")
    if hashlib.sha256(manifest).hexdigest()[:16] != report.build:
        raise ViewError(f"{folder / REPORT} is of another BUILD: run 'spikewright compare {folder}' to write it again")
    return BuildSource(report, read_traces(folder, report.identity))


def read_run(folder: Path) -> RunSource:
    """The files of a run that has ended, or of a committed package; ViewError where one is missing or not whole."""
    try:
        log = [json.loads(line) for line in (folder / RUN_LOG).read_text().splitlines()]
        metrics = json.loads((folder / METRICS).read_text())
        recipe = yaml.safe_load((folder / RECIPE).read_text())
        tried: list[Any] = json.loads((folder / TRIED).read_text()) if (folder / TRIED).is_file() else []
        whole = all({"stage", "epoch"} <= set(record) for record in log) and {"accuracy", "weights"} <= set(metrics)
    except OSError as error:
        raise ViewError(f"{folder} is not the folder of a run that has ended: {error.filename} is missing") from None
    except (ValueError, TypeError, yaml.YAMLError):
        whole = False
    if not whole:
        raise ViewError(f"{folder}: the files of the run are not whole; run 'spikewright compress' again")
    return RunSource(
        Ref(RUN_LOG, log), Ref(METRICS, metrics), Ref(RECIPE, recipe), Ref(TRIED, tried) if tried else None
    )
