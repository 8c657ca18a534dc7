"""Watches a comparison, and keeps what is shown of it: firing rates of all images, pictures of a few."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spikewright.flow.build_folder import BuildFolder
from spikewright.flow.pictures import picture, raster
from spikewright.flow.traces import PicturedImage, Raster, Selection, Traces
from spikewright.models.package import IMAGE, Package, SelectOp, shapes
from spikewright.sim.accelerator.compare import Comparison
from spikewright.sim.accelerator.run import Piece
from spikewright.sim.golden import Trace

Array = np.ndarray
#: Images that are shown; of them, answered wrong at most so many where enough are right.
SHOWN, WRONG = 8, 4


@dataclass(frozen=True, eq=False)
class _Seen:
    """An image that may be shown. kept: by selector, places in its input."""

    number: int
    image: Array
    golden: int
    rtl: int
    kept: dict[str, Array]


class Tracing:
    """Is given every piece of a comparison (``add``).

    labels: of the images, None where they are not known.
    """

    def __init__(self, build: BuildFolder, labels: Array | None) -> None:
        self.package, self.labels = build.package, labels
        self._ones: dict[str, int] = {}
        self._all: dict[str, int] = {}
        self._right: list[_Seen] = []
        self._wrong: list[_Seen] = []
        self._drawn: tuple[int, Array, list[Raster]] | None = None
        self._spikes = [name for name, shape in shapes(self.package.network).items() if shape.is_spikes]

    def add(self, comparison: Comparison, piece: Piece, golden: Trace, observed: Mapping[str, Array]) -> None:
        """Take what is shown of a piece."""
        for name in self._spikes:
            if name in observed:
                self._ones[name] = self._ones.get(name, 0) + int(np.count_nonzero(observed[name]))
                self._all[name] = self._all.get(name, 0) + observed[name].size
        for at in range(len(piece.images)):
            number = piece.first + at
            seen = _Seen(number, piece.images[at], comparison.golden[number], comparison.rtl[number], {})
            of = self._wrong if self._is_right(seen) is False else self._right
            if len(of) < SHOWN:
                seen.kept.update({name.removesuffix(".kept"): rows[at] for name, rows in observed.items()
                                  if name.endswith(".kept")})  # fmt: skip
                of.append(seen)
        first = comparison.first
        wanted = piece.first if first is None else first.image
        if self._drawn is None or (first is not None and self._drawn[0] != wanted):
            at = wanted - piece.first
            if 0 <= at < len(piece.images):
                self._drawn = wanted, piece.images[at], [
                    _raster(name, observed[name][at]) for name in self._spikes if name in observed
                ]  # fmt: skip

    def fired(self) -> dict[str, float]:
        """Share of a layer's spikes that are 1, over all images."""
        return {name: self._ones[name] / count for name, count in self._all.items()}

    def traces(self, report: str) -> Traces:
        """What is shown; report: hash of its report.json."""
        wrong = self._wrong[: max(WRONG, SHOWN - len(self._right))]
        seen = sorted([*wrong, *self._right[: SHOWN - len(wrong)]], key=lambda seen: seen.number)
        assert self._drawn is not None
        number, image, rasters = self._drawn
        frames = [picture(frame) for frame in image] if image.ndim == 4 else []
        return Traces(
            report=report,
            images=[self._pictured(each) for each in seen],
            raster_image=number,
            frames=frames,
            rasters=rasters,
        )

    def _is_right(self, seen: _Seen) -> bool | None:
        return None if self.labels is None else bool(self.labels[seen.number] == seen.rtl)

    def _pictured(self, seen: _Seen) -> PicturedImage:
        return PicturedImage(
            number=seen.number,
            label=None if self.labels is None else int(self.labels[seen.number]),
            golden=seen.golden,
            rtl=seen.rtl,
            right=self._is_right(seen),
            pixels=picture(seen.image),
            selections=selections(self.package, seen.kept),
        )


def _raster(name: str, values: Array) -> Raster:
    columns, rows = raster(values)
    return Raster(
        name=name,
        tokens=values.shape[1],
        channels=values.shape[2],
        fired=round(float(np.count_nonzero(values)) / values.size, 6),
        columns=columns,
        rows=rows,
    )


def selections(package: Package, kept: Mapping[str, Array]) -> list[Selection]:
    """What each selector kept of one image, in places of the grid before the first one on its way.

    kept: by selector, ascending places in its own input. Selectors without such a grid are left out.
    """
    ops, value_shapes = {op.name: op for op in package.network.ops}, shapes(package.network)
    found: list[Selection] = []
    places: dict[str, tuple[tuple[int, int], Array]] = {}
    for op in package.network.ops:
        if not isinstance(op, SelectOp):
            continue
        before = op.input
        while before != IMAGE and not isinstance(ops[before], SelectOp):
            if (grid := value_shapes[before].grid) is not None:
                break
            before = ops[before].reads[0]
        grid = None if before == IMAGE else value_shapes[before].grid
        if before in places:
            whole, earlier = places[before]
            here = earlier[kept[op.name]]
        elif grid is not None:
            whole, here = (grid[0], grid[1]), np.asarray(kept[op.name])
        else:
            continue
        places[op.name] = whole, here
        found.append(Selection(name=op.name, grid=whole, kept=here.tolist()))
    return found
