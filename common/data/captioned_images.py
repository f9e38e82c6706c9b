"""Captioned images from any source: the application's sample, a TFDS name, a user's folder or tar of images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class CaptionedImages:
    """Images (uint8 `[images, size, size, 3]`), the captions of each, where each came from, and what was left out.

    `left_out` counts, by reason, the images and captions that could not be used.
    """

    name: str
    images: np.ndarray
    captions: Sequence[tuple[str, ...]]
    origins: Sequence[str]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.images)

    def select(self, indices: Sequence[int]) -> "CaptionedImages":
        """The images of the given indices, in their order."""
        captions, origins = ([values[index] for index in indices] for values in (self.captions, self.origins))
        return replace(self, images=self.images[list(indices)], captions=captions, origins=origins)

    def describe(self) -> str:
        """One line: how many images with how many captions, and what was left out."""
        captions = sum(map(len, self.captions))
        dropped = "".join(
            f"; {count:,} left out: {reason}" for reason, count in self.left_out.items() if count
        )
        return f"{self.name}: {len(self):,} images with {captions:,} captions{dropped}"
