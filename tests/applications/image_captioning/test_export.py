"""The SavedModel takes the bytes of images and gives captions, anywhere, the same alone or in a batch."""

import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from applications.image_captioning.config import IMAGE, LABELS, TARGET
from applications.image_captioning.export import export, load_run
from common.errors import UserError
from common.export.script import ExportOptions
from common.export.text_search import SearchOptions
from common.inference.runner import SavedModelRunner
from common.text.caption_words import caption_tokens
from common.text.subwords import END, START

BEAM_WIDTH, LENGTH_PENALTY, GRID = 3, 0.7, 8
OUTPUTS = {
    "serving_default": {"caption": 1, "score": 1, "error": 1},
    "n_best": {"captions": 2, "scores": 2, "log_likelihoods": 2, "error": 1},
    "attend": {"caption": 1, "tokens": 2, "attention": 4, "error": 1},
    "embed": {"vector": 2, "error": 1},
}


@pytest.fixture(scope="module")
def trained(finished_run):
    return load_run(finished_run)


@pytest.fixture(scope="module")
def images(draw, encoded):
    """Files of different formats and sizes."""
    return [
        encoded(draw("red", "plain")),
        encoded(draw("blue", "striped", 9, (90, 70)), "JPEG", quality=95),
        encoded(draw("yellow", "plain", 10, (33, 120)), "GIF"),
        encoded(draw("green", "striped", 11, (1, 1)), "BMP"),
        encoded(np.random.default_rng(0).integers(0, 256, (50, 50, 3)).astype(np.uint8)),
    ]


def real(row):
    """The tokens of a row, without its padding."""
    return [token.decode() for token in row if token]


def test_the_signatures_are_named_for_what_they_take_and_give(runner):
    assert runner.signatures.keys() == OUTPUTS.keys()
    for name, signature in runner.signatures.items():
        assert {key: (info.dtype, info.shape) for key, info in signature.inputs.items()} == {
            "image_bytes": ("string", (None,))
        }
        assert {key: len(info.shape) for key, info in signature.outputs.items()} == OUTPUTS[name]
        assert {info.shape[0] for info in signature.outputs.values()} == {None}


def test_what_was_learnt_is_told(runner, draw, encoded):
    kinds = [(colour, pattern) for colour in ("red", "green", "blue") for pattern in ("plain", "striped")]
    files = [encoded(draw(*kind, variant=20, size=(60, 60))) for kind in kinds]
    captions = [
        caption_tokens(text.decode()) for text in runner.run("serving_default", image_bytes=files)["caption"]
    ]
    told = sum(set(kind) <= set(words) for kind, words in zip(kinds, captions, strict=True))
    assert told >= 5, captions


def test_the_best_captions_log_likelihood_is_the_trained_models_own(runner, trained, images):
    best = runner.run("n_best", image_bytes=images[:1])
    caption = best["captions"][0, 0].decode()
    (labels,) = trained.vocabulary.encode([caption])
    fed = np.array([START, *labels[:-1]], np.int32)
    size = trained.run.config.size
    pixels = tf.image.resize(tf.io.decode_png(images[0]), (size, size), antialias=True)
    inputs = {IMAGE: np.round(pixels)[None] / 255, TARGET: fed[None, None], LABELS: labels[None, None]}
    nats = float(trained.model(inputs, training=False)[0])
    log_likelihood = -nats * len(labels)
    assert labels[-1] == END
    assert best["log_likelihoods"][0, 0] == pytest.approx(log_likelihood, rel=1e-3, abs=1e-3)
    penalty = ((5 + len(labels)) / 6) ** LENGTH_PENALTY
    assert best["scores"][0, 0] == pytest.approx(log_likelihood / penalty, rel=1e-3, abs=1e-3)


def test_the_n_best_come_in_order_and_begin_with_the_answer(runner, images):
    best, answers = (runner.run(name, image_bytes=images) for name in ("n_best", "serving_default"))
    assert best["captions"].shape == (len(images), BEAM_WIDTH)
    assert (np.diff(best["scores"], axis=1) <= 0).all()
    assert best["captions"][:, 0].tolist() == answers["caption"].tolist()
    np.testing.assert_allclose(best["scores"][:, 0], answers["score"], atol=1e-5)
    assert (best["log_likelihoods"] <= 0).all()


def test_each_word_has_a_map_of_where_the_decoder_looked(runner, images):
    found = runner.run("attend", image_bytes=images)
    for row in range(len(images)):
        tokens = real(found["tokens"][row])
        assert [token for token in tokens if token != "</s>"] == caption_tokens(
            found["caption"][row].decode()
        )
        maps = found["attention"][row]
        assert maps.shape[1:] == (GRID, GRID)
        np.testing.assert_allclose(maps[: len(tokens)].sum((1, 2)), 1, atol=1e-5)
        assert not maps[len(tokens) :].any()


def test_the_vector_of_an_image_is_the_mean_of_what_the_encoder_sees(runner, trained, images):
    size = trained.run.config.size
    pixels = tf.round(tf.image.resize(tf.io.decode_png(images[0]), (size, size), antialias=True))
    grid = trained.encoder(pixels[None] / 255, training=False)
    vector = runner.run("embed", image_bytes=images[:1])["vector"]
    np.testing.assert_allclose(vector, np.mean(grid, axis=1), atol=1e-4)


def test_no_caption_says_the_same_three_words_twice_or_a_mark_of_the_machinery(runner, encoded):
    rng = np.random.default_rng(1)
    noise = [encoded(rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)) for _ in range(8)]
    for caption in runner.run("n_best", image_bytes=noise)["captions"].ravel():
        words = caption_tokens(caption.decode())
        runs = list(zip(words, words[1:], words[2:], strict=False))
        assert len(set(runs)) == len(runs)
        assert len(words) <= 12
        assert caption.decode() == " ".join(caption.decode().split())
        assert "<" not in caption.decode()


BAD = [
    b"",
    b"a text",
    b"\xff\xd8\xff\xe0 no more of it",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xd9",
    b"GIF89a",
    b"BM",
]


@pytest.mark.parametrize("signature", sorted(OUTPUTS))
@given(places=st.lists(st.integers(0, 11), min_size=1, max_size=6))
@settings(max_examples=8, deadline=None)
def test_an_image_has_its_answer_beside_what_is_none(runner, images, signature, places):
    contents = [(images + BAD)[place] for place in places]
    together = runner.run(signature, image_bytes=contents)
    for row, content in enumerate(contents):
        alone = runner.run(signature, image_bytes=[content])
        assert together["error"][row] == alone["error"][0]
        assert bool(alone["error"][0]) == (content in BAD)
        assert b"\n" not in alone["error"][0]
        for name in alone.keys() - {"error"}:
            if content in BAD:
                assert not together[name][row : row + 1].any()
            else:
                in_batch = together[name][row : row + 1]
                padded = np.full_like(in_batch, b"" if in_batch.dtype == object else 0)
                padded[tuple(slice(size) for size in alone[name].shape)] = alone[name]
                if in_batch.dtype == np.float32:
                    np.testing.assert_allclose(in_batch, padded, atol=1e-4)
                else:
                    np.testing.assert_array_equal(in_batch, padded)


def test_the_weights_are_stored_once(exported, trained):
    stored = tf.train.list_variables(str(exported / "variables" / "variables"))
    sizes = [np.prod(shape) for name, shape in stored if name != "_CHECKPOINTABLE_OBJECT_GRAPH"]
    assert sum(sizes) == sum(np.prod(weight.shape) for weight in trained.model.weights)


def test_the_description_card_and_warm_up_travel_with_the_model(exported):
    extra = exported / "assets.extra"
    assert json.loads((extra / "model.json").read_text("utf-8")) == {"size": 32, "grid": GRID}
    manifest = json.loads((extra / "manifest.json").read_text("utf-8"))
    assert 40 < manifest["training_examples"] < 64
    assert manifest["data"] == "pictures"
    assert "/" not in json.dumps(manifest["configuration"])
    assert "data" not in manifest["configuration"]["source"], "no word of a sample that was not used"
    card = (extra / "README.md").read_text("utf-8")
    assert card.startswith("# image_captioning")
    assert "unless someone has checked them" in card
    assert (extra / "tf_serving_warmup_requests").stat().st_size > 0


def test_greedy_search_is_the_next_version(finished_run, tmp_path, images):
    (tmp_path / "image_captioning" / "7").mkdir(parents=True)
    options = SearchOptions(
        ExportOptions(finished_run, tmp_path / "image_captioning"), beam_width=1, length_penalty=0.0
    )
    version = export(options)
    assert version.name == "8"
    with SavedModelRunner(version) as greedy:
        answers = greedy.run("n_best", image_bytes=images[:1])
    assert answers["captions"].shape == (1, 1)
    assert answers["scores"] == answers["log_likelihoods"]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [({"beam_width": 0}, "--beam-width 0"), ({"length_penalty": -1.0}, "--length-penalty -1.0")],
)
def test_a_search_that_cannot_be_is_refused(tmp_path, flags, expected):
    with pytest.raises(UserError, match=expected):
        SearchOptions(ExportOptions(tmp_path), **flags)
