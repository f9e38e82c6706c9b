"""The figure that chose the epoch is that of the validation text read as one stream."""

import json
import math

import pytest


def nats_of(folder):
    return json.loads((folder / "outcome.json").read_text("utf-8"))["validation_nats_per_character"]


def test_the_nats_are_those_of_the_validation_text_read_as_one_stream(finished_run, play, reference):
    text = play.read_text("utf-8")
    held_out = text[round(0.9 * len(text)) : round(0.95 * len(text))]
    nats = nats_of(finished_run)
    assert nats == pytest.approx(-reference(held_out).mean(), abs=1e-4)
    assert nats < 0.8 * math.log(45), "it has learnt more than how many characters there are"
