"""Users' own pairs become batches for teacher forcing, and nothing that would train wrongly gets into them."""

from dataclasses import replace

import numpy as np
import pytest

from applications.translation.config import Config
from applications.translation.data import (
    encode,
    encode_within,
    evaluation_examples,
    redrawn,
    subword_text,
    token_batches,
    training_examples,
    validation_batches,
)
from common.errors import UserError
from common.text.parallel import Pairs, PairSource
from common.text.subwords import END, PADDING, START, UNKNOWN, learn_subwords

pytestmark = pytest.mark.slow

SOURCES = [f"The {number} old houses of the town." for number in range(60)] + ["Houses of " * 40, "Old"]
TARGETS = [f"Die {number} alten Häuser der Stadt." for number in range(60)] + ["Häuser der Stadt", "Alt"]
PAIRS = Pairs("towns", SOURCES, TARGETS, [f"line {number + 1}" for number in range(62)])


@pytest.fixture(scope="module")
def subwords():
    return learn_subwords(SOURCES + TARGETS, 90)


@pytest.fixture(scope="module")
def text(subwords):
    return subword_text(subwords, 500)


@pytest.fixture(scope="module")
def encoded(text):
    return encode(PAIRS, text, text)


def written(text, row):
    return text.detokenize(np.array([row])).numpy()[0].decode("utf-8")


def contents(dataset):
    return [
        (fed["source"].tolist(), fed["target"].tolist(), labels.tolist())
        for fed, labels in dataset.as_numpy_iterator()
    ]


def test_the_sample_needs_no_file_and_keeps_its_parts_apart():
    train, validation = training_examples(Config(source=PairSource(pairs=50)))
    test = evaluation_examples(PairSource())
    assert (len(train), len(validation), len(test)) == (50, 1_000, 2_000)
    assert not set(test.sources) & {*train.sources, *validation.sources}


def test_ones_own_files_are_trained_and_measured_on(tmp_path):
    for name, lines in (("a.en", SOURCES), ("a.de", TARGETS)):
        (tmp_path / name).write_text("\n".join(lines), "utf-8")
    source = PairSource(source=str(tmp_path / "a.en"), target=str(tmp_path / "a.de"))
    train, validation = training_examples(replace(Config(source=source), validation_fraction=0.2))
    assert len(train) + len(validation) == len(evaluation_examples(source)) == 62


def test_each_pair_keeps_its_own_texts_however_long(encoded, text):
    for index in (0, 17, 60, 61):
        assert written(text, encoded.sources[index]) == SOURCES[index].strip()
        assert written(text, encoded.targets[index]) == TARGETS[index]
        assert encoded.lengths[index] == max(len(encoded.sources[index]), len(encoded.targets[index]))
        for side in (encoded.sources[index], encoded.targets[index]):
            assert list(side).index(END) == len(side) - 1


def test_no_target_teaches_the_unknown(text):
    pairs = Pairs("p", ["Old 漢 town"], ["Alte 漢 Stadt"], ["line 1"])
    ids = encode(pairs, text, text)
    assert UNKNOWN in ids.sources[0]
    assert UNKNOWN not in ids.targets[0]
    assert written(text, ids.targets[0]) == "Alte Stadt"


def test_pairs_too_long_on_either_side_are_left_out_and_counted_and_the_rest_is_whole(subwords, encoded):
    most = int(encoded.lengths[:60].max()) - 1
    kept, ids = encode_within(PAIRS, subwords, subwords, most)
    assert len(kept) == len(ids) == 61
    assert kept.left_out == {f"longer than {most} subwords": 1}
    assert SOURCES[60] not in kept.sources
    for row, source in zip(ids.sources, kept.sources, strict=True):
        np.testing.assert_array_equal(row, encoded.sources[SOURCES.index(source)])
    turned = replace(PAIRS, sources=TARGETS, targets=SOURCES)
    assert encode_within(turned, subwords, subwords, most)[0].left_out == kept.left_out
    with pytest.raises(UserError, match=r"towns: no pair can be used \(62 longer than 1 subwords\)"):
        encode_within(PAIRS, subwords, subwords, 1)


def test_every_epoch_shows_each_pair_once_and_the_decoder_is_fed_what_came_before(encoded):
    dataset, steps = token_batches(encoded, 150, epochs=range(2), seed=3)
    batches = contents(dataset)
    assert len(batches) == 2 * steps
    for epoch in (batches[:steps], batches[steps:]):
        shown = []
        for source, target, labels in epoch:
            assert all(len(rows) * len(rows[0]) <= 150 for rows in (source, target)) or len(source) == 1
            for from_ids, fed, ids in zip(source, target, labels, strict=True):
                length = ids.index(END) + 1
                assert fed[:length] == [START, *ids[: length - 1]]
                assert set(fed[length:]) | set(ids[length:]) <= {PADDING}
                shown.append((tuple(np.trim_zeros(from_ids)), tuple(ids[:length])))
        expected = [(tuple(a), tuple(b)) for a, b in zip(encoded.sources, encoded.targets, strict=True)]
        assert sorted(shown) == sorted(expected)


def test_resuming_at_an_epoch_gives_what_an_uninterrupted_run_would_have_seen(encoded, subwords):
    redraw = redrawn(PAIRS, subwords, subwords, 500, 0.3, seed=5)
    for options in ({}, {"redraw": redraw}):
        dataset, steps = token_batches(encoded, 300, epochs=range(3), seed=1, **options)
        whole = contents(dataset)
        resumed, _ = token_batches(encoded, 300, epochs=range(1, 3), seed=1, **options)
        assert whole[steps:] == contents(resumed)
        assert whole[:steps] != whole[steps : 2 * steps]


def test_drawn_segmentations_differ_between_epochs_and_sides_and_spell_the_same_texts(
    subwords, encoded, text
):
    same = replace(PAIRS, targets=SOURCES)
    redraw = redrawn(same, subwords, subwords, int(encoded.lengths.max()), 0.01, seed=5)
    first, second = redraw(0), redraw(1)
    others = [
        sum(list(a) != list(b) for a, b in zip(left, right, strict=True))
        for left, right in (
            (first.sources, second.sources),
            (first.sources, first.targets),
            (first.targets, second.sources),
        )
    ]
    assert min(others) > 55
    roomy = subword_text(subwords, 5000)
    for drawn in (first, second):
        assert [written(roomy, row) for row in drawn.sources] == [source.strip() for source in SOURCES]
        assert [written(roomy, row) for row in drawn.targets] == [source.strip() for source in SOURCES]


def test_validation_shows_every_pair_once_and_tells_which(encoded):
    dataset, order = validation_batches(encoded, 200)
    assert sorted(order) == list(range(62))
    rows = [row for fed, _ in dataset.as_numpy_iterator() for row in fed["source"]]
    for index, row in zip(order, rows, strict=True):
        np.testing.assert_array_equal(np.trim_zeros(row), encoded.sources[index])
    assert dataset.cardinality().numpy() == len(list(dataset))
