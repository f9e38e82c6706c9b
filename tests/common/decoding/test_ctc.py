"""Decoders of CTC against sums over all alignments, one by one, and against TensorFlow's own decoders."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from common.decoding.ctc import GreedyLabels, LabelHypotheses, greedy, prefix_beam_search, with_fallback
from common.decoding.language_models import LanguageModel, Lexicon, SymbolNgrams
from common.decoding.witten_bell import witten_bell
from common.export.saved_model import Signature, export_saved_model
from common.inference.runner import SavedModelRunner

pytestmark = pytest.mark.slow

Label = tuple[int, ...]


def random_logits(rows: int, time: int, symbols: int, seed: int) -> np.ndarray:
    """Some rows are sure of their symbols, some are not."""
    scale = np.resize([0.5, 2.0, 5.0], [rows, 1, 1])
    return np.random.default_rng(seed).normal(scale=scale, size=[rows, time, symbols]).astype(np.float32)


def collapsed(alignment: Sequence[int]) -> Label:
    """Equal neighbours are merged, then blanks removed."""
    return tuple(symbol for symbol, _ in itertools.groupby(alignment) if symbol != 0)


def labels_by_brute_force(logits: np.ndarray) -> dict[Label, float]:
    """log P(label | frames) of every label that has an alignment with the frames `[time, symbols]`."""
    log_probabilities = log_softmax(np.asarray(logits, np.float64), axis=-1)
    time, symbols = log_probabilities.shape
    alignments = defaultdict(list)
    for alignment in itertools.product(range(symbols), repeat=time):
        total = sum(log_probabilities[frame, symbol] for frame, symbol in enumerate(alignment))
        alignments[collapsed(alignment)].append(total)
    return {label: float(np.logaddexp.reduce(totals)) for label, totals in alignments.items()}


def texts(result: LabelHypotheses, row: int) -> list[Label]:
    """The row's hypotheses without padding; places without a hypothesis left out."""
    for labels, length in zip(np.asarray(result.labels[row]), result.lengths[row], strict=True):
        assert not labels[int(length) :].any()
    return [
        tuple(int(number) for number in labels[:length])
        for labels, length, score in zip(
            np.asarray(result.labels[row]), result.lengths[row], result.scores[row], strict=True
        )
        if np.isfinite(score)
    ]


def log_bigrams(counted: Callable[..., float], label: Label) -> float:
    """log P(label) with its end."""
    pairs = itertools.pairwise((0, *label, 0))
    return sum(float(np.log(counted(SPOKEN, 4, (before,), following))) for before, following in pairs)


def is_of_words(label: Label, words: Sequence[Label], separator: int) -> bool:
    pieces = "".join(map(str, label)).split(str(separator))
    return not label or all(tuple(map(int, piece)) in words for piece in pieces)


@st.composite
def batches(draw: st.DrawFn) -> tuple[np.ndarray, list[int]]:
    symbols = draw(st.integers(2, 4))
    time = draw(st.integers(1, 5 if symbols == 4 else 6))
    rows = draw(st.integers(1, 6))
    frames = [draw(st.integers(0, time)) for _ in range(rows)]
    return random_logits(rows, time, symbols, draw(st.integers(0, 10**6))), frames


SPOKEN = [[1, 2, 3], [1, 1, 2], [3]]
BIGRAMS = witten_bell(SPOKEN, symbols=4, order=2)
WORDS, SEPARATOR = [(1,), (1, 2), (2, 2)], 3
MODELS: dict[str, Sequence[LanguageModel]] = {
    "bigrams": (SymbolNgrams(BIGRAMS),),
    "lexicon": (Lexicon(WORDS, 4, SEPARATOR),),
    "both": (SymbolNgrams(BIGRAMS), Lexicon(WORDS, 4, SEPARATOR)),
}


def search(logits: np.ndarray, frames: Sequence[int], **options: Any) -> LabelHypotheses:
    return prefix_beam_search(tf.constant(logits), tf.constant(frames, tf.int32), **options)


def check_exact(
    result: LabelHypotheses, row: int, scores: dict[Label, float], acoustic: dict[Label, float]
) -> None:
    """The row's hypotheses are all there are, or as many as fit, by falling score; equal scores may change places."""
    ranked = sorted(scores.items(), key=lambda item: -item[1])[: result.scores.shape[1]]
    labels = texts(result, row)
    assert len(set(labels)) == len(labels) == len(ranked)
    np.testing.assert_allclose(
        result.scores[row, : len(ranked)], [score for _, score in ranked], rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(
        result.scores[row, : len(ranked)], [scores[label] for label in labels], rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(
        result.log_probabilities[row, : len(ranked)],
        [acoustic[label] for label in labels],
        rtol=1e-4,
        atol=1e-4,
    )


@given(batches(), st.sampled_from([1, 3, 400]))
@settings(max_examples=12)
def test_a_beam_that_holds_all_prefixes_finds_the_best_labels_with_their_probabilities(
    batch: tuple[np.ndarray, list[int]], count: int
) -> None:
    logits, frames = batch
    result = search(logits, frames, beam_width=400, hypotheses=count, blank_threshold=1)
    for row, real in enumerate(frames):
        acoustic = labels_by_brute_force(logits[row, :real])
        check_exact(result, row, acoustic, acoustic)


@pytest.mark.parametrize("models", MODELS)
def test_language_models_and_the_length_bonus_count_by_the_weights_of_each_row(
    counted: Callable[..., float], models: str
) -> None:
    logits, frames = random_logits(6, 5, 4, seed=2), [5, 4, 5, 3, 0, 5]
    weights, bonuses = np.array([0, 0.5, 1, 2, 1, 1.5]), np.array([0.5, 0, -0.5, 1, 1, 0.3])
    result = search(
        logits,
        frames,
        beam_width=300,
        language_models=MODELS[models],
        lm_weight=weights,
        length_bonus=bonuses,
        blank_threshold=1,
    )
    for row, real in enumerate(frames):
        acoustic = labels_by_brute_force(logits[row, :real])
        if models in ("lexicon", "both"):
            acoustic = {
                label: score for label, score in acoustic.items() if is_of_words(label, WORDS, SEPARATOR)
            }
        weight = weights[row] if models in ("bigrams", "both") else 0
        scores = {
            label: score + weight * log_bigrams(counted, label) + bonuses[row] * len(label)
            for label, score in acoustic.items()
        }
        check_exact(result, row, scores, acoustic)


def plain_prefix_beam_search(logits: np.ndarray, width: int) -> list[tuple[Label, float]]:
    """The algorithm in words, over dictionaries, all symbols being candidates."""
    beams: dict[Label, tuple[float, float]] = {(): (1.0, 0.0)}
    for frame in np.exp(log_softmax(np.asarray(logits, np.float64), axis=-1)):
        after: dict[Label, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for prefix, (blank, symbol) in beams.items():
            after[prefix][0] += (blank + symbol) * frame[0]
            if prefix:
                after[prefix][1] += symbol * frame[prefix[-1]]
            for number in range(1, len(frame)):
                before = blank if prefix and prefix[-1] == number else blank + symbol
                after[(*prefix, number)][1] += before * frame[number]
        best = sorted(after.items(), key=lambda item: -sum(item[1]))[:width]
        beams = {prefix: (blank, symbol) for prefix, (blank, symbol) in best}
    return [(prefix, float(np.log(sum(parts)))) for prefix, parts in beams.items()]


@pytest.mark.parametrize("width", [1, 2, 5, 10])
def test_a_narrow_beam_finds_what_the_plain_algorithm_finds(width: int) -> None:
    logits = random_logits(6, 25, 7, seed=width)
    result = search(logits, [25] * 6, beam_width=width, blank_threshold=1)
    for row in range(6):
        expected = plain_prefix_beam_search(logits[row], width)
        assert texts(result, row) == [label for label, _ in expected]
        np.testing.assert_allclose(result.scores[row], [score for _, score in expected], rtol=1e-4)


def test_without_a_language_model_the_best_label_is_that_of_tensorflows_decoder() -> None:
    logits, frames = random_logits(9, 30, 12, seed=7), [30, 29, 12, 30, 1, 17, 30, 25, 30]
    result = search(logits, frames, beam_width=50, hypotheses=1, candidates=11, blank_threshold=1)
    rolled = np.roll(logits, -1, axis=-1).transpose(1, 0, 2)  # its blank is the last symbol
    (sparse,), log_probabilities = tf.nn.ctc_beam_search_decoder(rolled, frames, beam_width=50, top_paths=1)
    dense = tf.sparse.to_dense(sparse, default_value=-1).numpy() + 1
    for row in range(len(frames)):
        assert texts(result, row)[0] == tuple(number for number in dense[row] if number)
    np.testing.assert_allclose(result.log_probabilities, log_probabilities, rtol=1e-4, atol=1e-4)


def test_a_row_has_the_same_answer_whatever_its_neighbours() -> None:
    logits, frames = random_logits(8, 20, 6, seed=4), [20, 3, 0, 11, 20, 7, 1, 16]
    logits[3:5, :, 0] += 8
    models = [SymbolNgrams(witten_bell([[1, 2, 3, 4, 5]], 6, order=3))]
    together = search(logits, frames, beam_width=6, language_models=models)
    read = greedy(tf.constant(logits), tf.constant(frames))
    for row, real in enumerate(frames):
        alone = search(logits[row : row + 1, : max(real, 1)], [real], beam_width=6, language_models=models)
        assert texts(together, row) == texts(alone, 0)
        np.testing.assert_allclose(together.scores[row], alone.scores[0], rtol=1e-5)
        read_alone = greedy(tf.constant(logits[row : row + 1, :real]), tf.constant([real]))
        assert read.labels[row, : read.lengths[row]].numpy().tolist() == read_alone.labels[0].numpy().tolist()
    # A row without a frame has the empty label alone, and it is certain.
    assert texts(together, 2) == [()]


def peaky_logits(rows: int, time: int, symbols: int) -> np.ndarray:
    """Nearly certain blanks, with a few frames in between that are less sure of one symbol or another."""
    rng = np.random.default_rng(6)
    logits = rng.normal(size=[rows, time, symbols])
    logits[:, :, 0] += 12
    for row in range(rows):
        for frame in rng.choice(time, 8, replace=False):
            logits[row, frame, 0] -= 8
            logits[row, frame, rng.integers(1, symbols, 2)] += 9
    return logits.astype(np.float32)


def test_skipping_frames_that_are_surely_blank_changes_no_best_label_and_hardly_a_score() -> None:
    logits, frames = peaky_logits(8, 60, 9), [60, 60, 41, 60, 60, 12, 60, 60]
    options: dict[str, Any] = {
        "beam_width": 10,
        "hypotheses": 3,
        "language_models": [SymbolNgrams(witten_bell([range(1, 9)], 9, order=2))],
    }
    whole = search(logits, frames, **options, blank_threshold=1)
    skipped = search(logits, frames, **options)
    is_skipped = np.exp(log_softmax(logits, axis=-1))[:, :, 0] > 0.999
    assert 0.5 < is_skipped.mean() < 0.95
    assert (whole.lengths.numpy()[:, 0] > 0).all()
    for row in range(8):
        assert texts(skipped, row)[0] == texts(whole, row)[0]
    np.testing.assert_allclose(skipped.scores[:, 0], whole.scores[:, 0], atol=60 * 1e-3)


def test_two_equal_symbols_with_only_skipped_frames_between_them_are_two() -> None:
    path = np.array([1, 0, 0, 1, 1, 0, 0, 2])
    logits = 12 * np.eye(3, dtype=np.float32)[path]
    logits[[0, 3, 4, 7]] /= 4
    for threshold in (0.999, 1):
        result = search(logits[None], [8], beam_width=3, blank_threshold=threshold)
        assert texts(result, 0)[0] == (1, 1, 2)


def test_only_the_most_probable_symbols_of_a_frame_extend_a_prefix() -> None:
    logits = random_logits(4, 5, 6, seed=9)
    result = search(logits, [5] * 4, beam_width=20, candidates=2, blank_threshold=1)
    for row in range(4):
        best = {1 + number for frame in logits[row, :, 1:] for number in np.argsort(-frame)[:2]}
        assert {number for label in texts(result, row) for number in label} <= best
        every = labels_by_brute_force(logits[row])
        for label, score in zip(texts(result, row), result.scores[row].numpy(), strict=True):
            assert score <= every[label] + 1e-4


def test_a_lexicon_that_allows_no_end_leaves_a_row_without_hypothesis() -> None:
    logits = 20 * np.eye(3, dtype=np.float32)[[[1, 1], [1, 2]]]
    result = search(logits, [2, 2], beam_width=1, language_models=[Lexicon([[1, 2]], 3)])
    assert texts(result, 0) == []
    assert texts(result, 1) == [(1, 2)]
    assert result.log_probabilities[0, 0] == -np.inf


def test_where_a_lexicon_leaves_none_the_label_is_the_greedy_one() -> None:
    paths = [[1, 1, 0, 1, 0, 1], [1, 2, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [1, 2, 2, 0, 0, 0]]
    logits = 20 * np.eye(3, dtype=np.float32)[[*paths, paths[3]]]
    logits[4, 0, 0] = np.nan

    @tf.function(input_signature=[tf.TensorSpec([None, 6, 3]), tf.TensorSpec([None], tf.int32)])
    def decode(logits: tf.Tensor, frames: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        hypotheses = prefix_beam_search(logits, frames, beam_width=1, language_models=[Lexicon([[1, 2]], 3)])
        return with_fallback(hypotheses, greedy(logits, frames))

    expected = [[1, 1, 1], [1, 2, 0], [0, 0, 0], [1, 2, 0], [0, 0, 0]]
    for rows in ([0, 1, 2, 3], [0, 1, 2, 4], [1, 2], [3, 0], [4, 0], []):
        labels, lengths = decode(tf.constant(logits[rows]), tf.fill([len(rows)], 6))
        assert lengths.numpy().tolist() == [np.count_nonzero(expected[row]) for row in rows]
        longest = max(lengths.numpy(), default=0)
        assert labels.numpy().tolist() == [expected[row][:longest] for row in rows]


def plain_greedy(logits: np.ndarray) -> list[tuple[int, int, int, float]]:
    """Symbol, first frame, last frame and highest probability of each run of the best alignment."""
    probabilities = np.exp(log_softmax(np.asarray(logits, np.float64), axis=-1))
    runs, frame = [], 0
    for symbol, group in itertools.groupby(probabilities.argmax(axis=-1)):
        length = len(list(group))
        if symbol:
            peak = probabilities[frame : frame + length, symbol].max()
            runs.append((int(symbol), frame, frame + length - 1, float(peak)))
        frame += length
    return runs


@given(batches())
@settings(max_examples=20)
def test_greedy_reads_the_runs_of_the_best_alignment(batch: tuple[np.ndarray, list[int]]) -> None:
    logits, frames = batch
    result = greedy(tf.constant(logits), tf.constant(frames, tf.int32))
    for row, real in enumerate(frames):
        length = int(result.lengths[row])
        columns = [np.asarray(values[row]) for values in (*result[:1], *result[2:5])]
        assert not any(column[length:].any() for column in columns)
        runs = plain_greedy(logits[row, :real])
        assert [tuple(run) for run in zip(*(column[:length] for column in columns[:3]), strict=True)] == [
            run[:3] for run in runs
        ]
        np.testing.assert_allclose(columns[3][:length], [peak for *_, peak in runs], rtol=1e-4)
        best = log_softmax(logits[row, :real].astype(np.float64), axis=-1).max(axis=-1, initial=-np.inf)
        np.testing.assert_allclose(result.log_probabilities[row], best.sum(), rtol=1e-4, atol=1e-5)


def test_greedy_is_tensorflows_greedy_decoder() -> None:
    logits, frames = random_logits(9, 50, 8, seed=3), [50, 49, 12, 50, 1, 17, 50, 25, 40]
    result = greedy(tf.constant(logits), tf.constant(frames))
    (sparse,), costs = tf.nn.ctc_greedy_decoder(logits.transpose(1, 0, 2), frames, blank_index=0)
    np.testing.assert_array_equal(result.labels, tf.sparse.to_dense(sparse))
    # Its cost sums logits, not log-probabilities.
    assert costs.shape == (9, 1)


@pytest.mark.parametrize("fault", [np.nan, np.inf])
def test_a_row_without_probabilities_gets_its_own_error(fault: float) -> None:
    logits, frames = random_logits(3, 6, 4, seed=1), [6, 6, 4]
    expected = search(logits, frames, beam_width=5), greedy(tf.constant(logits), tf.constant(frames))
    logits[1, 2, 3], logits[2, 5, 0] = fault, fault  # the latter stands in padding
    decode = tf.function(
        lambda logits, frames: (prefix_beam_search(logits, frames, beam_width=5), greedy(logits, frames))
    )
    searched, read = decode(logits, frames)
    for result in (searched, read):
        assert result.is_faulty.numpy().tolist() == [False, True, False]
        assert b"NaN" in result.error.numpy()[1]
        assert result.error.numpy()[[0, 2]].tolist() == [b"", b""]
        assert not result.lengths.numpy()[1].any()
        assert (result.log_probabilities.numpy()[1] == -np.inf).all()
    for row in (0, 2):
        assert texts(searched, row) == texts(expected[0], row)
        np.testing.assert_array_equal(read.lengths[row], expected[1].lengths[row])
    for outside_of_a_graph in (lambda: search(logits, frames, beam_width=5), lambda: greedy(logits, frames)):
        with pytest.raises(ValueError, match="row 1: the model's logits give no probabilities"):
            outside_of_a_graph()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam_width": 0}, "beam_width=0: expected at least 1"),
        ({"beam_width": 2, "hypotheses": 3}, "hypotheses=3: expected 1 to 2"),
        ({"beam_width": 2, "hypotheses": 0}, "hypotheses=0: expected 1 to 2"),
        ({"beam_width": 2, "candidates": 0}, "candidates=0: expected at least 1"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        search(random_logits(1, 2, 3, seed=0), [2], **options)


def test_an_exported_decoder_answers_in_the_loader_as_here(tmp_path: Path) -> None:
    ngrams = SymbolNgrams(witten_bell([[1, 2, 3, 4], [2, 2]], 5, order=4))
    models = [ngrams, Lexicon([[1, 2], [3], [2, 2]], 5, 4)]

    def n_best(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        result = prefix_beam_search(**inputs, beam_width=8, hypotheses=3, language_models=models)
        return dict(zip(LabelHypotheses._fields, result, strict=True))

    def read(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(zip(GreedyLabels._fields, greedy(**inputs), strict=True))

    heard = {"logits": tf.TensorSpec([None, None, 5], tf.float32), "frames": tf.TensorSpec([None], tf.int32)}
    weights = {name: tf.TensorSpec([None], tf.float32) for name in ("lm_weight", "length_bonus")}
    examples = {"logits": random_logits(4, 12, 5, seed=8), "frames": np.array([12, 5, 0, 9], np.int32)}
    weighted = {
        **examples,
        "lm_weight": np.float32([0, 0.5, 1, 2]),
        "length_bonus": np.float32([1, 0, 0, 0.5]),
    }
    signatures = [
        Signature("serving_default", read, heard, examples),
        Signature("n_best", n_best, {**heard, **weights}, weighted),
    ]
    version = export_saved_model(signatures, tmp_path / "model", resources=ngrams.resources)
    with SavedModelRunner(version) as runner:
        for rows, time in ((4, 12), (2, 5)):
            asked = {name: values[:rows] for name, values in weighted.items()}
            asked["logits"] = asked["logits"][:, :time]
            asked["frames"] = np.minimum(asked["frames"], time)
            served = LabelHypotheses(**runner.answer("n_best", **asked))
            here = search(
                asked["logits"],
                asked["frames"],
                beam_width=8,
                hypotheses=3,
                language_models=models,
                lm_weight=asked["lm_weight"],
                length_bonus=asked["length_bonus"],
            )
            for row in range(rows):
                assert texts(served, row) == texts(here, row)
            np.testing.assert_allclose(served.scores, here.scores, rtol=1e-5)
            answer = runner.answer("serving_default", logits=asked["logits"], frames=asked["frames"])
            expected = greedy(tf.constant(asked["logits"]), tf.constant(asked["frames"]))
            np.testing.assert_array_equal(answer["labels"], expected.labels)
