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
BEYOND_16_BITS = {"▁": -1, "a": -1, "😀": -1, "𝒜": -2, "😀😀a": -2, "▁😀": -1.5, "a𝒜": -2.5, "\u00a0": -3}
"""Pieces of characters that JavaScript holds as two, and a blank that stays at the ends of what is written."""


CHARACTERS = [
    chr(point)
    for part in ((0, 0xD800), (0xE000, 0x32000), (0xE0000, 0xE0200), (0x10FF00, 0x110000))
    for point in range(*part)
]


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
    """Each character of Unicode's planes with letters, behind an "x"."""
    for start in range(0, len(CHARACTERS), 128):
        yield "".join(f"x{character}" for character in CHARACTERS[start : start + 128])


def letters_with_marks():
    """Each character that decomposes, the two it may be composed of, and all of its parts."""
    for character in CHARACTERS:
        parts = unicodedata.normalize("NFD", character)
        if len(parts) > 1:
            yield character, f"{unicodedata.normalize('NFC', parts[:-1])}{parts[-1]} {parts}"


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
    """What the graph makes of the texts, and of ids and characters that they lack."""
    traced = tf.function(layer.call, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    rows = [row[: list(row).index(END) + 1] for row in traced(encoded(texts)).numpy()]
    examples = [
        {"raw": text, "steps": 1, "inputs": {"ids": shown(row[None])}}
        for text, row in zip(texts, rows, strict=True)
    ]
    given = list(rows_of_ids(layer, [row.tolist() for row in rows]))
    ragged = tf.ragged.constant(given, tf.int32).to_tensor(END)
    normalised = [*texts, *every_character()]
    letters, parts = zip(*letters_with_marks(), strict=True)
    facts = {
        FRONTEND: {"version": VERSION, **subwords_frontend(layer)},
        GOLDEN: {"version": VERSION, "examples": examples},
        "subwords.json": {
            "normalised": list(zip(normalised, strings(normalize(encoded(normalised))), strict=True)),
            "letters": list(zip(letters, parts, strings(normalize(encoded(parts))), strict=True)),
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


@pytest.mark.parametrize(
    ("pieces", "letters"),
    [(TIES, "ab"), (NEAR_TIES, "ab"), (BEYOND_16_BITS, "a😀")],
    ids=["ties", "near ties", "beyond 16 bits"],
)
@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_javascript_takes_the_graphs_of_equally_probable_ways_and_cuts_a_text_where_it_does(
    tmp_path, pieces, letters, assert_javascript_makes_the_same
):
    layer = SubwordText(tuple(pieces), tuple(map(float, pieces.values())), max_tokens=5)
    texts = [*TEXTS, *LINES, *made_texts(layer.subwords, 100, 30)]
    texts += [*words_of(letters, 6), *words_of(f"{letters} ", 4)]
    write_golden(tmp_path, layer, texts)
    assert_javascript_makes_the_same(tmp_path)
