"""How late does a streaming transcriber write? After the end of each word that it heard rightly, of recordings whose
words have known times; and how long does a step of sound take on one core?

python -m benchmarks.transcription_latency --model stream/transcription --data grid_s1 --words grid_s1/test_dev.tsv
"""

import csv
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Annotated

import numpy as np

from applications.transcription.predict import Predictor
from applications.transcription.sample import sample
from common import cli
from common.audio.files import SAMPLE_RATE
from common.audio.transcripts import TranscriptSource, load_evaluation
from common.audio.utterances import Utterances
from common.checks import Above, AtLeast, check_ranges
from common.errors import UserError
from common.predicting.subtitles import Word

_PERCENTILES = (25, 50, 75, 90, 95)
# The first step has the graph optimised.
_WARM_UP_STEPS = 5


@dataclass(frozen=True)
class Options:
    """What to measure, and on what."""

    words: Path
    """A table, tab-separated, with a column `transcript` and one whose name begins with `words`: start:end:word of each
    word, blanks between them."""
    model: Path | None = None
    """A streaming model; the shipped one unless given."""
    source: TranscriptSource = field(default_factory=TranscriptSource)
    """Where the recordings come from."""
    times_per_second: Annotated[float, Above(0)] = 25.0
    """Units of the table's times in a second."""
    step_seconds: Annotated[float, Above(0)] = 0.1
    """Sound that a step hears."""
    seconds: Annotated[float, AtLeast(1)] = 60.0
    """Sound that is heard step by step."""

    def __post_init__(self) -> None:
        check_ranges(self)


def ends_of_words(path: Path, times_per_second: float) -> dict[str, list[float]]:
    """When each word of each transcript ends, in seconds.

    Raises:
        UserError: the table lacks a column.
    """
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    columns = [name for name in (rows[0] if rows else {}) if name.startswith("words")]
    if not columns or "transcript" not in rows[0]:
        raise UserError(f"{path}: expected columns transcript and words")
    ends = {}
    for row in rows:
        pieces = [piece.split(":") for piece in row[columns[0]].split()]
        ends[row["transcript"]] = [float(end) / times_per_second for _, end, _ in pieces]
    return ends


def lateness(heard: Sequence[Word], said: Sequence[str], ends: Sequence[float]) -> list[float]:
    """How many seconds after its end each word that was heard rightly was written to its last symbol.

    >>> lateness([Word("set", 0.1, 0.5, 1.0), Word("blew", 0.6, 1.0, 1.0)], ["set", "blue"], [0.25, 0.75])
    [0.25]
    """
    blocks = SequenceMatcher(None, [word.word for word in heard], said, autojunk=False).get_matching_blocks()
    pairs = [(one.a + place, one.b + place) for one in blocks for place in range(one.size)]
    return [heard[index].end - ends[place] for index, place in pairs]


def step_times(predictor: Predictor, recordings: Utterances, options: Options) -> np.ndarray:
    """Seconds of each step on one core."""
    sound = np.concatenate(recordings.waveforms)[: round(options.seconds * SAMPLE_RATE)]
    size = round(options.step_seconds * SAMPLE_RATE)
    taken: list[float] = []

    def blocks() -> Iterator[np.ndarray]:
        for start in range(0, len(sound) - size + 1, size):
            begun = time.perf_counter()
            yield sound[start : start + size]
            taken.append(time.perf_counter() - begun)

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for _ in predictor.stream(blocks(), show_progress=False):
        pass
    return np.array(taken[_WARM_UP_STEPS:])


def main(options: Options) -> None:
    """Prints how late words are written, and how long a step takes."""
    console = cli.console()
    recordings = load_evaluation(options.source, sample)
    predictor = Predictor(options.model)
    if predictor.kind != "streaming":
        raise UserError(f"{predictor.path}: hears whole recordings; expected a streaming model")
    ends = ends_of_words(options.words, options.times_per_second)
    late: list[float] = []
    for waveform, text in zip(recordings.waveforms, recordings.texts, strict=True):
        if text in ends:
            late += lateness(predictor.words(waveform), text.split(), ends[text])
    if not late:
        raise UserError(f"{options.words}: no word of its transcripts was heard rightly")
    shown = "  ".join(f"{share}%: {1000 * value:.0f}" for share, value in _percentiles(late))
    console.print(f"milliseconds after the end of a word, {len(late):,} words: {shown}")
    taken = 1000 * step_times(predictor, recordings, options)
    console.print(
        f"milliseconds of a step of {1000 * options.step_seconds:g} ms on one core, {len(taken):,} steps: "
        f"median {np.median(taken):.2f}  99%: {np.percentile(taken, 99):.2f}"
    )


def _percentiles(values: Sequence[float]) -> list[tuple[int, float]]:
    return [(share, float(np.percentile(values, share))) for share in _PERCENTILES]


if __name__ == "__main__":
    cli.run(main, Options)
