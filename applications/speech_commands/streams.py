"""Long recordings composed of single words over noise, with what was said when."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.audio.augmentation import Augmentation, Waveform, change_voice, excerpt, gain
from common.audio.files import SAMPLE_RATE
from common.audio.labelled import SILENCE, UNKNOWN, Clips
from common.errors import UserError

_FRAME = SAMPLE_RATE // 100
_SMOOTHED_FRAMES = 3
_MARGIN = SAMPLE_RATE // 10
_FADE = SAMPLE_RATE // 10
_SHORTEST_FADE = SAMPLE_RATE // 200
_SEGMENT_SECONDS = (2.0, 8.0)
_DECIBELS_BELOW_PEAK = 30.0
_SHARE_ABOVE_FLOOR = 0.3
_USUAL_POWER = 3e-3
_TINY = 1e-12


class Event(NamedTuple):
    """A word in a recording.

    Attributes:
        time: when its energy ends, in seconds.
        label: the word.
        start: when its energy begins.
    """

    time: float
    label: str
    start: float


@dataclass(frozen=True)
class Recording:
    """A waveform `[samples]`, and the words in it, the earliest first."""

    waveform: Waveform
    events: list[Event]


def compose(
    clips: Clips,
    noises: Sequence[Waveform],
    seconds: float,
    seed: int | Sequence[int],
    *,
    gap: tuple[float, float] = (0.1, 2.0),
    unknown_share: float = 0.25,
    noise_ratio: tuple[float, float] = (5.0, 35.0),
    augmentation: Augmentation | None = None,
) -> Recording:
    """Words at random distances over noise of changing kind and level.

    Each word is cut from its clip and fades in and out. Every word is drawn about equally often, none of its clips
    again before all others; the same arguments give the same recording.

    Args:
        clips: what is said; those of silence are not.
        noises: background recordings, each `[any]`. Unless given, the clips of silence, or else white noise.
        seconds: length of the recording.
        seed: of all that is random.
        gap: range of the seconds between two words.
        unknown_share: share of the words that are unknown ones, where there are such clips.
        noise_ratio: range of the words' mean power over that of the noise, in dB.
        augmentation: how speed, pitch and loudness of the words are changed; None for not at all.
    """
    rng = np.random.default_rng(seed)
    samples = round(seconds * SAMPLE_RATE)
    placed, words, events = (
        round(rng.uniform(*gap) * SAMPLE_RATE),
        list[tuple[int, Waveform]](),
        list[Event](),
    )
    for index in _drawn(clips.labels, unknown_share, rng):
        word, start, end = _cut(_voiced(clips.waveforms[index], augmentation, rng))
        if placed + len(word) > samples:
            break
        words.append((placed, word))
        begins, ends = (placed + start) / SAMPLE_RATE, (placed + end) / SAMPLE_RATE
        events.append(Event(ends, clips.labels[index], begins))
        placed += len(word) + round(rng.uniform(*gap) * SAMPLE_RATE)
    spoken = np.concatenate([word for _, word in words]) if words else np.zeros(0, np.float32)
    power = _power(spoken) or _USUAL_POWER
    backgrounds = list(noises) or _silences(clips) or [rng.normal(0, 0.1, samples).astype(np.float32)]
    waveform = _background(backgrounds, samples, power, noise_ratio, rng)
    for place, word in words:
        waveform[place : place + len(word)] += word
    return Recording(np.clip(waveform, -1, 1), events)


def frame_targets(
    recording: Recording,
    classes: Sequence[str],
    hop_seconds: float,
    *,
    hold: float = 0.3,
    release: float = 0.1,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """What a model that hears the recording should answer at the end of each frame.

    From the end of a word on, its class, for `hold` seconds or until the next one ends; far from words, silence. While
    a word is spoken, and for `release` seconds after `hold`, the answer does not matter: the weight is 0.

    Args:
        recording: of `compose`.
        classes: names of the classes, `_silence_` among them.
        hop_seconds: time from one frame to the next; the first ends one hop after the beginning.
        hold: seconds.
        release: seconds.

    Returns:
        Class indices and weights, `[frames]` each.

    Raises:
        UserError: there is no class of silence, or one of the words has none.
    """
    indices = {name: index for index, name in enumerate(classes)}
    for label in (SILENCE, *(event.label for event in recording.events)):
        if label not in indices:
            raise UserError(
                f"a recording needs the class {label}, but the classes are {', '.join(classes)}; expected clips "
                "labelled so, or for silence background recordings (--noises)"
            )
    frames = len(recording.waveform) // round(hop_seconds * SAMPLE_RATE)
    times = hop_seconds * np.arange(1, frames + 1)
    targets = np.full(frames, indices[SILENCE], np.int32)
    weights = np.ones(frames, np.float32)
    for event in recording.events:
        weights[(event.start <= times) & (times < event.time + hold + release)] = 0
    for event in recording.events:
        is_answer = (event.time <= times) & (times < event.time + hold)
        targets[is_answer] = indices[event.label]
        weights[is_answer] = 1
    return targets, weights


def word_span(waveform: Waveform) -> tuple[int, int]:
    """Where the word in a clip begins and ends, in samples: its power, over 30 ms, lies within 30 dB of the peak and
    well above the clip's own noise. All of a clip without energy."""
    frames = len(waveform) // _FRAME
    if not frames or not waveform.any():
        return 0, len(waveform)
    power = np.mean(np.square(waveform[: frames * _FRAME], dtype=np.float64).reshape(frames, _FRAME), axis=1)
    power = np.convolve(power, np.ones(_SMOOTHED_FRAMES) / _SMOOTHED_FRAMES, "full")[1 : frames + 1]
    decibels = 10 * np.log10(power + _TINY)
    peak, floor = decibels.max(), np.percentile(decibels, 10)
    threshold = max(peak - _DECIBELS_BELOW_PEAK, floor + _SHARE_ABOVE_FLOOR * (peak - floor))
    loud = np.flatnonzero(decibels >= threshold)
    return int(loud[0]) * _FRAME, int(loud[-1] + 1) * _FRAME


def _drawn(labels: Sequence[str], unknown_share: float, rng: np.random.Generator) -> Iterator[int]:
    """Indices of clips: words evenly, unknown ones by their share; ends at once where there is nothing to say."""
    names = np.array(labels)
    clips_of = {label: np.flatnonzero(names == label) for label in sorted({*labels} - {SILENCE})}
    words = [label for label in clips_of if label != UNKNOWN]
    left: dict[str, list[int]] = {label: [] for label in clips_of}
    while clips_of:
        is_unknown = UNKNOWN in clips_of and (not words or rng.random() < unknown_share)
        label = UNKNOWN if is_unknown else words[int(rng.integers(len(words)))]
        if not left[label]:
            left[label] = rng.permutation(clips_of[label]).tolist()
        yield left[label].pop()


def _voiced(waveform: Waveform, augmentation: Augmentation | None, rng: np.random.Generator) -> Waveform:
    if augmentation is None:
        return waveform
    return gain(change_voice(waveform, augmentation, rng), rng.uniform(*augmentation.gain))


def _cut(waveform: Waveform) -> tuple[Waveform, int, int]:
    """The word with a margin on both sides, over which it fades in and out; where in it the word begins and ends."""
    start, end = word_span(waveform)
    first, last = max(start - _MARGIN, 0), min(end + _MARGIN, len(waveform))
    counted = np.arange(1, last - first + 1, dtype=np.float32)
    fade_in = counted / max(start - first, _SHORTEST_FADE)
    fade_out = counted[::-1] / max(last - end, _SHORTEST_FADE)
    return waveform[first:last] * np.minimum(np.minimum(fade_in, fade_out), 1), start - first, end - first


def _background(
    noises: Sequence[Waveform],
    samples: int,
    power: float,
    noise_ratio: tuple[float, float],
    rng: np.random.Generator,
) -> Waveform:
    """`[samples]`: excerpts of some seconds, each of its own level below `power`, each fading into the next."""
    background = np.zeros(samples + _FADE, np.float32)
    ramp = (np.arange(_FADE, dtype=np.float32) + 0.5) / _FADE
    start = 0
    while start < samples:
        noise = noises[int(rng.integers(len(noises)))]
        length = min(round(rng.uniform(*_SEGMENT_SECONDS) * SAMPLE_RATE), len(noise) - _FADE, samples - start)
        length = max(length, _FADE)
        segment = excerpt(noise, length + _FADE, rng)
        level = np.sqrt(power / (_power(segment) + _TINY)) * 10 ** (-rng.uniform(*noise_ratio) / 20)
        segment = segment * np.float32(level)
        segment[-_FADE:] *= ramp[::-1]
        if start:
            segment[:_FADE] *= ramp
        end = min(start + len(segment), len(background))
        background[start:end] += segment[: end - start]
        start += length
    return background[:samples]


def _silences(clips: Clips) -> list[Waveform]:
    return [
        waveform for waveform, label in zip(clips.waveforms, clips.labels, strict=True) if label == SILENCE
    ]


def _power(waveform: Waveform) -> float:
    return float(np.dot(waveform, waveform)) / max(len(waveform), 1)
