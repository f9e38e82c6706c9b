"""Batches hold each image once an epoch with its own captions, say what was said of it, and come again after a stop."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from applications.image_captioning.config import PRESETS
from applications.image_captioning.data import (
    caption_batches,
    caption_validation,
    content_words,
    encode,
    evaluation_examples,
    pretraining_batches,
    pretraining_validation,
    training_examples,
    with_grids,
    word_shares,
)
from common.errors import UserError
from common.images.captioned import CaptionedImages
from common.text.subwords import END, START, UNKNOWN
from common.text.word_vocabulary import WordVocabulary

TINY = replace(PRESETS["tiny"], smallest_crop=1.0, jitter=0.0, crop=16)
CAPTIONS = [
    ("A dog runs.", "The dog."),
    ("A cat on the left of a dog.", "A cat.", "The cat sits, and a cat it is."),
    ("A bird flies over a long and winding road.",),
    ("A dog.", "A dog!", "Dogs.", "A dog runs.", "The dog runs.", "A dog?", "One dog."),
    ("The bird.", "A zebra."),
]


@pytest.fixture(scope="module")
def examples():
    """Images of one grey value each, so that a batch tells which of them it holds."""
    images = np.stack([np.full((8, 8, 3), 40 * (row + 1), np.uint8) for row in range(len(CAPTIONS))])
    return CaptionedImages("five", images, CAPTIONS, [f"{row}.png" for row in range(len(CAPTIONS))])


@pytest.fixture(scope="module")
def vocabulary():
    return WordVocabulary.choose([text for texts in CAPTIONS for text in texts if "zebra" not in text])


@pytest.fixture(scope="module")
def encoded(examples, vocabulary):
    return encode(examples, vocabulary, max_words=5)


def config_of(batch_size=2, **fields):
    return replace(TINY, training=replace(TINY.training, batch_size=batch_size), **fields)


def rows_of(images):
    """Which of the images a batch holds, by their grey."""
    return np.round(np.asarray(images).mean(axis=(1, 2, 3)) * 255 / 40).astype(int) - 1


def texts_of(vocabulary, ids):
    return [text.decode() for text in vocabulary.detokenize(np.asarray(ids)).numpy()]


def test_captions_end_with_the_end_and_long_ones_lose_theirs(encoded, vocabulary):
    assert [len(captions) for captions in encoded.captions] == [len(texts) for texts in CAPTIONS]
    for captions in encoded.captions:
        assert all(ids[-1] == END and END not in ids[:-1] and len(ids) <= 6 for ids in captions)
    (flight,) = encoded.captions[2]
    assert texts_of(vocabulary, flight[None]) == ["a bird flies over a"]
    assert UNKNOWN in encoded.captions[4][1]


def test_what_is_said_of_left_and_right_is_not_mirrored(encoded):
    assert encoded.mirrors.tolist() == [True, False, True, True, True]


def test_images_are_shown_mirrored_where_that_is_true_and_asked_for(encoded):
    sided = encoded.images.copy()
    sided[:, :, 4:] += 4
    sided_encoded = replace(encoded, images=sided)
    for mirror, expected in ((True, {0, 2, 3, 4}), (False, set())):
        config = config_of(smallest_crop=1.0, jitter=0.0, mirror=mirror)
        shown = set()
        for fed, _ in caption_batches(sided_encoded, config, range(12))[0]:
            images = fed["image"].numpy()
            is_mirrored = images[:, :, 0].mean((1, 2)) > images[:, :, -1].mean((1, 2))
            shown |= set(rows_of(images)[is_mirrored].tolist())
        assert shown == expected


def test_an_epoch_holds_each_image_once_with_captions_of_its_own(encoded, vocabulary):
    config = config_of(captions_per_image=3)
    dataset, steps = caption_batches(encoded, config, range(1))
    batches = list(dataset)
    assert len(batches) == steps == 3
    assert sorted(row for fed, _ in batches for row in rows_of(fed["image"])) == list(range(5))
    for fed, labels in batches:
        np.testing.assert_array_equal(fed["labels"], labels)
        assert fed["image"].shape[1:] == (16, 16, 3)
        for row, target, own in zip(
            rows_of(fed["image"]), fed["target"].numpy(), labels.numpy(), strict=True
        ):
            known = [tuple(ids) for ids in encoded.captions[row]]
            said = [tuple(ids[ids > 0]) for ids in own]
            count = min(len(known), 3)
            assert len(said) == 3
            assert all(ids in known for ids in said[:count])
            assert said[count:] == [()] * (3 - count)
            for fed_ids, ids in zip(target, own, strict=True):
                length = np.count_nonzero(ids)
                expected = [START, *ids[: length - 1]] if length else []
                assert fed_ids[:length].tolist() == expected
                assert not fed_ids[length:].any()


def test_more_captions_than_a_step_reads_take_turns(encoded):
    seen = set()
    for fed, labels in caption_batches(encoded, config_of(captions_per_image=1), range(30))[0]:
        for row, ids in zip(rows_of(fed["image"]), labels.numpy(), strict=True):
            seen.add((row, tuple(ids[0][ids[0] > 0])))
    assert seen == {(row, tuple(ids)) for row, captions in enumerate(encoded.captions) for ids in captions}


def test_an_epoch_is_the_same_however_it_is_reached(encoded):
    config = config_of(smallest_crop=0.5, jitter=0.3)
    for batches in (
        lambda epochs: caption_batches(encoded, config, epochs)[0],
        lambda epochs: pretraining_batches(encoded, np.eye(5, dtype=np.float32), config, epochs)[0],
    ):
        straight, resumed = list(batches(range(3))), list(batches(range(2, 3)))
        keras.tree.map_structure(np.testing.assert_array_equal, straight[-len(resumed) :], resumed)


def test_the_order_of_the_images_changes_from_epoch_to_epoch(encoded):
    dataset, steps = caption_batches(encoded, config_of(), range(4))
    rows = [rows_of(fed["image"]).tolist() for fed, _ in dataset]
    orders = {str(rows[first : first + steps]) for first in range(0, 4 * steps, steps)}
    assert len(orders) == 4


def test_validation_is_every_image_with_all_its_captions_in_order(encoded, vocabulary):
    batches = list(caption_validation(encoded, config_of()))
    assert [row for fed, _ in batches for row in rows_of(fed["image"])] == list(range(5))
    counts = [int((ids > 0).any(1).sum()) for _, labels in batches for ids in labels.numpy()]
    assert counts == [len(texts) for texts in CAPTIONS]


def test_words_to_predict_are_common_but_not_everywhere(examples):
    words = content_words(examples, 5)
    assert words[:3] == ["and", "bird", "runs"], "they are said of two images each"
    assert not {"a", "the", "dog"} & set(words), "they are said of more than half of the images"
    assert len(words) == 5


def test_a_words_share_is_that_of_the_captions_that_hold_it(examples):
    shares = word_shares(examples, ["dog", "cat", "runs"])
    np.testing.assert_allclose(
        shares, [[1, 0, 1 / 2], [1 / 3, 1, 0], [0, 0, 0], [6 / 7, 0, 2 / 7], [0, 0, 0]], atol=1e-6
    )


def test_blended_images_have_blended_words(encoded):
    shares = np.eye(5, dtype=np.float32)
    config = config_of(pretraining_batch_size=5, pretraining_mixup=0.4)
    dataset, _ = pretraining_batches(encoded, shares, config, range(4))
    for images, wanted in dataset:
        grey = 40 * (np.arange(5) + 1) / 255
        np.testing.assert_allclose(np.asarray(wanted).sum(1), 1, atol=1e-5)
        np.testing.assert_allclose(np.mean(images, axis=(1, 2, 3)), np.asarray(wanted) @ grey, atol=1e-3)


def test_pretraining_is_validated_on_whole_images(encoded):
    images, wanted = next(iter(pretraining_validation(encoded, np.eye(5, dtype=np.float32), config_of())))
    assert rows_of(images).tolist() == np.argmax(wanted, axis=1).tolist() == list(range(len(images)))


def test_grids_take_the_place_of_images(encoded):
    image = keras.Input((None, None, 3))
    grid = keras.layers.Reshape((-1, 3))(keras.layers.AveragePooling2D(4)(image))
    seen = with_grids(encoded, keras.Model(image, grid))
    assert seen.images.shape == (5, 4, 3)
    assert seen.images.dtype == np.float16
    np.testing.assert_allclose(seen.images.mean((1, 2)) * 255, 40 * (np.arange(5) + 1), rtol=1e-3)
    fed, _ = next(iter(caption_batches(seen, config_of(), range(1))[0]))
    assert fed["image"].dtype == np.float32
    assert fed["image"].shape[1:] == (4, 3)


def test_the_sample_is_the_default(monkeypatch):
    def few(part, size):
        images = np.zeros((4, size, size, 3), np.uint8)
        return CaptionedImages(f"sample ({part})", images, [("a dog",)] * 4, list("abcd"))

    monkeypatch.setattr("applications.image_captioning.data.sample", few)
    training, validation = training_examples(TINY)
    assert (training.name, validation.name) == ("sample (train)", "sample (validation)")
    assert evaluation_examples(TINY.source, 16).name == "sample (test)"
    assert evaluation_examples(TINY.source, 16).images.shape == (4, 16, 16, 3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": 8}, "--size 8: expected at least 16"),
        ({"dropout": 1.5}, "--dropout 1.5"),
        ({"units": 0}, "--units 0"),
        ({"pretraining_epochs": -1}, "--pretraining-epochs -1"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        replace(PRESETS["tiny"], **wrong)
