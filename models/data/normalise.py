"""Images as a network saw them in its own training, ``(p/255 − mean)/std``, as integer codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from spikewright.models.data.types import DataError, Images
from spikewright.models.strict import Strict


class Normalised(Strict):
    """Mean and standard deviation that a network's images were normalised by: of pixels from 0 to 1, by channel.

    Mean 0 and std 1 stand for pixels as they are (torchvision's ToTensor alone).
    """

    mean: tuple[float, ...] | None = Field(
        default=None, description="of pixels from 0 to 1, by channel, as the images were normalised in training"
    )
    std: tuple[float, ...] | None = Field(default=None, description="goes with mean; replaces input_scale")

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Name what a model is of before how its images were normalised, wherever keys are listed."""
        super().__pydantic_init_subclass__(**options)
        for name in Normalised.model_fields:
            cls.model_fields[name] = cls.model_fields.pop(name)

    @model_validator(mode="after")
    def _go_together(self) -> Normalised:
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std go together")
        if self.mean is None or self.std is None:
            return self
        own = type(self).model_fields.get("input_scale")
        if own is not None and getattr(self, "input_scale", None) != own.default:
            raise ValueError("input_scale follows from mean and std: leave it out")
        if len(self.mean) != len(self.std):
            raise ValueError(f"mean and std must be of as many channels, not {len(self.mean)} and {len(self.std)}")
        if not all(0 <= each <= 1 for each in self.mean) or not all(0 < each <= 16 for each in self.std):
            raise ValueError("mean must be from 0 to 1 and std above 0, of pixels from 0 to 1 (a byte over 255)")
        return self


@dataclass(frozen=True, eq=False)
class ImageCodes:
    """How bytes become codes.

    table: byte to code ``[C, 256]``; scale: what one unit of a code is worth; signed: codes below 0 exist.
    """

    table: NDArray[np.int16]
    scale: float
    signed: bool

    def clipped(self, images: Images, mean: Sequence[float], std: Sequence[float]) -> float:
        """Share of the pixels whose code stands at an end of its range and is off by more than a unit."""
        off = np.abs(_normalised(mean, std) - self.table * self.scale) > self.scale
        return float(np.mean([off[channel][images[..., channel]].mean() for channel in range(images.shape[-1])]))


def image_codes(
    mean: Sequence[float], std: Sequence[float], *, bits: int = 8, scale: float | None = None
) -> ImageCodes:
    """Codes of ``(p/255 − mean)/std``; the zero padding of a network's first convolution is the code 0.

    scale: what one unit is worth; None: the least with which no byte is clipped. No code is below 0 where no value is.
    """
    values = _normalised(mean, std)
    signed = bool(values.min() < 0)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    if scale is None:
        scale = float(max(values.max() / high, values.min() / low if signed else 0.0))
    if not scale > 0:
        raise DataError(f"images of mean {list(mean)} and std {list(std)} are 0 everywhere")
    table: NDArray[np.int16] = np.clip(np.rint(values / scale), low, high).astype(np.int16)
    return ImageCodes(table, scale, signed)


def _normalised(mean: Sequence[float], std: Sequence[float]) -> NDArray[np.float64]:
    """What the network reads for each byte, ``[C, 256]``."""
    levels = np.arange(256)[None, :] / 255.0
    values: NDArray[np.float64] = (levels - np.array(mean)[:, None]) / np.array(std)[:, None]
    return values
