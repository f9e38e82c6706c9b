"""A server joins the rows of strangers to one batch: a bad row gets its own error, and each good row the answer that it
has alone. Asked of every signature of the shipped models through the C++ loader, which runs each batch once."""

import io
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from applications.keyboard.predict import Predictor
from applications.keyboard.user_model import observed
from applications.keyboard.user_state import Event, empty_state
from common.audio.files import encode_wav
from common.audio.synthesis import Voice, synthesize
from common.inference.runner import INTERNAL_SIGNATURES, SavedModelRunner, latest_version
from common.text.tf_examples import serialized_example

MODELS = Path(__file__).parents[2] / "saved_models"
TOLERANCE = 2e-4
SAMPLES = 16_000


def picture(kind, size, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1] // 8, size[0] // 8, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize(size).save(file, kind)
    return file.getvalue()


PICTURES = [picture("PNG", (90, 64), 1), picture("JPEG", (64, 120), 2), picture("GIF", (40, 40), 3)]
DAMAGED_PICTURES = [
    b"",
    b"no picture",
    *(picture[: len(picture) // 2] for picture in PICTURES),
    PICTURES[0].replace(b"IDAT", b"IDAX"),
    PICTURES[0][:16] + b"\xff" * 8 + PICTURES[0][24:],
    PICTURES[1][:2] + PICTURES[1][-40:],
    picture("BMP", (8, 8), 4)[:60],
]


@cache
def recordings():
    return [encode_wav(synthesize(word, Voice())) for word in ("yes", "stop")] + [encode_wav(np.zeros(4000))]


def damaged_recordings():
    whole = recordings()[0]
    return [
        b"",
        b"RIFF",
        b"no recording at all, but of some length",
        whole[:60],
        whole[:20] + b"\x03\x00" + whole[22:],
        whole[:24] + b"\x40\x1f\x00\x00" + whole[28:],
        whole[:22] + b"\x00\x00" + whole[24:],
    ]


def tone(frequency):
    return (0.3 * np.sin(2 * np.pi * frequency * np.arange(SAMPLES) / SAMPLES)).astype(np.float32)


WAVES = [tone(300), tone(1000), np.zeros(SAMPLES, np.float32)]
BAD_WAVES = [np.full(SAMPLES, value, np.float32) for value in (np.nan, np.inf, 20_000.0)]
TEXTS = ["not bad at all", "", "A man is standing on a ladder.", "Zwei Hunde spielen. 👍", b"\xff\xfe a \x80"]
INK = ["0,0 30,40;30,0 0,40", "0,12 1,40 4,42;1,2"]
NO_POINTS = ["1,1 x,2", "3", b"\xff,1 2,2"]
BAD_INK = ["", "3,4", "5,5 5,5", *NO_POINTS]
EXAMPLES = [serialized_example(text) for text in ("good", "", "two dogs")]
NO_EXAMPLES = [b"\xff\xff", b"", serialized_example("good").replace(b"text", b"tixt"), b"\x0a\x05abc"]
WRITING = {"length": 12, "temperature": 0.7, "top_k": 0, "top_p": 1.0, "seed": 3}
BAD_WRITING = [
    {"length": -1},
    {"length": 2**31 - 1},
    {"temperature": float("nan")},
    {"top_k": -1},
    {"top_p": 0.0},
    {"prefix": "x" * 100_001},
]
BAD_PLACES = [{"token": 66}, {"token": -1}, {"token": 2**31 - 1}, {"states": np.nan}]


def single(name, values):
    return [{name: value} for value in values]


@cache
def runner_of(application):
    """The model as a server runs it, optimised graph and all: Grappler may turn a comparison that holds for NaN."""
    return SavedModelRunner(latest_version(MODELS / application))


def places():
    runner = runner_of("text_generation")
    primed = runner.run("prime", prefix=["ROMEO:", "", "Ω § to be"])
    return [
        {"token": token, "states": state}
        for token, state in zip(primed["token"], primed["states"], strict=True)
    ]


def spoilt(good, changes):
    """Good rows, each with a change that makes it bad."""
    rows = []
    for number, change in enumerate(changes):
        row = dict(good[number % len(good)])
        for name, value in change.items():
            row[name] = np.full_like(row[name], value) if isinstance(row.get(name), np.ndarray) else value
        rows.append(row)
    return rows


def writing(beginnings, bad):
    good = [{**row, **WRITING} for row in beginnings]
    return good, spoilt(good, bad)


def text_generation(signature):
    texts = single("text" if signature == "score" else "prefix", TEXTS)
    if signature in ("score", "prime"):
        return texts, spoilt(texts, [{next(iter(texts[0])): "x" * 100_001}])
    if signature == "serving_default":
        return writing(texts, BAD_WRITING)
    if signature == "extend":
        bad = [change for change in BAD_WRITING if "prefix" not in change]
        return writing(
            [{**place, "position": 5} for place in places()], [*bad, *BAD_PLACES, {"position": -1}]
        )
    good = [{**place, "text": text} for place, text in zip(places(), TEXTS, strict=False)]
    if signature == "step":
        good = places()
    return good, spoilt(good, BAD_PLACES)


@cache
def histories():
    """Three weeks of half hours, with values as the shipped forecaster knows them, and one with gaps."""
    rng = np.random.default_rng(1)
    steps = np.arange(672)
    times = 1_400_000_400 + 1800 * steps
    rows = []
    for level in (4700.0, 300.0):
        values = level * (1 + 0.2 * np.sin(2 * np.pi * steps / 48) + 0.02 * rng.standard_normal(672))
        past = 15 + rng.standard_normal(672)
        rows.append(
            {
                "values": values.astype(np.float32)[:, None],
                "past": past.astype(np.float32)[:, None],
                "time": times,
                "series": "",
            }
        )
    gappy = {**rows[0], "values": rows[0]["values"].copy(), "series": "elsewhere"}
    gappy["values"][100:200] = np.nan
    return [*rows, gappy]


def forecasting(signature):
    good = histories()
    bad = spoilt(good, [{"values": np.inf}, {"values": np.nan}, {"time": 0}])
    if signature == "interval":
        good, bad = ([{**row, "coverage": 0.8} for row in rows] for rows in (good, bad))
        return good, [*bad, *spoilt(good, [{"coverage": share} for share in (0.0, 1.0, np.nan)])]
    if signature == "sample":
        good, bad = ([{**row, "paths": 3, "seed": 5} for row in rows] for rows in (good, bad))
        return good, [*bad, *spoilt(good, [{"paths": count} for count in (0, -1, 1001)])]
    if signature == "update":
        good = [
            {
                "window": np.concatenate([row["values"], row["past"]], axis=1),
                "value": np.array([row["values"][0, 0], 15.0], np.float32),
                "time": row["time"][-1] + 1800,
                "series": row["series"],
            }
            for row in good
        ]
        return good, spoilt(good, [{"value": np.inf}, {"window": -np.inf}])
    return good, bad


@cache
def user_states():
    """What the keyboard knows of a user who has typed nothing, and of one who has."""
    base = Predictor(latest_version(MODELS / "keyboard")).base
    empty = empty_state(base.sizes)
    pieces = ["Zoltán waits for Zoltán, at 10:30.", "Lindqvist"]
    learned = observed(runner_of("keyboard"), [Event(piece) for piece in pieces], empty)
    return [empty._asdict(), learned._asdict()]


def keyboard(signature):
    texts = ("I am on my ", "", "See Zoltán and Lindqv")
    states = runner_of("keyboard").signatures["read"].inputs["states"].shape[1:]
    asking = [{"text": text, "count": count} for text, count in zip(texts, (3, 1, 9), strict=True)]
    bad_asking = [{"count": 0}, {"count": 101}, {"text": "a" * 20_001}]
    if signature == "serving_default":
        return asking, spoilt(asking, bad_asking)
    if signature == "complete":
        good = [{**row, "prefix": prefix} for row, prefix in zip(asking, ("", "th", "Zo"), strict=True)]
        return good, spoilt(good, [*bad_asking, {"prefix": "a b"}])
    if signature == "read":
        good = [{"text": text, "last": "the", "states": np.full(states, 0.1, np.float32)} for text in texts]
        return good, spoilt(good, [{"text": "a" * 4001}, {"states": np.nan}])
    if signature == "step":
        ngrams = np.ones(45, np.int32)
        good = [
            {"token": token, "ngrams": ngrams, "states": np.zeros(states, np.float32)} for token in (2, 0, 90)
        ]
        return good, spoilt(good, [{"token": -1}, {"token": 10**6}, {"ngrams": -1}, {"states": np.inf}])
    if signature == "score":
        good = [{"text": text} for text in texts]
        return good, spoilt(good, [{"text": "a" * 20_001}])
    of_state = [{"clock": -1}, {"counts": -5}, {"network": np.nan}, {"cache_words": 10**6}]
    if signature == "personal":
        good = [{**row, "prefix": "", **state} for row, state in zip(asking, user_states(), strict=False)]
        return good, spoilt(good, [*bad_asking, *of_state])
    if signature == "observe":
        happened = ((["See Zoltán ", "see"], [1, 2]), (["Lindqvist", "you"], [4, 3]))
        good = [
            {"pieces": pieces, "choices": np.array(choices, np.int32), **state}
            for (pieces, choices), state in zip(happened, user_states(), strict=True)
        ]
        return good, spoilt(good, [{"choices": 9}, *of_state])
    good = [
        {"text": text, "learns": True, **state} for text, state in zip(texts, user_states(), strict=False)
    ]
    return good, spoilt(good, [{"text": "a" * 4001}, *of_state])


def transcription(signature):
    if signature == "waveform":
        good = [{"waveform": wave, "lengths": SAMPLES} for wave in WAVES]
        bad = [{"waveform": wave, "lengths": SAMPLES} for wave in BAD_WAVES]
        return good, [*bad, *({**good[0], "lengths": length} for length in (0, -1, SAMPLES + 1))]
    weights = {"lm_weight": 0.3, "length_bonus": 0.0} if signature == "n_best" else {}
    good = [{"audio_bytes": recording, **weights} for recording in recordings()]
    return good, [{"audio_bytes": recording, **weights} for recording in damaged_recordings()]


def handwriting(signature):
    if signature == "points":
        drawn = [[(0, 0, 0), (3, 4, 0), (3, 0, 1), (0, 4, 1)], [(0, 0, 0), (1, 4, 0), (2, 0, 0), (3, 4, 0)]]
        good = [{"points": np.float32(points), "lengths": 4} for points in drawn]
        bad = [{**good[0], "lengths": length} for length in (0, -1, 1, 5)]
        return good, [*bad, *({**good[0], "points": np.full((4, 3), value)} for value in (7, np.nan))]
    weights = {"lm_weight": 0.3, "length_bonus": 0.0} if signature == "n_best" else {}
    if signature == "step":
        good = [
            {"strokes": ink, "state_ink": before} for ink, before in zip(INK, ("", "0,0 2,9"), strict=True)
        ]
        return good, [{"strokes": ink, "state_ink": "0,0 2,9"} for ink in NO_POINTS]
    return [{"strokes": ink, **weights} for ink in INK], [{"strokes": ink, **weights} for ink in BAD_INK]


def music(signature):
    controls = {
        **{"temperature": 0.9, "top_p": 0.95, "seed": 7, "key": 0, "steps_per_quarter": 4},
        **dict.fromkeys(("lowest", "highest"), [0] * 4),
    }
    notes = [[[67, 62, 59, 55], [69, 66, 62, 50]], [[71, 67, 62, 43], [71, 67, 62, 0]]]
    no_notes = [[[60, 72, 48, 36]] * 2, [[5, 0, 0, 0]] * 2, [[-1, 60, 0, 0]] * 2]
    if signature == "score":
        of_piece = {name: controls[name] for name in ("key", "steps_per_quarter")}
        good = [{"notes": one, **of_piece} for one in notes]
        return good, spoilt(good, [*({"notes": one} for one in no_notes), {"key": 25}])
    own = {
        "serving_default": {"steps": 3},
        "midi": {"steps": 3, "tempo": 90.0},
        "infill": {"keep": [[True, False, False, True]] * 2},
        "step": {
            "place": 1,
            "state_model": np.zeros(runner_of("music").signatures["step"].inputs["state_model"].shape[1:]),
        },
    }.get(signature, {})
    inputs = {
        "harmonize": [{"melody": [67, 69]}, {"melody": [71, 0]}],
        "step": [{"notes": one[0]} for one in notes],
    }.get(signature, [{"notes": one} for one in notes])
    bad = {
        "harmonize": [{"melody": [5, 60]}],
        "infill": [{"notes": [[36, 0, 0, 60]] * 2}, {"notes": [[5, 0, 0, 0]] * 2}],
        "step": [{"notes": [60, 72, 48, 36]}, {"place": -1}],
    }.get(signature, [{"notes": one} for one in no_notes])
    good = [{**one, **own, **controls} for one in inputs]
    odd = {"temperature": [np.nan, -1], "top_p": [0], "key": [25], "steps_per_quarter": [3]}
    return good, spoilt(good, [*bad, *({name: value} for name, values in odd.items() for value in values)])


def anomaly_detection(signature):
    rows = np.arange(30)
    series = [np.stack([np.sin(rows / 5), rows % place], axis=1).tolist() for place in (3, 4)]
    times = (1_700_000_000 + 300 * rows).tolist()
    odd = [{"alarms_per_week": 0}, {"alarms_per_week": np.nan}]
    if signature == "start":
        return [{"sensors": 2}, {"sensors": 2}], [{"sensors": 0}, {"sensors": -1}]
    if signature == "alarms":
        known = {"time": times, "sensors": 2, "alarms_per_week": 1, "threshold": 0}
        good = [{"severity": np.abs(np.array(one)[:, 0] * 4).tolist(), **known} for one in series]
        return good, spoilt(good, [*odd, {"severity": [np.nan] * 30}, {"sensors": 0}, {"threshold": -1}])
    if signature == "step":
        states = runner_of("anomaly_detection").run("start", sensors=np.array([2]))
        states = {name: state[0] for name, state in states.items() if name.startswith("state_")}
        good = [{"value": one[0], "time": times[0], "alarms_per_week": 1, **states} for one in series]
        return good, spoilt(good, [*odd, {"value": [np.inf, 0]}])
    good = [{"values": one, "time": times, "alarms_per_week": 1} for one in series]
    infinite = [*series[0][:-1], [np.inf, 0]]
    return good, spoilt(good, [*odd, {"values": infinite}, {"time": (3 * np.array(times[::-1])).tolist()}])


def rows_of(application, signature):
    """Good rows and bad rows of a signature."""
    if application == "anomaly_detection":
        return anomaly_detection(signature)
    if application == "keyboard":
        return keyboard(signature)
    if application == "forecasting":
        return forecasting(signature)
    if application == "text_generation":
        return text_generation(signature)
    if application == "image_captioning":
        return single("image_bytes", PICTURES), single("image_bytes", DAMAGED_PICTURES)
    if application == "transcription":
        return transcription(signature)
    if application == "handwriting":
        return handwriting(signature)
    if application == "music":
        return music(signature)
    if application == "speech_commands" and signature == "waveform":
        return single("waveform", WAVES), single("waveform", BAD_WAVES)
    if application == "speech_commands":
        return single("audio_bytes", recordings()), single("audio_bytes", damaged_recordings())
    if signature == "classify":
        return single("inputs", EXAMPLES), single("inputs", NO_EXAMPLES)
    if signature == "score":
        return [{"text": text, "translation": text} for text in TEXTS], []
    return single("text", TEXTS), []


def signatures_of(folder):
    """Read from the file: every process of the tests imports this one, and the models are loaded in one of them."""
    saved_model = SavedModel.FromString((latest_version(folder) / "saved_model.pb").read_bytes())
    return sorted(saved_model.meta_graphs[0].signature_def.keys() - set(INTERNAL_SIGNATURES))


SIGNATURES = [
    (folder.name, signature)
    for folder in sorted(MODELS.iterdir())
    if folder.is_dir()
    for signature in signatures_of(folder)
]


def asked(application, signature, rows):
    runner = runner_of(application)
    inputs = {}
    for name, info in runner.signatures[signature].inputs.items():
        values = [row[name] for row in rows]
        inputs[name] = values if info.dtype == "string" else np.array(values, info.dtype)
    return runner.run(signature, **inputs)


@cache
def alone(application, signature, number):
    good, _ = rows_of(application, signature)
    return {name: array[0] for name, array in asked(application, signature, [good[number]]).items()}


def padded(array, shape):
    whole = np.full(shape, b"" if array.dtype == object else 0, array.dtype)
    whole[tuple(slice(size) for size in array.shape)] = array
    return whole


def assert_same(row, expected, name):
    """Equal, but for what pads a row to the longest of its batch."""
    if isinstance(row, np.ndarray):
        shape = np.maximum(row.shape, expected.shape)
        row, expected = (padded(array, shape) for array in (row, expected))
    if isinstance(expected, bytes) or np.asarray(expected).dtype.kind in "OSb":
        assert np.array_equal(row, expected), name
    else:
        np.testing.assert_allclose(row, expected, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)


def is_neutral(row):
    return not row.any() if isinstance(row, np.ndarray) else not row


@pytest.mark.parametrize(("application", "signature"), SIGNATURES)
def test_every_signature_tells_each_row_its_error(application, signature):
    outputs = runner_of(application).signatures[signature].outputs
    # TensorFlow Serving's classification API knows two outputs only.
    assert ("error" in outputs) == (signature != "classify")


@pytest.mark.parametrize(("application", "signature"), SIGNATURES)
def test_good_rows_among_bad_ones_have_the_answers_that_they_have_alone(application, signature):
    good, bad = rows_of(application, signature)
    rows = [(True, number) for number in range(len(good))] + [(False, number) for number in range(len(bad))]
    # All kinds of rows in one batch, in any order.
    batch = [rows[place] for place in np.random.permutation(len(rows))]
    answer = asked(application, signature, [(good if is_good else bad)[number] for is_good, number in batch])
    for index, (is_good, number) in enumerate(batch):
        row = {name: array[index] for name, array in answer.items()}
        error = row.pop("error", b"")
        if is_good:
            assert error == b""
            expected = alone(application, signature, number)
            for name, value in row.items():
                assert_same(value, expected[name], name)
        else:
            assert error != b"" or signature == "classify"
            assert error.count(b"\n") == 0
            assert all(map(is_neutral, row.values()))


# An application's signatures share what reads a file.
@pytest.mark.parametrize("application", ["image_captioning", "speech_commands"])
@settings(max_examples=8)
@given(data=st.data())
def test_nothing_that_a_row_holds_fails_the_batch(application, data):
    signature = "serving_default"
    good, bad = rows_of(application, signature)
    (name,) = good[0]
    known = st.sampled_from([row[name] for row in good + bad])
    cut = st.tuples(known, st.integers(0, 3000)).map(lambda drawn: drawn[0][: drawn[1]])
    flipped = st.tuples(known, st.integers(0, 2000), st.integers(1, 255)).map(
        lambda drawn: bytes(
            byte ^ (drawn[2] if place == drawn[1] else 0) for place, byte in enumerate(drawn[0])
        )
    )
    rows = data.draw(st.lists(st.one_of(st.binary(max_size=60), cut, flipped), min_size=1, max_size=4))
    answer = asked(application, signature, single(name, [*rows, good[0][name]]))
    expected = alone(application, signature, 0)
    for output, array in answer.items():
        assert_same(array[-1], expected[output], output)
