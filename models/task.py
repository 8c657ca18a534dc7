"""What a network is trained on: a data set, and the table that turns its bytes into the codes the hardware reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spikewright.models.data import DataError, Dataset, Images, Split, count_table, encode, input_table
from spikewright.models.data.normalise import Normalised, image_codes


@dataclass(frozen=True, eq=False)
class Task:
    """Data ready for networks.

    table: byte to code ``[C, 256]``; signed: codes below 0 exist; limit: train on the first n images only; jittered:
    bend the training digits.
    """

    data: Dataset
    table: NDArray[np.int16]
    limit: int | None = None
    jittered: bool = False
    signed: bool = True

    @property
    def frames(self) -> bool:
        """Whether each step has an image of its own."""
        return self.data.train.images.ndim == 5

    def inputs(self, images: Images) -> Tensor:
        """Codes, float ``[B, C, H, W]``; of frames ``[T, B, C, H, W]``."""
        codes = torch.from_numpy(encode(images, self.table)).float()
        return codes if codes.dim() == 4 else codes.transpose(0, 1).contiguous()

    def epoch(self, rng: np.random.Generator) -> Split:
        """The training images, augmented afresh."""
        fresh = self.data.refresh(rng, self.jittered)
        return Split(fresh.images[: self.limit], fresh.labels[: self.limit])

    def batches(self, split: Split, size: int) -> Iterator[Tensor]:
        """The images of a split in its order, as inputs."""
        for first in range(0, len(split), size):
            yield self.inputs(split.images[first : first + size])


def make_task(
    data: Dataset,
    *,
    bits: int = 8,
    limit: int | None = None,
    jittered: bool = False,
    normalised: Normalised | None = None,
) -> Task:
    """The task of a data set; the table comes from ``normalised``, or from its training images alone.

    bits: of an image code; limit, jittered: as of ``Task``. DataError where no table can be made of the images.
    """
    channels = data.train.images.shape[-1]
    if normalised is not None and normalised.mean is not None and normalised.std is not None:
        if data.counts:
            raise DataError(f"{data.name}: its images are counts of events, which have no mean and std")
        if len(normalised.mean) != channels:
            raise DataError(
                f"{data.name}: mean and std are of {len(normalised.mean)} channels, its images of {channels}"
            )
        codes = image_codes(normalised.mean, normalised.std, bits=bits)
        return Task(data, codes.table, limit, jittered, codes.signed)
    try:
        table = count_table(channels, bits=bits) if data.counts else input_table(data.train.images, bits=bits)
    except DataError as error:
        raise DataError(f"{data.name}: {error}") from None
    return Task(data, table, limit, jittered, signed=not data.counts)
