"""Live sound: what models make of a recording while it is made.

A model is heard in the way that its signatures have, the same as `predict --stream`:

- `step`: every block goes through it with the states of the block before.
- `waveform` of single recordings: the last clip is heard every 0.1 s.
- `waveform` with `lengths`: what is said between two pauses is heard once the second one has lasted for 0.5 s.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np

from common.audio.files import SAMPLE_RATE
from common.audio.frames import whole_frames
from common.audio.pauses import segments
from common.errors import ROW_ERROR
from common.inference.signatures import SignatureInfo
from common.inference.states import first_states
from common.serving.json_values import json_of
from common.serving.server.served_models import ServedModel

Outputs = Mapping[str, np.ndarray]
Run = Callable[[str, dict[str, np.ndarray]], Outputs]
"""Runs a signature on inputs and waits for its outputs."""

_HOP = SAMPLE_RATE // 10
_STEP = SAMPLE_RATE // 50
_SETTLING = round(0.4 * SAMPLE_RATE)
_ANSWER_AFTER = 0.5
_CLIP_SECONDS = 1.0


def way_of_hearing(signatures: Mapping[str, SignatureInfo]) -> str:
    """`step`, `clip` or `stretch`, see above; "" for a model that hears no sound."""
    if "step" in signatures and "audio" in signatures["step"].inputs:
        return "step"
    inputs = set(signatures["waveform"].inputs) if "waveform" in signatures else set()
    return {frozenset({"waveform"}): "clip", frozenset({"waveform", "lengths"}): "stretch"}.get(
        frozenset(inputs), ""
    )


def facts_of(model: ServedModel) -> dict[str, Any]:
    """What a page must know to show the answers: the way of hearing, and the labels where the model has some."""
    told = _described(model)
    labels = {"labels": told["labels"]} if "labels" in told else {}
    return {
        "model": model.name,
        "way": way_of_hearing(model.signatures),
        "sample_rate": SAMPLE_RATE,
        **labels,
    }


def answers(model: ServedModel, run: Run, blocks: Iterable[np.ndarray]) -> Iterator[dict[str, Any]]:
    """What the model makes of a recording, as soon as it can be known.

    Args:
        model: one that hears, see `way_of_hearing`.
        run: asks it.
        blocks: waveforms of any length, float32 from -1 to 1 at 16,000 Hz.

    Returns:
        For each answer the seconds from the beginning of the recording at which it holds, `time`, for a stretch also
        its `start`, and the outputs of the row by name.
    """
    ways = {"step": _by_steps, "clip": _by_clips, "stretch": _by_stretches}
    yield from ways[way_of_hearing(model.signatures)](model, run, blocks)


def _by_steps(model: ServedModel, run: Run, blocks: Iterable[np.ndarray]) -> Iterator[dict[str, Any]]:
    states = first_states(model.runner, "step", but="audio")
    samples = 0
    silence = np.zeros(_SETTLING, np.float32)
    for frames in whole_frames(chain(blocks, [silence]), _STEP):
        outputs = run("step", {"audio": frames[None], **states})
        states = {name: outputs[name] for name in states}
        samples += len(frames)
        yield {"time": samples / SAMPLE_RATE, **_row(outputs, but=states)}


def _by_clips(model: ServedModel, run: Run, blocks: Iterable[np.ndarray]) -> Iterator[dict[str, Any]]:
    length = round(_described(model).get("clip_seconds", _CLIP_SECONDS) * SAMPLE_RATE)
    clip, samples = np.zeros(length, np.float32), 0
    for hops in whole_frames(blocks, _HOP):
        for hop in hops.reshape(-1, _HOP):
            clip = np.concatenate([clip, hop])[-length:]
            samples += _HOP
            yield {"time": samples / SAMPLE_RATE, **_row(run("waveform", {"waveform": clip[None]}))}


def _by_stretches(_: ServedModel, run: Run, blocks: Iterable[np.ndarray]) -> Iterator[dict[str, Any]]:
    for start, waveform in segments(blocks, answer_after=_ANSWER_AFTER):
        lengths = np.array([len(waveform)], np.int32)
        row = _row(run("waveform", {"waveform": waveform[None], "lengths": lengths}))
        begin, end = (samples / SAMPLE_RATE for samples in (start, start + len(waveform)))
        yield {"start": begin, "time": end, **row}


def _row(outputs: Outputs, but: Iterable[str] = ()) -> dict[str, Any]:
    left_out = set(but)
    return {
        name: json_of(name, array)[0]
        for name, array in outputs.items()
        if name not in left_out and not (name == ROW_ERROR and not array[0])
    }


def _described(model: ServedModel) -> dict[str, Any]:
    """The facts beside the graph, where its export wrote some."""
    try:
        told = json.loads((model.runner.path / "assets.extra" / "model.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
