"""A notebook goes through all applications with what people have there: a data frame, an image, a waveform."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
MODELS = REPOSITORY / "saved_models"
CELLS = (
    """
import numpy as np, pandas as pd, sys
from PIL import Image
from applications import catalogue, load
""",
    """
reviews = pd.DataFrame({"review": ["A delight from start to finish.", "Dull and far too long."], "id": [1, 2]})
with load("sentiment_analysis") as classify:
    labels = pd.DataFrame(classify(reviews, column="review", top_k=1))
assert labels["label"].tolist() == ["positive", "negative"]
reviews.join(labels)
""",
    """
pixels = np.zeros((120, 160, 3)) + [0.1, 0.5, 0.9]
with load("image_captioning") as describe:
    captions = pd.DataFrame(describe([Image.fromarray((255 * pixels).astype(np.uint8)), pixels]))
assert captions["caption"][0] == captions["caption"][1]
captions
""",
    """
rate = 44_100
waveform = np.round(300 * np.random.default_rng(0).normal(size=(rate, 1))).astype(np.int16)
with load("speech_commands") as hear:
    heard = hear(waveform, sample_rate=rate, top_k=3)
assert list(heard["probabilities"])[0] == heard["label"]
pd.DataFrame([heard])
""",
    """
with load("translation") as translate:
    translate.batch_size = 8
    sentences = pd.Series(["Two dogs are playing in the snow.", "A man in a blue shirt."] * 12)
    translated = pd.DataFrame(translate(sentences))
assert list(translated) == ["translation", "score", "truncated"]
translated.head(2)
""",
    """
with load("text_generation") as write:
    written = pd.DataFrame(write(["ROMEO:", "JULIET:"], length=40, seed=7))
assert written["text"].str.len().tolist() == [46, 47]
written
""",
    """
hours = pd.date_range("2024-06-03", periods=48 * 16, freq="30min", tz="Australia/Melbourne")
demand = 5000 + 800 * np.sin(2 * np.pi * np.arange(len(hours)) / 48)
with load("forecasting") as forecast:
    ahead = forecast(pd.DataFrame({"time": hours, "demand": demand, "temperature": 12.0}), horizon=4)
assert list(ahead) == ["time", "series", "target", "median", "lower", "upper"]
assert ahead["time"][0] == hours[-1] + pd.Timedelta("30min")
ahead
""",
    """
with load("keyboard") as keyboard:
    suggested = pd.DataFrame(keyboard(["see you ", "how are "], count=3))
assert suggested["words"].str.len().tolist() == [3, 3]
suggested
""",
    """
with load("transcription") as transcribe:
    said = transcribe(waveform, sample_rate=rate)
pd.DataFrame([said])
""",
    """
with load("handwriting") as read:
    texts = pd.DataFrame(read(["0,0 30,40;30,0 0,40", [np.array([[0, 9], [4, 0], [8, 9]])]]))
assert list(texts) == ["text", "confidence"]
texts
""",
    """
with load("music") as music:
    chorale = music.harmonize([67, 69, 71, 72], seed=7)["notes"]
assert chorale[:, 0].tolist() == [67, 69, 71, 72]
pd.DataFrame(chorale)
""",
    """
readings = pd.DataFrame({"time": hours, "heat": np.sin(np.arange(len(hours)) * 0.3)})
readings.loc[len(hours) - 3 :, "heat"] = 9
with load("anomaly_detection") as watch:
    alarms = watch(readings)
assert alarms["sensor"].tolist() == ["heat"]
alarms
""",
    """
load("sentiment_analysis")(reviews)
""",
    """
print(sorted(catalogue()), [name for name in ("tensorflow", "keras") if name in sys.modules])
""",
)
WRONG = len(CELLS) - 2


def texts_of(cell):
    """What a cell shows as plain text, one for each output."""
    return [
        output.get("text") or output.get("data", {}).get("text/plain") or output.get("evalue", "")
        for output in cell.outputs
    ]


@pytest.fixture(scope="module")
def cells():
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    book.cells[WRONG].metadata["tags"] = ["raises-exception"]
    NotebookClient(
        book, timeout=120, kernel_name="python3", resources={"metadata": {"path": REPOSITORY}}
    ).execute()
    return book.cells


def test_every_application_is_gone_through_and_answers_are_tables(cells):
    *_, listed = texts_of(cells[-1])
    assert listed.splitlines()[0].endswith(" []"), "neither TensorFlow's Python package nor Keras is imported"
    source = "".join(CELLS)
    listed_names = listed[listed.index("[") + 1 : listed.index("]")].replace("'", "").split(", ")
    names = [name for name in listed_names if (MODELS / name).is_dir()]
    assert all(f'load("{name}")' in source for name in names)
    for cell in cells[1:WRONG]:
        assert "<table" in cell.outputs[-1]["data"]["text/html"], cell.source


def test_long_work_shows_one_line_of_how_far_it_is_and_quick_work_none(cells):
    translating = [text for text in texts_of(cells[4]) if text.startswith("translating ")]
    assert len(translating) == 1
    assert "100%" in translating[0]
    assert not [text for cell in cells[:4] for text in texts_of(cell) if "%" in text and "█" in text]


def test_nothing_else_is_said_and_a_mistake_is_one_line(cells):
    for cell in (*cells[:WRONG], cells[-1]):
        assert not [output for output in cell.outputs if output.get("name") == "stderr"], cell.outputs
    (error,) = cells[WRONG].outputs
    assert error.ename == "UserError"
    assert error.evalue == (
        "texts: got a table (DataFrame) with the columns 'review', 'id'; expected column= with the name of one"
    )
