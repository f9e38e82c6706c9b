"""Subwords in JavaScript are those of the graph: the ids of a text, and the text of ids."""

import itertools
import json
import random
import shutil
import unicodedata
from pathlib import Path

import pytest
import tensorflow as tf

from common.export.runtimes.examples import TEXTS
from common.export.runtimes.package import FRONTEND, GOLDEN, VERSION, shown
from common.export.runtimes.subwords import subwords_frontend
from common.text.normalization import normalize
from common.text.subwords import END, FIRST_PIECE, PADDING, START, UNKNOWN, Subwords, SubwordText
from common.training.exported_run import read_run

SHIPPED = Path(__file__).parents[4] / "saved_models" / "translation" / "1"
LINES = (
    "Ein kleines Mädchen klettert in ein Spielhaus aus Holz – „schön“, sagt es!",
    "Two young, white males are outside near many bushes.",
    "On March 3, 1987 it cost €12,345.67, that's 50% more than in 1986.",
    "   ",
    " \t\r\n\u00a0\u2003\u3000\v\f ",
    "0123456789 ٠١٢٣ ½ Ⅻ",
    "👍🏽 Two 👨‍👩‍👧 dogs 😀😀!",
    "zwo\u0308lf A\u0308pfel, Vie\u0323\u0302t Nam, u\u0308\u0304ber \u0301alone e\u0301\u0301\u0301",
    "漢字かな交じり文 한국어 \u1112\u1161\u11ab \u304b\u3099",
    "a▁b ▁▁ a",
    "Zwei\ufffdHunde \ufffd",
    "A man \U00020000\U0001f600 rides \U0010ffff \ufdd0.",
    "half a pair \ud83d and \ude00\ud83d \ud83d\u00ad\ude00",
    "Ein Mann und eine Frau. " * 400,
    "漢 " * 3_000,
    "x" * 5_000,
)
NOISE = (" ", "  ", "\u00ad", "\u200b", "\u0301", "\u0308", "\n", "▁", "漢", "😀", "ё", "\ufffd", "\u2028")
TIES = {"▁": -1, "a": -1, "b": -1, "ab": -2, "ba": -2, "aa": -2, "aba": -3, "▁a": -2, "▁b": -2, "▁bb": -3}
"""Each way to cut a text into these is as probable as any other."""
NEAR_TIES = {"▁": -0.7, "a": -0.1, "aa": -0.2, "aaa": -0.3, "aaaa": -0.4, "b": -0.3, "ab": -0.4, "aab": -0.5}
"""Whether two ways are equally probable depends on the precision of the sums."""


def shipped_subwords():
    run = read_run(SHIPPED)
    return Subwords.from_json(run["preprocessing"]["subwords"]), run["configuration"]["max_tokens"]


def made_texts(subwords, count, longest):
    """Texts of the vocabulary's characters and of its pieces, with what is in no vocabulary."""
    draw = random.Random(5)
    characters = sorted(set("".join(subwords.pieces)))
    for number in range(count):
        known = characters if number % 2 else subwords.pieces
        parts = (
            draw.choice(NOISE if draw.random() < 0.15 else known) for _ in range(draw.randrange(longest))
        )
        yield "".join(parts).replace("▁", draw.choice(" ▁"))


def every_character():
    """Each character of Unicode's planes with letters behind an "x", and each that decomposes in two parts."""
    points = [*range(0xD800), *range(0xE000, 0x32000), *range(0xE0000, 0xE0200), *range(0x10FF00, 0x110000)]
    for start in range(0, len(points), 128):
        yield "".join(f"x{chr(point)}" for point in points[start : start + 128])
    decomposed = [unicodedata.normalize("NFD", chr(point)) for point in points]
    pairs = [unicodedata.normalize("NFC", text[:-1]) + text[-1] for text in decomposed if len(text) > 1]
    for start in range(0, len(pairs), 64):
        yield "|".join(pairs[start : start + 64] + decomposed[start : start + 64])


def encoded(texts):
    """As the graph gets them: half of a pair of UTF-16 is no UTF-8, and three bytes that it refuses."""
    return tf.constant([text.encode("utf-8", "surrogatepass") for text in texts])


def strings(tensor):
    return [text.decode("utf-8") for text in tensor.numpy()]


def rows_of_ids(layer, rows):
    """Rows as the graph made them, and some that no text has."""
    draw = random.Random(6)
    yield from rows
    yield from ([], [END], [START, UNKNOWN, PADDING, FIRST_PIECE, END, FIRST_PIECE + 1])
    for _ in range(100):
        yield [draw.randrange(layer.subwords.size) for _ in range(draw.randrange(1, 12))]


def write_golden(folder, layer, texts):
    """What the graph makes of the texts, one by one as a page would, or at once: it is the same."""
    traced = tf.function(layer.call, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    rows = [row[: list(row).index(END) + 1] for row in traced(encoded(texts)).numpy()]
    examples = [
        {"raw": text, "steps": 1, "inputs": {"ids": shown(row[None])}}
        for text, row in zip(texts, rows, strict=True)
    ]
    given = list(rows_of_ids(layer, [row.tolist() for row in rows]))
    ragged = tf.ragged.constant(given, tf.int32).to_tensor(END)
    normalised = [*texts, *every_character()]
    facts = {
        FRONTEND: {"version": VERSION, **subwords_frontend(layer)},
        GOLDEN: {"version": VERSION, "examples": examples},
        "subwords.json": {
            "normalised": list(zip(normalised, strings(normalize(encoded(normalised))), strict=True)),
            "decoded": list(zip(given, strings(layer.detokenize(ragged)), strict=True)),
        },
    }
    for name, content in facts.items():
        (folder / name).write_text(json.dumps(content), "utf-8")


def words_of(letters, longest):
    sizes = range(1, longest + 1)
    return ["".join(word) for size in sizes for word in itertools.product(letters, repeat=size)]


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_the_shipped_translation_model_reads_the_same_subwords_in_javascript(
    tmp_path, assert_javascript_makes_the_same
):
    subwords, max_tokens = shipped_subwords()
    layer = SubwordText(subwords.pieces, subwords.log_probabilities, max_tokens)
    texts = [*TEXTS, *LINES, *made_texts(subwords, 200, 40)]
    write_golden(tmp_path, layer, texts)
    assert_javascript_makes_the_same(tmp_path)


@pytest.mark.parametrize("pieces", [TIES, NEAR_TIES], ids=["ties", "near ties"])
@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_of_equally_probable_ways_to_cut_a_text_javascript_takes_the_graphs(
    tmp_path, pieces, assert_javascript_makes_the_same
):
    layer = SubwordText(tuple(pieces), tuple(map(float, pieces.values())), max_tokens=5)
    texts = [*TEXTS, *LINES, *words_of("ab", 6), *words_of("ab ", 4), *made_texts(layer.subwords, 100, 30)]
    write_golden(tmp_path, layer, texts)
    assert_javascript_makes_the_same(tmp_path)
