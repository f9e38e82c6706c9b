"""The sample is of open sentences; no sentence and no speaker is in two parts, and every kind occurs in each."""

import calendar
import re
import wave
from collections import Counter
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from num2words import num2words

from applications.transcription import sample as samples
from applications.transcription.sample import Options, main, noises, utterance
from applications.transcription.sentences import KINDS, draw_sentence, part_of
from common.audio.voices import VARIANTS
from common.errors import FlagError

PARTS = ("train", "validation", "test")
SPOKEN = ("validation", "test")
DIGITS = [num2words(digit) for digit in range(10)]
MONTHS = [name.lower() for name in calendar.month_name[1:]]
DAYS = [num2words(day, to="ordinal").replace("-", " ") for day in range(1, 32)]


@pytest.fixture(scope="module")
def quick_parts():
    """The parts as they are, but for the sound: a moment of noise instead of speech; and what was to be spoken."""
    rng, spoken = np.random.default_rng(0), []
    background = [rng.standard_normal(20_000) for _ in range(2)]

    def synthesize(text, voice):
        spoken.append((text, voice.speaker))
        return rng.standard_normal(800).astype(np.float32)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "synthesize", synthesize)
        patch.setattr(samples, "noises", lambda part: background)
        parts = {part: samples.sample.__wrapped__(part) for part in PARTS}
    return parts, spoken


@pytest.fixture(scope="module")
def parts(quick_parts):
    return quick_parts[0]


@pytest.fixture(scope="module")
def sentences():
    """900 sentences by kind, from all parts."""
    rng = np.random.default_rng(1)
    drawn = {kind: [] for kind in KINDS}
    for number in range(900):
        kind, sentence = draw_sentence(PARTS[number % 3], rng)
        drawn[kind].append(sentence)
    return drawn


def test_no_two_parts_share_a_sentence(parts):
    for one, other in combinations(PARTS, 2):
        assert not set(parts[one].texts) & set(parts[other].texts)


def test_no_two_parts_share_a_speaker_in_whatever_accent(parts):
    variants = {part: {name.partition("+")[2] for name in parts[part].speakers} for part in PARTS}
    for one, other in combinations(PARTS, 2):
        assert not variants[one] & variants[other]
    for part in PARTS:
        assert variants[part] == set(VARIANTS[part])


def test_parts_are_large_and_hardly_ever_repeat_a_sentence(parts):
    assert {part: len(parts[part]) for part in PARTS} == {"train": 1_500, "validation": 150, "test": 300}
    for part in PARTS:
        assert len(set(parts[part].texts)) > 0.93 * len(parts[part])


def test_every_text_is_in_the_alphabet(parts):
    for part in PARTS:
        for text in parts[part].texts:
            assert re.fullmatch(r"[a-z']+( [a-z']+)*", text), text


def test_the_text_is_what_is_spoken_by_the_speaker_and_the_origin_names_part_number_and_sentence(quick_parts):
    parts, spoken = quick_parts
    assert spoken == [
        pair for part in PARTS for pair in zip(parts[part].texts, parts[part].speakers, strict=True)
    ]
    for part in PARTS:
        assert list(parts[part].origins) == [
            f"{part} utterance {number} ({text})" for number, text in enumerate(parts[part].texts)
        ]


def test_every_word_of_test_is_learnt_in_other_sentences(parts):
    vocabulary = {part: {word for text in parts[part].texts for word in text.split()} for part in PARTS}
    assert len(vocabulary["train"]) > 250
    assert len(vocabulary["test"] - vocabulary["train"]) <= 3
    assert {*DIGITS, *MONTHS, *(name.lower() for name in calendar.day_name)} <= vocabulary["train"]


@pytest.mark.parametrize("part", PARTS)
def test_every_kind_of_sentence_is_equally_frequent(part):
    rng = np.random.default_rng(2)
    drawn = [draw_sentence(part, rng) for _ in range(400)]
    counts = Counter(kind for kind, _ in drawn)
    assert set(counts) == set(KINDS)
    assert 25 < min(counts.values()) <= max(counts.values()) < 75
    assert {part_of(sentence) for _, sentence in drawn} == {part}


def test_sentences_fall_to_train_validation_and_test_as_7_to_1_to_2():
    counts = Counter(part_of(f"sentence {number}") for number in range(10_000))
    assert [counts[part] / 10_000 for part in PARTS] == pytest.approx([0.7, 0.1, 0.2], abs=0.02)


def test_digit_strings_are_three_to_eight_digits(sentences):
    strings = [re.sub("^(the code is|dial|my number is) ", "", sentence) for sentence in sentences["digits"]]
    assert {len(string.split()) for string in strings} == set(range(3, 9))
    assert {word for string in strings for word in string.split()} == set(DIGITS)


def test_dates_are_days_of_the_calendar(sentences):
    ordinals = "|".join(sorted(DAYS, key=len, reverse=True))
    months = "|".join(MONTHS)
    dates = []
    for sentence in sentences["date"]:
        european = re.search(rf"the ({ordinals}) of ({months})\b", sentence)
        american = re.search(rf"({months}) the ({ordinals})\b", sentence)
        day, month = european.groups() if european else reversed(american.groups())
        dates.append((DAYS.index(day) + 1, MONTHS.index(month) + 1))
    for day, month in dates:
        assert day <= calendar.monthrange(2024, month)[1]
    assert {month for _, month in dates} == set(range(1, 13))
    assert {day for day, _ in dates} >= {1, 13, 21, 30}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "time",
            r"half past \w+|a quarter (past|to) \w+|o'clock|\w+ (past|to) \w+|\w+ (ten|eleven|twelve|\w+teen|\w+ty)",
        ),
        (
            "number",
            r"hundred|thousand|\w+teen|\w+ty|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve",
        ),
        ("price", r"dollars|euros|pounds|cents|litres|kilos?|bags|boxes|bottles|jars|grams"),
        ("calendar", "|".join([*MONTHS, *(name.lower() for name in calendar.day_name)])),
        (
            "home",
            r"light|lamp|door|window|\w+er|heating|fan|radio|television|camera|alarm|blind|gate|skylight",
        ),
        ("request", r"timer|play|wake|stop|pause|weather|call|tell|list"),
    ],
)
def test_sentences_are_of_their_kind(sentences, kind, expected):
    for sentence in sentences[kind]:
        assert re.search(rf"\b({expected})\b", sentence), sentence


@pytest.fixture(scope="module")
def spoken():
    """The first utterances of two parts, as they are."""
    return {part: [utterance(part, number) for number in range(25)] for part in SPOKEN}


def test_utterances_last_from_half_a_second_to_eight_and_differ(spoken):
    made = [one for part in SPOKEN for one in spoken[part]]
    seconds = [len(one.waveform) / 16_000 for one in made]
    assert min(seconds) >= 0.5
    assert max(seconds) <= 8
    assert max(seconds) > 2 * min(seconds)
    for one in made:
        assert one.waveform.dtype == np.float32
        assert 0 < np.abs(one.waveform).max() <= 1
    assert len({one.waveform.tobytes() for one in made}) == len(made)


def test_an_utterance_is_quiet_for_a_tenth_of_a_second_before_and_after_the_sentence(spoken):
    for one in (made for part in SPOKEN for made in spoken[part]):
        power = np.square(one.waveform, dtype=np.float64)
        assert power[:1600].mean() < 0.7 * power.mean(), one.origin
        assert power[-1600:].mean() < 0.7 * power.mean(), one.origin


def test_longer_sentences_take_longer(spoken):
    made = [one for part in SPOKEN for one in spoken[part]]
    letters, durations = [len(one.text) for one in made], [len(one.waveform) for one in made]
    assert np.corrcoef(letters, durations)[0, 1] > 0.7


def test_an_utterance_is_the_same_each_time_it_is_made_and_in_whatever_order(spoken):
    noises.cache_clear()
    for number in (24, 0, 7):
        again = utterance("validation", number)
        np.testing.assert_array_equal(again.waveform, spoken["validation"][number].waveform)
        assert again[1:] == spoken["validation"][number][1:]


@pytest.mark.slow
def test_noises_are_five_kinds_of_eight_seconds_and_none_is_in_two_parts():
    made = {part: noises(part) for part in PARTS}
    assert {part: len(recordings) for part, recordings in made.items()} == {
        "train": 20,
        "validation": 5,
        "test": 10,
    }
    everything = [noise for recordings in made.values() for noise in recordings]
    assert {noise.shape for noise in everything} == {(128_000,)}
    assert len({noise.tobytes() for noise in everything}) == 35


def test_utterances_are_written_as_recordings_with_a_table_of_what_is_said(spoken, tmp_path, capsys):
    folder = tmp_path / "sentences"
    main(Options(folder, "validation", 4))
    assert capsys.readouterr().out == f"4 recordings written to {folder}\n"
    table = pd.read_csv(folder / "metadata.csv")
    assert list(table) == ["path", "text", "speaker"]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*table["path"], "metadata.csv"])
    for row, made in zip(table.itertuples(), spoken["validation"], strict=False):
        assert (row.text, row.speaker) == (made.text, made.speaker)
        with wave.open(str(folder / row.path)) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
            content = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
        np.testing.assert_allclose(content, made.waveform, atol=1 / 32768)


def test_no_recordings_cannot_be_asked_for(tmp_path):
    with pytest.raises(FlagError, match="--count"):
        Options(tmp_path, count=0)
