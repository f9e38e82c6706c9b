"""Voices are drawn from the speakers of a part, in every accent; no speaker is in two parts."""

import numpy as np

from common.audio.voices import ACCENTS, VARIANTS, draw_voice

PARTS = ("train", "validation", "test")


def test_no_speaker_is_in_two_parts_or_twice_in_one():
    speakers = [speaker for part in PARTS for speaker in VARIANTS[part]]
    assert len(set(speakers)) == len(speakers) == 70


def test_all_speakers_of_the_part_and_only_they_are_drawn_in_every_accent():
    rng = np.random.default_rng(0)
    for part in PARTS:
        drawn = [draw_voice(part, rng) for _ in range(1_000)]
        assert {voice.variant for voice in drawn} == set(VARIANTS[part])
        assert {voice.language for voice in drawn} == set(ACCENTS)
        assert 110 < min(voice.words_per_minute for voice in drawn) < 130
        assert 210 < max(voice.words_per_minute for voice in drawn) < 230


def test_the_same_seed_draws_the_same_voices():
    one, other = (
        [draw_voice("test", rng) for _ in range(5)] for rng in (np.random.default_rng(4) for _ in range(2))
    )
    assert one == other
