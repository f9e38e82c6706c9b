"""Labelled clips from any source: the application's sample, a TFDS name, a user's folder or tar of recordings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

UNKNOWN = "_unknown_"
SILENCE = "_silence_"


@dataclass(frozen=True)
class Clips:
    """Recordings (float32 `[samples]` at 16 kHz), their labels and speakers, and where each came from.

    A speaker who is not known is "". `left_out` counts, by reason, the recordings that could not be used.
    """

    name: str
    waveforms: Sequence[np.ndarray]
    labels: Sequence[str]
    speakers: Sequence[str]
    origins: Sequence[str]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.waveforms)

    def select(self, indices: Sequence[int]) -> "Clips":
        """The clips of the given indices, in their order."""
        waveforms = [self.waveforms[index] for index in indices]
        labels, speakers, origins = (
            [values[index] for index in indices] for values in (self.labels, self.speakers, self.origins)
        )
        return replace(self, waveforms=waveforms, labels=labels, speakers=speakers, origins=origins)

    def describe(self) -> str:
        """One line: how many clips of which labels by how many speakers, and what was left out."""
        counts = Counter(self.labels)
        shown = ", ".join(f"{count:,} {label}" for label, count in sorted(counts.items())[:12])
        speakers = len(set(self.speakers) - {""})
        spoken = f" by {speakers:,} speakers" if speakers else ""
        dropped = "".join(
            f"; {count:,} left out: {reason}" for reason, count in self.left_out.items() if count
        )
        return f"{self.name}: {len(self):,} clips{spoken} ({shown}{', ...' if len(counts) > 12 else ''}){dropped}"
