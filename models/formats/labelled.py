"""What every reader returns: bytes with labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Labelled:
    """Images uint8 ``[n, H, W, C]``, or frames ``[n, T, H, W, C]``, with labels int64 ``[n]``.

    Label k is ``classes[k]``.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)
