"""The SavedModel takes raw strings and gives translations, anywhere, the same alone or in a batch."""

import json
import sys

import numpy as np
import pytest
import tensorflow as tf

from applications.translation.export import data_name, export, load_run
from common.errors import UserError
from common.export.script import ExportOptions
from common.export.text_search import SearchOptions
from common.inference.runner import SavedModelRunner
from common.text.parallel import PairSource
from common.text.subwords import START

BEAM_WIDTH, LENGTH_PENALTY = 4, 1.0
END_MARK, UNREADABLE = b"</s>", "\ufffd".encode()
TEXTS = [
    "A dog runs in the park.",
    "Anna sings.",
    "",
    "My brother and a tall man and the girl wait by the sea and under a tree and at home.",
    "  你好 🙂 the dog\tSLEEPS ",
]
OUTPUTS = {
    "serving_default": {"translation": (None,), "score": (None,), "truncated": (None,)},
    "n_best": {
        "translations": (None, BEAM_WIDTH),
        "scores": (None, BEAM_WIDTH),
        "log_likelihoods": (None, BEAM_WIDTH),
        "truncated": (None,),
    },
    "align": {
        "translation": (None,),
        "source_tokens": (None, None),
        "target_tokens": (None, None),
        "attention": (None, None, None),
    },
    "score": {"log_likelihood": (None,), "tokens": (None,), "truncated": (None,)},
}


@pytest.fixture(scope="module")
def trained(finished_run):
    return load_run(finished_run)


@pytest.fixture(scope="module")
def aligned(runner):
    return runner.run("align", text=TEXTS)


def real(row):
    """The tokens of a row, without its padding."""
    return [token for token in row if token]


def test_the_signatures_are_named_for_what_they_take_and_give(runner):
    assert runner.signatures.keys() == OUTPUTS.keys()
    for name, signature in runner.signatures.items():
        asked = {"text", "translation"} if name == "score" else {"text"}
        assert {key: info.dtype for key, info in signature.inputs.items()} == dict.fromkeys(asked, "string")
        given = {key: info.shape for key, info in signature.outputs.items() if key != "error"}
        assert {key: len(shape) for key, shape in given.items()} == {
            key: len(shape) for key, shape in OUTPUTS[name].items()
        }
        assert {shape[0] for shape in given.values()} == {None}


def test_what_was_learnt_is_translated(runner):
    answers = runner.run(
        "serving_default", text=["A tall man sleeps under a tree.", "The girl is sitting on a bench."]
    )
    assert [text.decode("utf-8") for text in answers["translation"]] == [
        "Ein großer Mann schläft unter einem Baum.",
        "Das Mädchen sitzt auf einer Bank.",
    ]
    assert not answers["truncated"].any()


def test_the_score_of_a_translation_is_the_training_loss_of_the_trained_model(runner, trained):
    pairs = [("A dog runs.", "Ein Hund läuft."), ("Anna sings at home.", "Anna am Meer"), ("A dog runs.", "")]
    scored = runner.run("score", text=[text for text, _ in pairs], translation=[text for _, text in pairs])
    for row, (text, translation) in enumerate(pairs):
        source, labels = (trained.subwords(tf.constant([side])).numpy() for side in (text, translation))
        target = np.roll(labels, 1, axis=1)
        target[:, 0] = START
        nats = trained.model({"source": source, "target": target, "labels": labels}, training=False)
        assert scored["tokens"][row] == labels.shape[1]
        assert scored["log_likelihood"][row] == pytest.approx(-float(nats[0]) * labels.shape[1], rel=1e-4)


def test_the_beams_log_likelihoods_are_the_models_own_of_the_same_subwords(runner, trained, aligned):
    best = runner.run("n_best", text=TEXTS)
    scored = runner.run("score", text=TEXTS, translation=aligned["translation"])
    compared = 0
    for row, text in enumerate(TEXTS):
        written = real(aligned["target_tokens"][row])
        ids = trained.subwords(tf.constant([aligned["translation"][row]]))
        spelt = [token or END_MARK for token in trained.subwords.spelling(ids)[0].numpy()]
        if not text or written != spelt:
            continue
        compared += 1
        log_likelihood = best["log_likelihoods"][row, 0]
        assert log_likelihood == pytest.approx(scored["log_likelihood"][row], rel=1e-4)
        penalty = ((5 + len(written)) / 6) ** LENGTH_PENALTY
        assert best["scores"][row, 0] == pytest.approx(log_likelihood / penalty, rel=1e-4)
    assert compared >= 3


def test_the_n_best_come_in_order_and_begin_with_the_answer(runner):
    best, answers = (runner.run(name, text=TEXTS) for name in ("n_best", "serving_default"))
    assert (np.diff(best["scores"], axis=1) <= 0).all()
    assert best["translations"][:, 0].tolist() == answers["translation"].tolist()
    np.testing.assert_allclose(best["scores"][:, 0], answers["score"], atol=1e-5)
    exists = best["scores"] > np.finfo(np.float32).min
    assert exists.sum(axis=1).tolist() == [BEAM_WIDTH, BEAM_WIDTH, 1, BEAM_WIDTH, BEAM_WIDTH]
    assert (best["log_likelihoods"][exists] <= 0).all()


def test_tokens_join_to_the_texts_and_attention_is_shared_out_among_those_of_the_source(aligned):
    for row in range(len(TEXTS)):
        source, target = (real(aligned[side][row]) for side in ("source_tokens", "target_tokens"))
        translation = b"".join(token for token in target if token != END_MARK).decode("utf-8")
        assert translation.replace("▁", " ").strip() == aligned["translation"][row].decode("utf-8")
        assert source[-1] == END_MARK
        weights = aligned["attention"][row]
        np.testing.assert_allclose(weights[: len(target), : len(source)].sum(axis=1), 1, atol=1e-5)
        assert not weights[len(target) :].any()
        assert not weights[:, len(source) :].any()
    assert b"".join(real(aligned["source_tokens"][0])).decode() == "▁A▁dog▁runs▁in▁the▁park.</s>"
    assert UNREADABLE in aligned["source_tokens"][4], "characters that training never met are marked"


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u200b"])
def test_an_empty_text_has_an_empty_translation(runner, text):
    answers = runner.run("serving_default", text=[text, "A dog runs."])
    assert (answers["translation"][0], answers["score"][0], answers["truncated"][0]) == (b"", 0, False)
    assert runner.run("align", text=[text])["attention"].shape == (1, 0, 1)


def test_a_text_that_is_too_long_is_said_to_be_truncated(runner, trained):
    most = trained.run.config.max_tokens
    commonest = next(piece for piece in trained.subwords.subwords.pieces if len(piece) > 1)
    word = commonest.strip("▁")
    pieces = np.count_nonzero(trained.subwords(tf.constant([word]))) - 1
    texts = [" ".join([word] * count) for count in (most // pieces, most // pieces + 1, 500, 50_000)]
    assert runner.run("serving_default", text=texts)["truncated"].tolist() == [False, True, True, True]
    scored = runner.run("score", text=[texts[0], texts[1], texts[0]], translation=[texts[0], "", texts[2]])
    assert scored["truncated"].tolist() == [False, True, True]


def test_a_long_run_of_unreadable_characters_takes_the_place_of_one(runner):
    answers = runner.run("serving_default", text=["🙂" * 20_000 + " A dog runs.", "🙂 A dog runs."])
    assert answers["translation"][0] == answers["translation"][1]
    assert not answers["truncated"].any()


def test_no_output_holds_a_mark_of_the_machinery(runner):
    texts = ["⺀ 🙂", "<unk> <s> </s> ▁▁", "\x00\x1b[31m", "Zażółć gęślą jaźń", "\ufffd", "a" * 300]
    for translation in runner.run("n_best", text=texts)["translations"].ravel():
        shown = translation.decode("utf-8")
        assert not any(mark in shown for mark in ("<unk>", "</s>", "<s>", "▁", "⁇", "\ufffd"))
        assert shown == " ".join(shown.split())


def test_the_weights_are_stored_once(exported, trained):
    stored = tf.train.list_variables(str(exported / "variables" / "variables"))
    sizes = [np.prod(shape) for name, shape in stored if name != "_CHECKPOINTABLE_OBJECT_GRAPH"]
    assert sum(sizes) == sum(np.prod(weight.shape) for weight in trained.model.trainable_weights)


def test_the_languages_card_and_warm_up_travel_with_the_model(exported):
    extra = exported / "assets.extra"
    languages = json.loads((extra / "languages.json").read_text("utf-8"))
    assert languages == {"source": "pairs.en.gz", "target": "pairs.de.gz"}
    manifest = json.loads((extra / "manifest.json").read_text("utf-8"))
    assert manifest["training_examples"] > 100
    assert manifest["data"] == "pairs.en.gz to pairs.de.gz"
    assert manifest["vocabulary_sha256"]
    assert "/" not in json.dumps(manifest["configuration"])
    files = {"source": "pairs.en.gz", "target": "pairs.de.gz", "pairs": None}
    source = manifest["configuration"]["source"]
    assert {name: source[name] for name in files} == files
    assert "data" not in source, "no word of a sample that was not used"
    assert (extra / "README.md").read_text("utf-8").startswith("# translation")
    assert (extra / "tf_serving_warmup_requests").stat().st_size > 0


def test_greedy_search_where_a_gpu_is_seen_is_the_next_version_and_runs_everywhere(
    finished_run, tmp_path, monkeypatch
):
    (tmp_path / "translation" / "7").mkdir(parents=True)
    monkeypatch.setattr(sys.modules["keras.src.backend.tensorflow.rnn"], "_is_gpu_available", lambda: True)
    options = SearchOptions(
        ExportOptions(finished_run, tmp_path / "translation"), beam_width=1, length_penalty=0.0
    )
    version = export(options)
    assert version.name == "8"
    assert b"Cudnn" not in (version / "saved_model.pb").read_bytes()
    with SavedModelRunner(version) as greedy:
        answers = greedy.run("n_best", text=["A dog runs in the park."])
    assert answers["translations"].tolist() == [["Ein Hund läuft im Park.".encode()]]
    assert answers["scores"] == answers["log_likelihoods"]


def test_the_card_names_the_data_and_the_direction():
    assert data_name(PairSource()) == "sample: en to de"
    assert data_name(PairSource("/home/me/pairs.tsv", "2", "1")) == "pairs.tsv: 2 to 1"
    assert data_name(PairSource("para_crawl/ende")) == "para_crawl/ende: en to de"
    assert data_name(PairSource(source="a/train.fr", target="a/train.en.gz")) == "train.fr to train.en.gz"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [({"beam_width": 0}, "--beam-width 0"), ({"length_penalty": -1.0}, "--length-penalty -1.0")],
)
def test_a_search_that_cannot_be_is_refused(tmp_path, flags, expected):
    with pytest.raises(UserError, match=expected):
        SearchOptions(ExportOptions(tmp_path), **flags)
