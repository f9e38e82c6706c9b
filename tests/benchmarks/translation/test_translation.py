"""The translator and its peer in PyTorch compute the same and write equally long sentences; all stand in the tables."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from applications.translation import model as translator
from applications.translation.config import PRESETS, Config
from benchmarks.recurrent.measure import PEERS, Block, Contender, started
from benchmarks.translation.__main__ import (
    CONTENDERS,
    OURS,
    OURS_BFLOAT16,
    TORCH,
    Options,
    check_same,
    report_searches,
    report_training,
    require_same,
    searches,
)
from benchmarks.translation.cases import (
    LOSSES,
    NEVER_WRITTEN,
    TRAINING,
    Batch,
    Case,
    read_batches,
    read_network,
    read_sentences,
    write_batches,
)
from benchmarks.translation.network import fill, model_of, network_of
from benchmarks.translation.sentences import random_pairs, sentences, training_batches
from benchmarks.translation.workers.keras_worker import build
from common.errors import UserError
from common.layers.sequence_decoder import sequence_decoder_of
from common.text.subwords import END, START

OPTIONS = Options(batch_sizes=(3,), beam_width=4, length=6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras.utils.set_random_seed(1)
    path = tmp_path_factory.mktemp("network")
    network = replace(network_of(PRESETS["tiny"]), tokens=40, decoder_units=12)
    fill(path, network, batch_size=4, batches=2, searched=(3,))
    return path


@pytest.fixture(scope="module")
def outcomes(folder: Path) -> dict[Case, np.ndarray]:
    return {case: np.array(build(OURS, case)()) for case in searches(OPTIONS, str(folder))}


def test_greedy_search_writes_what_rereading_the_whole_sentence_finds_likeliest(
    folder: Path, outcomes: dict[Case, np.ndarray]
) -> None:
    model = model_of(folder, read_network(folder))
    memory = translator.encode(model, tf.constant(read_sentences(folder, 3)))
    written = np.full((3, 1), START)
    for _ in range(OPTIONS.length):
        logits = np.array(sequence_decoder_of(model).teacher_forced(memory, tf.constant(written))[0])[:, -1]
        logits[:, NEVER_WRITTEN] = -np.inf
        written = np.append(written, logits.argmax(-1)[:, None], axis=1)
    np.testing.assert_array_equal(outcomes[searches(OPTIONS, str(folder))[0]], written[:, 1:])


def test_all_translations_have_the_length_asked_for(folder: Path, outcomes: dict[Case, np.ndarray]) -> None:
    for case in searches(OPTIONS, str(folder)):
        assert outcomes[case].shape == (3, OPTIONS.length)
        assert not np.isin(outcomes[case], NEVER_WRITTEN).any()


@pytest.mark.skipif(not PEERS.exists(), reason="PyTorch is not installed; make .venv-bench/.ready")
def test_pytorch_computes_the_same_losses_and_the_same_translations(
    folder: Path, outcomes: dict[Case, np.ndarray]
) -> None:
    training = Case(LOSSES, str(folder))
    losses = np.array(build(OURS, training)())
    with started([CONTENDERS[-1]], threads=1) as (worker,):
        for case, ours in {training: losses, **outcomes}.items():
            answer = np.array(worker.ask({"outcome": asdict(case)})["outcome"])
            require_same(case, TORCH, answer, ours)
    # Each step learns from the one before.
    assert len(set(losses)) == 2


def test_translations_are_searched_for_in_float32_alone(folder: Path) -> None:
    with pytest.raises(NotImplementedError):
        build(OURS_BFLOAT16, searches(OPTIONS, str(folder))[0])


@dataclass
class StubWorker:
    contender: Contender
    outcome: Sequence[Any] = ()
    milliseconds: float = 1.0

    def ask(self, request: dict) -> dict:
        is_search = request.get("prepare", {}).get("mode") not in (None, TRAINING)
        if self.contender.name == OURS_BFLOAT16 and is_search:
            return {"error": "no such case"}
        return {"outcome": self.outcome}

    def block(self, seconds: float) -> Block:
        return Block(self.milliseconds, 0.0)


def test_a_contender_that_computes_something_else_is_no_contender() -> None:
    ours, bfloat16, torch = (StubWorker(contender, [2.0, 1.0]) for contender in CONTENDERS)
    bfloat16.outcome = [2.01, 1.01]
    check_same([ours, bfloat16, torch], [Case(LOSSES, "")])
    torch.outcome = [2.0, 1.002]
    with pytest.raises(RuntimeError, match="torch: losses"):
        check_same([ours, bfloat16, torch], [Case(LOSSES, "")])
    ours.outcome, torch.outcome = [[5, 6], [7, 8]], [[5, 6], [7, 9]]
    with pytest.raises(RuntimeError, match=r"torch: 25\.0% of the tokens of beam search"):
        check_same([ours, torch], [Case("beam", "", 2, 5, 2)])


def test_speeds_are_source_tokens_and_sentences_a_second(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In a narrow table the names would be broken.
    monkeypatch.setenv("COLUMNS", "160")
    source = np.array([[5, 6, 3], [7, 3, 0]], np.int32)
    write_batches(tmp_path, [Batch(source, source, source)] * 2)
    workers = [
        StubWorker(contender, milliseconds=milliseconds)
        for contender, milliseconds in zip(CONTENDERS, (10.0, 5.0, 20.0), strict=True)
    ]
    report_training(workers, tmp_path, OPTIONS)
    report_searches(workers, tmp_path, OPTIONS)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    assert [[*row[:2], row[4]] for row in cells[:3]] == [
        [OURS, "1,000", "1.00"],
        [OURS_BFLOAT16, "2,000", "0.50"],
        [TORCH, "500", "2.00"],
    ]
    assert [[*row[:4], row[6]] for row in cells[3:]] == [
        ["greedy", "3", OURS, "300.0", "1.00"],
        ["greedy", "3", TORCH, "150.0", "2.00"],
        ["beam 4", "3", OURS, "300.0", "1.00"],
        ["beam 4", "3", TORCH, "150.0", "2.00"],
    ]


def test_sentences_are_as_long_as_those_of_a_corpus_of_captions() -> None:
    pairs = random_pairs(4_000, tokens=100)
    lengths = [np.array([len(ids) for ids in side]) for side in (pairs.sources, pairs.targets)]
    assert all(16 <= side.mean() <= 18 for side in lengths)
    assert np.corrcoef(lengths)[0, 1] > 0.8
    spread = np.count_nonzero(sentences(32, tokens=100), axis=1)
    assert (np.count_nonzero(sentences(1, tokens=100)), round(spread.mean())) == (16, 17)
    assert all(ids[-1] == END and not np.isin(ids[:-1], NEVER_WRITTEN).any() for ids in pairs.sources)


def test_batches_go_from_short_to_long_and_hold_like_numbers_of_tokens(folder: Path) -> None:
    batches = training_batches(tokens=100, batch_size=32, count=3)
    sizes = [max(batch.source.size, batch.labels.size) for batch in batches]
    assert all(32 * 14 < size < 32 * 23 for size in sizes)
    lengths = [batch.labels.shape[1] for batch in batches]
    assert lengths == sorted(set(lengths))
    for batch in read_batches(folder):
        np.testing.assert_array_equal(batch.target[:, 0], START)
        np.testing.assert_array_equal(
            batch.target[:, 1:], np.where(batch.labels == END, 0, batch.labels)[:, :-1]
        )


@pytest.mark.parametrize(
    "config", [Config(cell="gru"), Config(attention="additive"), Config(encoder_layers=2)]
)
def test_a_network_that_the_peer_does_not_compute_is_refused(config: Config) -> None:
    with pytest.raises(UserError, match="expected one LSTM layer each"):
        network_of(config)


def test_a_wrong_flag_is_named() -> None:
    with pytest.raises(UserError, match="--batch-sizes 0: expected at least 1"):
        Options(batch_sizes=(1, 0))
    with pytest.raises(UserError, match="--rounds 0: expected at least 1"):
        Options(rounds=0)
    with pytest.raises(UserError, match="--contenders ours float32 jax: expected 'ours float32' and others"):
        Options(contenders=(OURS, "jax"))
