"""All contenders hear the same and train to the same losses, and all stand in the tables."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from applications.speech_commands.config import PRESETS, Config
from applications.speech_commands.export import signatures
from applications.speech_commands.model import build
from benchmarks.speech_commands import __main__ as benchmark
from benchmarks.speech_commands import networks as exporting
from benchmarks.speech_commands import starting
from benchmarks.speech_commands.__main__ import Options
from benchmarks.speech_commands.listening import (
    CLIPS,
    RECORDINGS,
    SERVED,
    STOCK,
    WINDOWS,
    in_graph,
    random_waveforms,
    served,
    stepped,
)
from benchmarks.speech_commands.networks import Network, exported_network, random_network
from benchmarks.speech_commands.starting import PREDICT, PYTHON_LOADER, first_answer
from benchmarks.speech_commands.training import (
    OURS,
    PIPELINE,
    Case,
    Trainer,
    random_examples,
    trainers,
    training_batches,
)
from benchmarks.speech_commands.training import STOCK as STOCK_TRAINING
from benchmarks.stock import check_same_logits, with_stock_recurrence
from common.audio.files import encode_wav
from common.errors import UserError
from common.inference.runner import SavedModelRunner
from common.training.run_folder import to_json

LABELS = ("_silence_", "_unknown_", "no", "yes")
STEPS, SEED = 2, 1
TINY = PRESETS["tiny"]
CLIP = replace(
    TINY,
    training=replace(TINY.training, batch_size=4),
    clip_seconds=0.4,
    recording_seconds=1.0,
    convolution_dropout=0.0,
    dropout=0.0,
    pooled_dropout=0.0,
    time_masks=0,
    frequency_masks=0,
)
STREAMING = replace(CLIP, kind="streaming")
CONFIGS = {"clip": CLIP, "streaming": STREAMING}
STACKED = replace(STREAMING, layers=2)
ASKED = {"clip": ("serving_default", "waveform"), "streaming": ("recording", "step")}
"""The signatures that the benchmark asks."""


@pytest.fixture(scope="module")
def networks() -> Iterator[Mapping[str, Network]]:
    """Exported with what the benchmark asks alone, as every signature takes seconds to trace and to prove."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        made = {}
        for kind, config in CONFIGS.items():
            patch.setattr(
                exporting,
                "signatures",
                lambda trained, asked=ASKED[kind]: [one for one in signatures(trained) if one.name in asked],
            )
            keras.utils.set_random_seed(SEED)
            made[kind] = stack.enter_context(random_network(config, LABELS))
        yield made


@pytest.fixture(scope="module")
def contenders_in_training() -> dict[Case, Trainer]:
    return {
        case: trainer
        for config in CONFIGS.values()
        for case, trainer in trainers(config, LABELS, STEPS).items()
    }


@pytest.mark.parametrize("kind", CONFIGS)
def test_stock_layers_hear_what_the_served_model_hears(kind: str, networks: Mapping[str, Network]) -> None:
    # The same seed: the same weights.
    keras.utils.set_random_seed(SEED)
    stock = with_stock_recurrence(build(CONFIGS[kind], len(LABELS)))
    waveforms = random_waveforms(3, CLIP.clip_samples)
    probabilities = served(SavedModelRunner(networks[kind].folder), kind)(waveforms)
    np.testing.assert_allclose(in_graph(stock)(waveforms), probabilities, atol=1e-5)


def _recurrent(model: keras.Model) -> list[keras.layers.Layer]:
    return [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.RNN)]


def test_stock_layers_are_stock_layers() -> None:
    for config, expected in ((CLIP, 2), (STACKED, 2)):
        stock = with_stock_recurrence(build(config, len(LABELS)))
        assert [type(layer) for layer in _recurrent(stock)] == [keras.layers.GRU] * expected


def test_a_network_that_computes_something_else_is_no_peer() -> None:
    ours, other = build(STACKED, 4), build(STACKED, 4)
    waveforms = random_waveforms(2, STACKED.clip_samples)
    check_same_logits(ours, with_stock_recurrence(ours), waveforms)
    with pytest.raises(RuntimeError, match="logits with stock layers differ by"):
        check_same_logits(ours, with_stock_recurrence(other), waveforms)


def test_steps_hear_what_the_whole_recording_holds(networks: Mapping[str, Network]) -> None:
    runner = SavedModelRunner(networks["streaming"].folder)
    waveforms = random_waveforms(2, 10 * 320)
    posteriors = stepped(runner, waveforms)
    assert posteriors.shape == (2, 10, len(LABELS))
    np.testing.assert_allclose(posteriors, served(runner, "streaming")(waveforms), atol=1e-4)


def test_a_fresh_process_answers_with_a_label(networks: Mapping[str, Network], tmp_path: Path) -> None:
    recording = tmp_path / "recording.wav"
    recording.write_bytes(encode_wav(random_waveforms(1, 16_000)[0]))
    answers = [first_answer(name, networks["clip"].folder, recording) for name in (PREDICT, PYTHON_LOADER)]
    assert answers[0][0] == answers[1][0]
    assert answers[0][0] in LABELS
    with pytest.raises(RuntimeError, match=r"predict: no answer; error: .*nowhere.wav"):
        first_answer(PREDICT, networks["clip"].folder, tmp_path / "nowhere.wav")


def test_contenders_that_answer_differently_are_not_timed(
    networks: Mapping[str, Network], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "first_answer", lambda contender, *_: (contender, 1.0))
    with pytest.raises(RuntimeError, match=r"clip: 'predict' and 'tf.saved_model.load' differ"):
        starting.start_times(networks, Path("recording.wav"), rounds=1)


def test_contenders_train_to_the_same_losses(contenders_in_training: dict[Case, Trainer]) -> None:
    # How far bfloat16 may differ is a matter of the layers.
    ours, stock = (
        [
            float(loss)
            for _ in range(2)
            for loss in contenders_in_training[Case("clip", "float32", name)].run()
        ]
        for name in (OURS, STOCK_TRAINING)
    )
    assert len(set(ours)) == 2 * STEPS
    np.testing.assert_allclose(ours, stock, rtol=1e-4)


@pytest.mark.parametrize(("config", "seconds"), [(CLIP, 0.4), (STREAMING, 1.0)])
def test_every_contender_is_credited_with_the_audio_it_read(
    config: Config, seconds: float, contenders_in_training: dict[Case, Trainer]
) -> None:
    few = replace(config, recordings=STEPS * 4)
    batches = list(training_batches(random_examples(few, LABELS, STEPS), few).as_numpy_iterator())
    assert [len(batch[0]) for batch in batches] == [4] * STEPS
    credited = {
        case.contender: trainer.audio_seconds
        for case, trainer in contenders_in_training.items()
        if case.kind == config.kind
    }
    assert credited.keys() == {PIPELINE, OURS, STOCK_TRAINING}
    assert list(credited.values()) == pytest.approx([STEPS * 4 * seconds] * 3)


def test_an_exported_model_is_told_by_its_card(networks: Mapping[str, Network], tmp_path: Path) -> None:
    folder = shutil.copytree(networks["streaming"].folder, tmp_path / "1")
    card = folder / "assets.extra" / "manifest.json"
    with pytest.raises(UserError, match=r"no assets.extra/manifest.json"):
        exported_network(tmp_path)
    card.write_text(json.dumps({"configuration": to_json(STREAMING)}))
    network = exported_network(tmp_path)
    assert (network.config, tuple(network.labels), network.folder) == (STREAMING, LABELS, folder)
    with pytest.raises(UserError, match="expected one model of each kind at most"):
        benchmark.main(Options(model=(tmp_path, folder)))
    card.write_text(json.dumps({"configuration": to_json(replace(CLIP, kind="convolutional"))}))
    with pytest.raises(UserError, match="kind convolutional; expected one of clip, streaming"):
        exported_network(tmp_path)


def test_each_contender_has_a_line(
    networks: Mapping[str, Network],
    contenders_in_training: dict[Case, Trainer],
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What has been exported already serves here too; processes and trainings are started in tests of their own.
    monkeypatch.setattr(benchmark, "random_network", lambda config: nullcontext(networks[config.kind]))
    monkeypatch.setattr(
        benchmark,
        "trainers",
        lambda config, *_: {
            case: trainer._replace(run=list)
            for case, trainer in contenders_in_training.items()
            if case.kind == config.kind
        },
    )
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(starting, "first_answer", lambda *_: ("yes", 1.0))
    benchmark.main(
        Options(
            batch_sizes=(2,), recording_seconds=1.0, steps=3, rounds=1, training_steps=1, training_rounds=1
        )
    )
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    heard = [
        *([CLIPS, "2", name] for name in (SERVED, STOCK)),
        [WINDOWS, "2", SERVED],
        *([RECORDINGS, "2", name] for name in (SERVED, STOCK)),
    ]
    trained = [
        [kind, precision, name]
        for kind in CONFIGS
        for precision, names in (
            ("", (PIPELINE,)),
            ("float32", (OURS, STOCK_TRAINING)),
            ("mixed_bfloat16", (OURS, STOCK_TRAINING)),
        )
        for name in names
    ]
    started = [[kind, name, "1.00"] for kind in CONFIGS for name in (PREDICT, PYTHON_LOADER)]
    assert [row[:3] for row in cells[:5]] == heard
    assert cells[5][0] == "2"
    assert float(cells[5][1].replace(",", "")) > 0
    assert [row[:3] for row in cells[6:10]] == started
    assert [row[:3] for row in cells[10:]] == trained
    assert {row[-1] for row in cells if row[2] in (SERVED, OURS)} == {"1.00"}


def test_a_wrong_size_is_named() -> None:
    with pytest.raises(UserError, match="--batch-sizes 0: expected at least 1"):
        Options(batch_sizes=(1, 0))
    with pytest.raises(UserError, match="--training-steps 0: expected at least 1"):
        Options(training_steps=0)
    with pytest.raises(UserError, match=r"--recording-seconds 0: expected at least 0\.1"):
        Options(recording_seconds=0)
    with pytest.raises(UserError, match="no such folder"):
        exported_network(Path("nowhere"))
