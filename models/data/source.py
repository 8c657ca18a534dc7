"""What a recipe's ``data`` may be: the name of a set at hand, or files of the user.

::

    data: clutter-digits                                     # at hand; NAME:k is its k-th fold
    data: {npz: mine.npz}                                    # arrays: images and labels
    data: {folder: photos}                                   # images by class, photos/CLASS/IMAGE
    data: {set: cifar10, folder: data/cifar10}               # a published set in its published files
    data: {set: dvs128-gesture, folder: data/dvs, frames: 16}
"""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from spikewright.echo import quoted
from spikewright.models.data.published import PUBLISHED, Pictures
from spikewright.models.nearest import unknown
from spikewright.models.strict import Strict


def _absolute(value: str, info: ValidationInfo) -> str:
    """A path as an absolute one; a relative one begins at the validation context's ``folder``, the recipe's."""
    if re.search(r"[\x00-\x1f]", value):
        raise ValueError(f"{quoted(value)} is no path: it holds control characters")
    try:
        own = Path(value).expanduser()
    except RuntimeError:
        raise ValueError(f"{quoted(value)} begins at the home of a user whom this machine does not know") from None
    return os.path.abspath(Path((info.context or {}).get("folder", "."), own))


#: A path in a recipe: relative to the recipe's file, absolute once it is read.
UserPath = Annotated[str, Field(min_length=1), AfterValidator(_absolute)]


class _Files(Strict):
    """What all files have in common: how the training images are augmented, each epoch anew."""

    flip: bool | None = Field(default=None, description="mirror half of them; as is usual for the set, else not")
    shift: int | None = Field(default=None, ge=0, le=64, description="move by up to so many pixels; as usual, else not")


class Arrays(_Files):
    """An npz file: ``images`` uint8 ``[n, H, W]``, ``[n, H, W, C]`` or frames ``[n, T, H, W, C]``, and ``labels``."""

    TAG: ClassVar[str] = "arrays"

    npz: UserPath
    test: UserPath | None = Field(default=None, description="of test images; a tenth is cut, if not given")
    counts: bool = Field(default=False, description="the images are counts of events, not grey levels")


class Folder(_Files):
    """A folder with a folder of images for each class, all of one size."""

    TAG: ClassVar[str] = "images"

    folder: UserPath
    test: UserPath | None = Field(default=None, description="of test images; a tenth is cut, if not given")
    channels: Literal[1, 3] = Field(default=3, description="1: grey, 3: colour")


class PublishedSet(_Files):
    """A published set; of an event camera's also the number of frames, and how recordings are cut into them."""

    TAG: ClassVar[str] = "published"
    OF_EVENTS: ClassVar[tuple[str, ...]] = ("frames", "by", "shrink", "sort")

    set: str
    folder: UserPath = Field(description="of its files, as the archive unpacks, or the folder that holds that one")
    frames: int | None = Field(default=None, ge=1, le=64, description="T: each step has a frame of its own")
    by: Literal["time", "count"] = Field(default="time", description="frames of equal time, or of equally many events")
    shrink: int = Field(default=1, ge=1, description="a pixel counts the events of so many sensor pixels a side")
    sort: bool = Field(default=False, description="put events in order; else a recording whose times fall is refused")

    @field_validator("set")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in PUBLISHED:
            raise ValueError(unknown("set", value, PUBLISHED))
        return value

    @model_validator(mode="after")
    def _frames_fit(self) -> PublishedSet:
        published = PUBLISHED[self.set]
        if isinstance(published, Pictures):
            fields = type(self).model_fields
            given = [key for key in self.OF_EVENTS if getattr(self, key) != fields[key].default]
            if given:
                raise ValueError(f"{given[0]} is for event cameras; {self.set} has images, the same at each step")
            return self
        if self.frames is None:
            raise ValueError(f"{self.set} needs frames: T, the number of frames that a recording is cut into")
        height, width = published.sensor
        if height % self.shrink or width % self.shrink:
            raise ValueError(f"shrink must divide the {height}×{width} pixels of {self.set}, not be {self.shrink}")
        return self


UserFiles = Arrays | Folder | PublishedSet


def _kind(value: Any) -> str | None:
    """The tag of what ``data`` says; None where it says nothing that could be meant."""
    if isinstance(value, str):
        return "name"
    if isinstance(value, UserFiles):
        return value.TAG
    keys = value if isinstance(value, dict) else {}
    fields = {key for kind in _BY_KEY.values() for key in kind.model_fields}
    slips = [near for key in map(str, keys) if key not in fields for near in difflib.get_close_matches(key, _BY_KEY, 1)]
    return next((kind.TAG for key, kind in _BY_KEY.items() if key in keys or key in slips), None)


#: The key that tells what is meant; the first one counts.
_BY_KEY: dict[str, type[UserFiles]] = {"npz": Arrays, "set": PublishedSet, "folder": Folder}

Source = Annotated[
    Annotated[str, Tag("name")]
    | Annotated[Arrays, Tag(Arrays.TAG)]
    | Annotated[Folder, Tag(Folder.TAG)]
    | Annotated[PublishedSet, Tag(PublishedSet.TAG)],
    Discriminator(
        _kind,
        custom_error_type="data_source",
        custom_error_message="must be the name of a set at hand, or {npz: FILE}, {folder: DIR}, "
        "{set: NAME, folder: DIR}",
    ),
]
