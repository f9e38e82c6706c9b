"""Recordings of speech and what is said in each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from common.audio.files import SAMPLE_RATE
from common.data import sources


@dataclass(frozen=True)
class Utterances:
    """Recordings (float32 `[samples]` at 16 kHz), their transcripts and speakers, and where each came from.

    A speaker who is not known is "". `left_out` counts, by reason, the recordings that could not be used.

    Example:
        >>> silence = np.zeros(SAMPLE_RATE, np.float32)
        >>> Utterances("two", [silence] * 2, ["yes", "no more"], ["ann", ""], ["a.wav", "b.wav"]).describe()
        'two: 2 recordings by 1 speaker, 3 words in 2.0 seconds'
    """

    name: str
    waveforms: Sequence[np.ndarray]
    texts: Sequence[str]
    speakers: Sequence[str]
    origins: Sequence[str]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.waveforms)

    @property
    def seconds(self) -> float:
        """Of all recordings together."""
        return sum(map(len, self.waveforms)) / SAMPLE_RATE

    def select(self, indices: Sequence[int]) -> "Utterances":
        """The recordings of the given indices, in their order."""
        return sources.select(self, indices)

    def describe(self) -> str:
        """One line: how many recordings by how many speakers, how many words in which time, and what was left out."""
        speakers = len(set(self.speakers) - {""})
        spoken = f" by {speakers:,} speaker{'s' * (speakers != 1)}" if speakers else ""
        words = sum(len(text.split()) for text in self.texts)
        time = f"{self.seconds / 60:,.1f} minutes" if self.seconds >= 100 else f"{self.seconds:.1f} seconds"
        said = f"{len(self):,} recording{'s' * (len(self) != 1)}{spoken}, {words:,} words in {time}"
        return f"{self.name}: {said}{sources.left_out_text(self.left_out)}"
