"""The SavedModel writes and scores text from raw strings, the same alone or in a batch, at once or in pieces."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from applications.text_generation.predict import MAX_CHARACTERS, MAX_LENGTH
from common.inference.runner import SavedModelError

PREFIXES = ["ANNA:\n", "", "Ω § unknown ones", "你好 👍 Zo", "B" * 70]
CONTROLS = {
    "length": [20, 33, 0, 7, 41],
    "temperature": [0.0, 1.3, 1.0, 0.7, 1.0],
    "top_k": [0, 0, 0, 5, 1],
    "top_p": [1.0, 1.0, 0.5, 0.9, 0.95],
    "seed": [1, 2**31 - 1, 0, -(2**31), 7],
}
GREEDY = {"temperature": 0.0, "top_k": 0, "top_p": 1.0, "seed": 0}


@pytest.fixture(scope="module")
def vocabulary(exported):
    return json.loads((exported / "assets.extra" / "characters.json").read_text("utf-8"))["characters"]


def rows_of(values, rows):
    return {name: [value[row] for row in rows] for name, value in values.items()}


def texts(outputs):
    return [text.decode("utf-8") for text in outputs["text"]]


def carried(outputs):
    return {name: outputs[name] for name in ("token", "states")}


def test_the_signatures_are_named_for_what_they_take_and_give(runner, vocabulary):
    described = {
        name: (
            {key: info.dtype for key, info in one.inputs.items()},
            {key: info.shape for key, info in one.outputs.items() if key != "error"},
        )
        for name, one in runner.signatures.items()
    }
    states, logits = (None, 4, 16), (None, len(vocabulary) + 1)
    controls = {
        "length": "int32",
        "temperature": "float32",
        "top_k": "int32",
        "top_p": "float32",
        "seed": "int32",
    }
    place = {"token": "int32", "states": "float32"}
    place_after = {"token": (None,), "states": states}
    scores = {
        "log_likelihood": (None,),
        "character_log_likelihoods": (None, None),
        "characters": (None,),
    }
    assert described == {
        "serving_default": ({"prefix": "string", **controls}, {"text": (None,)}),
        "score": ({"text": "string"}, scores),
        "prime": ({"prefix": "string"}, place_after),
        "step": (place, {"logits": logits, "states": states}),
        "follow": ({**place, "text": "string"}, {**scores, **place_after}),
        "extend": ({**place, "position": "int32", **controls}, {"text": (None,), **place_after}),
    }


def test_greedy_prime_and_step_equal_generate_character_by_character(runner, vocabulary):
    length, rows = 50, len(PREFIXES)
    greedy = {name: [value] * rows for name, value in GREEDY.items()}
    whole = texts(runner.run("serving_default", prefix=PREFIXES, length=[length] * rows, **greedy))
    place, written = runner.answer("prime", prefix=PREFIXES), [""] * rows
    for _ in range(length):
        after = runner.run("step", **place)
        chosen = after["logits"].argmax(axis=1).astype(np.int32)
        written = [text + vocabulary[number - 1] for text, number in zip(written, chosen, strict=True)]
        place = {"token": chosen, "states": after["states"]}
    assert whole == [prefix + text for prefix, text in zip(PREFIXES, written, strict=True)]


@pytest.mark.parametrize("piece", [1, 6, 40])
def test_sampled_pieces_together_are_the_whole(runner, piece):
    whole = texts(runner.run("serving_default", prefix=PREFIXES, **CONTROLS))
    place, written = runner.answer("prime", prefix=PREFIXES), PREFIXES
    fixed = {name: value for name, value in CONTROLS.items() if name != "length"}
    for position in range(0, max(CONTROLS["length"]), piece):
        left = [min(max(length - position, 0), piece) for length in CONTROLS["length"]]
        rows = len(left)
        outputs = runner.run("extend", **place, position=[position] * rows, length=left, **fixed)
        place, written = carried(outputs), [a + b for a, b in zip(written, texts(outputs), strict=True)]
    assert written == whole
    assert [len(text) - len(prefix) for text, prefix in zip(whole, PREFIXES, strict=True)] == CONTROLS[
        "length"
    ]


def test_a_text_is_the_same_alone_and_in_any_batch(runner):
    together = texts(runner.run("serving_default", prefix=PREFIXES, **CONTROLS))
    for rows in ([0], [1], [2], [3], [4], [4, 1], [3, 0, 3]):
        controls = rows_of(CONTROLS, rows)
        outputs = runner.run("serving_default", prefix=[PREFIXES[row] for row in rows], **controls)
        assert texts(outputs) == [together[row] for row in rows]


def test_a_seed_gives_the_same_text_again_and_another_seed_another(runner):
    controls = {"length": [40] * 20, "temperature": [1.0] * 20, "top_k": [0] * 20, "top_p": [1.0] * 20}
    once, again = (
        texts(runner.run("serving_default", prefix=["ANNA"] * 20, **controls, seed=list(range(20))))
        for _ in range(2)
    )
    assert once == again
    assert len(set(once)) == 20


@pytest.mark.parametrize("text", ["", "A", "ANNA:\nSpeak,\tspeak", "§ Ω unknown ones", "Zoë 你好 👍" * 9])
def test_the_score_is_the_log_likelihood_by_the_equations(runner, reference, text):
    (batch,) = (runner.run("score", text=["other", text, PREFIXES[4]]),)
    count = len(text)
    np.testing.assert_allclose(batch["character_log_likelihoods"][1, :count], reference(text), atol=2e-5)
    assert not batch["character_log_likelihoods"][1, count:].any()
    assert batch["log_likelihood"][1] == pytest.approx(reference(text).sum(), rel=1e-5, abs=1e-6)
    assert batch["characters"][1] == count


def test_the_logits_of_a_step_are_those_that_the_score_is_made_of(runner, reference, vocabulary):
    text = "ANNA:\nThe sea is"
    logits = runner.run("step", **runner.answer("prime", prefix=[text]))["logits"][0]
    assert logits[0] < -1e8, "the unknown mark cannot be chosen"
    known = logits[1:].astype(float)
    scored = np.array([reference(text + character)[-1] for character in vocabulary])
    np.testing.assert_allclose(known - known[0], scored - scored[0], atol=1e-4)


@settings(max_examples=25)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30), min_size=1, max_size=4))
def test_a_text_followed_in_pieces_has_the_score_of_the_whole(runner, pieces):
    whole = runner.run("score", text=["".join(pieces)])
    place, found = runner.answer("prime", prefix=[""]), []
    for piece in pieces:
        outputs = runner.run("follow", **place, text=[piece])
        assert outputs["characters"][0] == len(piece)
        place = carried(outputs)
        found.extend(outputs["character_log_likelihoods"][0])
    np.testing.assert_allclose(found, whole["character_log_likelihoods"][0], atol=1e-5)
    primed = runner.answer("prime", prefix=["".join(pieces)])
    assert place["token"] == primed["token"]
    np.testing.assert_allclose(place["states"], primed["states"], atol=1e-5)


def test_unknown_characters_are_never_written(runner, vocabulary):
    # So hot that every character is as probable as any other.
    hot = {
        "length": [2000, 2000],
        "temperature": [1e30, 1e6],
        "top_k": [0, 0],
        "top_p": [1.0, 1.0],
        "seed": [3, 4],
    }
    for text in texts(runner.run("serving_default", prefix=["", ""], **hot)):
        assert set(text) == set(vocabulary)
    assert "§" not in vocabulary


@pytest.mark.parametrize(
    ("control", "value", "message"),
    [
        ("length", -1, f"length: expected 0 to {MAX_LENGTH}"),
        ("length", MAX_LENGTH + 1, f"length: expected 0 to {MAX_LENGTH}"),
        ("temperature", -0.1, "temperature: expected a number, 0 or more"),
        ("temperature", float("nan"), "temperature: expected a number, 0 or more"),
        ("temperature", float("inf"), "temperature: expected a number, 0 or more"),
        ("top_k", -1, "top_k: expected 0 (all characters) or more"),
        ("top_p", 0.0, "top_p: expected more than 0 and at most 1"),
        ("top_p", 1.1, "top_p: expected more than 0 and at most 1"),
        ("top_p", float("nan"), "top_p: expected more than 0 and at most 1"),
    ],
)
def test_a_row_with_a_wrong_control_is_told_what_was_expected(runner, control, value, message):
    controls = {name: list(values) for name, values in CONTROLS.items()}
    controls[control][2] = value
    errors = [b"", b"", message.encode(), b"", b""]
    right = texts(runner.run("serving_default", prefix=PREFIXES, **CONTROLS))
    outputs = runner.run("serving_default", prefix=PREFIXES, **controls)
    assert outputs["error"].tolist() == errors
    assert texts(outputs) == [*right[:2], "", *right[3:]]
    place = runner.answer("prime", prefix=PREFIXES)
    outputs = runner.run("extend", **place, position=[0] * len(PREFIXES), **controls)
    assert outputs["error"].tolist() == errors
    assert not outputs["states"][2].any()


@pytest.mark.parametrize("signature", ["step", "follow", "extend"])
@pytest.mark.parametrize(
    ("wrong", "value", "message"),
    [
        ("token", -1, "token: expected 0 to"),
        ("token", 10_000, "token: expected 0 to"),
        ("states", np.nan, "states: expected finite numbers"),
        ("position", -1, "position: expected 0 or more"),
    ],
)
def test_a_row_with_a_wrong_place_is_told_what_was_expected(runner, signature, wrong, value, message):
    inputs = {"token": np.array([1, 2], np.int32), "states": np.zeros((2, 4, 16), np.float32)}
    if signature == "follow":
        inputs["text"] = ["a", "b"]
    if signature == "extend":
        inputs |= {name: values[:2] for name, values in CONTROLS.items()} | {
            "position": np.zeros(2, np.int32)
        }
    if wrong not in inputs:
        return
    right = runner.answer(signature, **inputs)
    inputs[wrong] = inputs[wrong].copy()
    inputs[wrong][1] = value
    outputs = runner.run(signature, **inputs)
    assert outputs["error"][0] == b""
    assert message in outputs["error"][1].decode()
    np.testing.assert_allclose(outputs["states"][0], right["states"][0], atol=1e-6)
    assert not outputs["states"][1].any()


@pytest.mark.parametrize("signature", ["serving_default", "score", "prime", "follow"])
def test_a_text_too_long_to_be_read_at_once_is_told_what_to_do(runner, signature):
    place = runner.answer("prime", prefix=[""])
    more = {
        "serving_default": {name: [value] for name, value in {**GREEDY, "length": 1}.items()},
        "follow": place,
    }
    name = "text" if signature in ("score", "follow") else "prefix"
    too_long, longest = (
        runner.run(signature, **{name: ["x" * length]}, **more.get(signature, {}))["error"][0].decode()
        for length in (MAX_CHARACTERS + 1, MAX_CHARACTERS)
    )
    assert re.fullmatch(rf"{name}: expected at most {MAX_CHARACTERS} bytes .* piece by piece.*", too_long)
    assert longest == ""


def test_two_values_of_a_control_for_one_prefix_are_refused(runner):
    controls = {name: [value] for name, value in {**GREEDY, "length": 1}.items()}
    with pytest.raises(SavedModelError, match=r"as many rows in every input, got .*prefix 1.*top_k 2"):
        runner.run("serving_default", prefix=["a"], **{**controls, "top_k": [0, 0]})


def test_bytes_that_are_not_utf8_are_read_as_unknown(runner):
    broken, unknown = (
        runner.run("score", text=[text])["character_log_likelihoods"] for text in (b"A\xff", "AΩ")
    )
    np.testing.assert_allclose(broken, unknown, atol=1e-6)


def test_the_card_tells_of_the_model_and_not_of_the_machine(exported, play, vocabulary):
    extra = exported / "assets.extra"
    manifest = json.loads((extra / "manifest.json").read_text("utf-8"))
    card = (extra / "README.md").read_text("utf-8")
    assert manifest["training_examples"] == round(0.9 * len(play.read_text("utf-8")))
    assert manifest["data"] == manifest["configuration"]["source"]["data"] == "play.txt"
    assert [row[0] for row in manifest["examples"]] == ["temperature", "0.0", "0.4", "0.7", "1.0"]
    assert all(len(text) == 200 for _, text in manifest["examples"][1:])
    assert card.startswith("# text_generation")
    for place in (str(play.parent), str(Path.home()), str(Path.cwd())):
        assert place not in card
        assert place not in (extra / "manifest.json").read_text("utf-8")
    assert (extra / "tf_serving_warmup_requests").stat().st_size > 0
    text = play.read_text("utf-8")[: manifest["training_examples"]]
    assert vocabulary == "".join(sorted(one for one in set(text) if text.count(one) >= 2))


def test_what_is_written_is_utf8_whatever_bytes_the_prefix_holds(runner):
    controls = {name: [value] * 2 for name, value in {**GREEDY, "length": 5}.items()}
    broken, whole = runner.run("serving_default", prefix=[b"caf\xe9 \xff", "café §"], **controls)["text"]
    assert broken.decode("utf-8").startswith("caf\ufffd \ufffd")
    assert whole.decode("utf-8").startswith("café §")
