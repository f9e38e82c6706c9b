"""The exported keyboard reads text in pieces as a whole, steps as it reads, and answers with what its logits say."""

import numpy as np
import pytest
import tensorflow as tf

from applications.keyboard.export import load_run
from applications.keyboard.predict import MODEL_FILE
from common.inference.extra_files import read_extra

TEXT = "See you tomorrow at 10:30, Zoë! Bananas on\nthe way – don’t wait "
LINE_END = "\n"


@pytest.fixture(scope="module")
def described(exported):
    return read_extra(exported, MODEL_FILE, "keyboard")


@pytest.fixture(scope="module")
def whole(runner, described):
    return read(runner, described, TEXT)


def zeros(described):
    return np.zeros((1, *described["states"]), np.float32)


def read(runner, described, text, last=LINE_END, states=None):
    states = zeros(described) if states is None else states
    return runner.answer("read", text=[text], last=[last], states=states)


def test_every_word_is_known_as_it_is_spelled(whole, described):
    spellings = [one.decode() for one in whole["spellings"][0]]
    assert spellings[:7] == ["See", "you", "tomorrow", "at", "10:30", ",", "Zoë"]
    assert spellings[10] == "\n"
    numbers = whole["words"][0]
    names = ["(unknown)", "(number)", "\n", *described["words"]]
    assert [names[number] for number in numbers[:5]] == ["see", "you", "tomorrow", "at", "(number)"]
    assert names[numbers[spellings.index("Bananas")]] == "(unknown)"
    assert names[numbers[spellings.index("don’t")]] == "don't"


@pytest.mark.parametrize("cut", [4, 20, 32, 43])
def test_a_text_read_in_pieces_is_the_text_read_at_once(runner, described, whole, cut):
    first = read(runner, described, TEXT[:cut])
    second = read(runner, described, TEXT[cut:], first["last"][0], first["states"])
    for name in ("spellings", "words", "queries", "logits", "log_likelihoods"):
        together = np.concatenate([first[name], second[name]], axis=1)
        if together.dtype == object:
            assert together.tolist() == whole[name].tolist()
        else:
            np.testing.assert_allclose(together, whole[name], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(second["states"], whole["states"], rtol=1e-4, atol=1e-4)


def test_step_by_step_it_is_the_same(runner, described, whole, finished_run):
    words = load_run(finished_run).words
    states, token, ngrams = zeros(described), 2, np.zeros((1, 45), np.int32)
    for place, spelling in enumerate(whole["spellings"][0]):
        stepped = runner.answer("step", token=[token], ngrams=ngrams, states=states)
        np.testing.assert_allclose(stepped["query"][0], whole["queries"][0, place], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(stepped["logits"][0], whole["logits"][0, place], rtol=1e-4, atol=1e-4)
        states, token = stepped["states"], int(whole["words"][0, place])
        ngrams = words.ngrams(tf.constant([spelling])).numpy()


def test_the_likelihood_of_a_word_is_its_softmax_and_the_score_is_the_sum(runner, whole):
    logits, numbers = whole["logits"][0].astype(np.float64), whole["words"][0]
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    likelihoods = whole["log_likelihoods"][0]
    np.testing.assert_allclose(
        likelihoods[:, 0], logs[np.arange(len(numbers)), numbers], rtol=1e-4, atol=1e-5
    )
    assert ((likelihoods[:, 1] < 0) == (numbers < 2)).all()
    score = runner.answer("score", text=[TEXT])
    np.testing.assert_allclose(score["word_log_likelihoods"][0], likelihoods.sum(-1), rtol=1e-4, atol=1e-5)
    assert score["log_likelihood"][0] == pytest.approx(likelihoods.sum(), rel=1e-4)
    assert (score["words"][0], score["characters"][0]) == (len(numbers), len(TEXT))


def test_the_word_begun_is_a_prefix_and_a_text_is_complete_with_one(runner):
    begun = runner.answer("serving_default", text=["See you to"], count=[4])
    split = runner.answer("complete", text=["See you"], prefix=["to"], count=[4])
    for name in ("words", "probabilities"):
        assert begun[name].tolist() == split[name].tolist()
    assert begun["words"][0, 0].startswith(b"to")


def test_suggestions_are_the_best_of_the_logits(runner, described, whole):
    at = [one.decode() for one in whole["spellings"][0]].index("you")
    is_suggested = np.array(described["is_suggested"], bool)
    scores = np.where(is_suggested, whole["logits"][0, at + 1].astype(np.float64), -np.inf)
    best = np.argsort(-scores, kind="stable")[:3]
    answer = runner.answer("serving_default", text=["See you "], count=[3])
    assert [one.decode().lower() for one in answer["words"][0]] == [
        described["words"][one - 3] for one in best
    ]
    probabilities = np.exp(scores[best]) / np.exp(scores).sum()
    np.testing.assert_allclose(answer["probabilities"][0], probabilities, rtol=1e-4)


@pytest.mark.parametrize(
    ("signature", "wrong", "fault"),
    [
        ("serving_default", {"text": "a" * 20_001, "count": 3}, "text: expected at most 20000 bytes"),
        ("serving_default", {"text": "a", "count": 0}, "count: expected 1 to 100"),
        ("serving_default", {"text": "a", "count": 101}, "count: expected 1 to 100"),
        ("complete", {"text": "a", "prefix": "b c", "count": 3}, "prefix: expected one word begun"),
        ("score", {"text": "a" * 20_001}, "text: expected at most"),
    ],
)
def test_a_bad_row_has_its_error_and_leaves_its_neighbour_alone(runner, signature, wrong, fault):
    good = {"text": "See you ", "prefix": "", "count": 3}
    alone = asked(runner, signature, {name: [good[name]] for name in wrong})
    both = asked(runner, signature, {name: [good[name], value] for name, value in wrong.items()})
    assert both["error"][0] == b""
    assert both["error"][1].decode().startswith(fault)
    for name in alone.keys() - {"error"}:
        first = both[name][:1, : alone[name].shape[1]] if alone[name].ndim > 1 else both[name][:1]
        if first.dtype == object:
            assert first.tolist() == alone[name].tolist()
        else:
            np.testing.assert_allclose(first, alone[name], rtol=1e-4, atol=1e-5)


def asked(runner, signature, rows):
    """The answers of rows, of which some may be refused."""
    encoded = {
        name: np.array([one.encode() if isinstance(one, str) else one for one in values])
        for name, values in rows.items()
    }
    return runner.run(
        signature,
        **{
            name: values.astype(object if values.dtype.kind == "S" else np.int32)
            for name, values in encoded.items()
        },
    )
