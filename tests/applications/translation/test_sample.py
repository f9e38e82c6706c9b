"""The sample has one right translation for each text, in every direction, and tests on what training never showed."""

import itertools
import random
import re
from datetime import date, time

import pytest

from applications.translation.sample import FRAMES, LANGUAGES, SLOTS, sample
from common.errors import UserError

pytestmark = pytest.mark.slow

DIRECTIONS = list(itertools.permutations(LANGUAGES, 2))


def held(pairs):
    return list(zip(pairs.sources, pairs.targets, strict=True))


PARTS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def parts():
    """The texts of each part, by language: many, and a text of each language for each meaning."""
    german, french = ({part: sample(part, target=to, pairs=2_000) for part in PARTS} for to in ("de", "fr"))
    for part in PARTS:
        assert german[part].sources == french[part].sources
    return {
        "en": [german[part].sources for part in PARTS],
        "de": [german[part].targets for part in PARTS],
        "fr": [french[part].targets for part in PARTS],
    }


@pytest.fixture(scope="module")
def texts(parts):
    """Those of all parts, by language."""
    return {language: list(itertools.chain(*of_parts)) for language, of_parts in parts.items()}


@pytest.mark.parametrize(("source", "target"), DIRECTIONS)
def test_no_text_has_two_translations(texts, source, target):
    translation = {}
    for text, translated in zip(texts[source], texts[target], strict=True):
        assert translation.setdefault(text, translated) == translated


@pytest.mark.parametrize("slot", SLOTS)
def test_nothing_that_fills_a_sentence_has_two_translations(slot):
    rng = random.Random(2)
    written = {
        tuple(SLOTS[slot].write(value, language) for language in LANGUAGES)
        for value in (SLOTS[slot].draw(rng) for _ in range(2_000))
    }
    assert [len(set(texts)) for texts in zip(*written, strict=True)] == [len(written)] * len(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_a_part_is_in_another(parts, language):
    train, validation, test = map(set, parts[language])
    assert [len(train), len(validation), len(test)] == [2_000, 1_000, 2_000]
    assert not train & validation
    assert not train & test
    assert not validation & test


def test_more_pairs_are_the_same_ones_and_others_and_never_those_of_the_test():
    few, many = (held(sample("train", pairs=count)) for count in (100, 3_000))
    assert many[:100] == few
    assert len({text for text, _ in many}) == 3_000
    assert not set(held(sample("test"))) & set(many)


def words(text):
    return text.split()


def english(number):
    small = words(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen"
    )
    tens = words(". . twenty thirty forty fifty sixty seventy eighty ninety")
    if number < 20:
        return small[number]
    if number < 100:
        return tens[number // 10] + (f"-{small[number % 10]}" if number % 10 else "")
    if number < 1000:
        rest = f" and {english(number % 100)}" if number % 100 else ""
        return f"{small[number // 100]} hundred{rest}"
    rest = number % 1000
    joint = "" if not rest else " and " if rest < 100 else ", "
    return f"{english(number // 1000)} thousand{joint}{english(rest) if rest else ''}"


def german(number, last="eins"):
    small = words(
        "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn "
        "siebzehn achtzehn neunzehn"
    )
    tens = words(". . zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")
    if number < 20:
        return last if number == 1 else small[number]
    if number < 100:
        return (f"{small[number % 10]}und" if number % 10 else "") + tens[number // 10]
    for unit, name in ((1000, "tausend"), (100, "hundert")):
        if number >= unit:
            rest = number % unit
            return f"{german(number // unit, 'ein')}{name}{german(rest, last) if rest else ''}"
    raise AssertionError


def french(number, last=True):
    small = words(
        "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept "
        "dix-huit dix-neuf"
    )
    tens = words(". . vingt trente quarante cinquante soixante soixante")
    if number < 20:
        return small[number]
    if number == 80:
        return "quatre-vingts" if last else "quatre-vingt"
    if number > 80 and number < 100:
        return f"quatre-vingt-{small[number - 80]}"
    if number < 80:
        ten, rest = (60, number - 60) if number >= 70 else (number - number % 10, number % 10)
        joint = "" if not rest else " et " if rest in (1, 11) else "-"
        return f"{tens[ten // 10]}{joint}{small[rest] if rest else ''}"
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        if hundreds == 1:
            return f"cent {french(rest, last)}" if rest else "cent"
        plural = "s" if not rest and last else ""
        return f"{small[hundreds]} cent{plural}" + (f" {french(rest, last)}" if rest else "")
    thousands, rest = divmod(number, 1000)
    return " ".join(
        ([french(thousands, last=False)] if thousands > 1 else [])
        + ["mille"]
        + ([french(rest, last)] if rest else [])
    )


@pytest.mark.parametrize(("language", "spell"), [("en", english), ("de", german), ("fr", french)])
def test_numbers_are_spelt_by_the_rules_of_each_language(language, spell):
    rng = random.Random(1)
    drawn = [SLOTS[slot].draw(rng) for slot in ("number", "count") for _ in range(1000)]
    assert len({len(str(number)) for number in drawn}) == 6
    for number in (*range(1, 201), 1_000, 21_000, 80_000, 200_000, 280_000, 999_999, *drawn):
        assert SLOTS["number"].write(number, language) == spell(number)


@pytest.mark.parametrize(
    ("slot", "value", "written"),
    [
        (
            "full_date",
            date(1987, 3, 3),
            ("Tuesday, March 3, 1987", "Dienstag, 3. März 1987", "mardi 3 mars 1987"),
        ),
        ("date", date(2021, 8, 1), ("August 1, 2021", "1. August 2021", "1er août 2021")),
        ("date", date(2021, 8, 11), ("August 11, 2021", "11. August 2021", "11 août 2021")),
        ("day", date(2000, 12, 24), ("December 24", "24. Dezember", "24 décembre")),
        ("month", date(1999, 2, 1), ("February 1999", "Februar 1999", "février 1999")),
        ("short_date", date(1987, 3, 4), ("3/4/87", "04.03.87", "04/03/1987")),
        ("time", time(17, 30), ("5:30 PM", "17:30", "17:30")),
        ("time", time(0, 5), ("12:05 AM", "00:05", "00:05")),
        ("amount", (1234.5, "EUR"), ("€1,234.50", "1.234,50 €", "1 234,50 €")),
        ("percent", 0.455, ("45.5%", "45,5 %", "45,5 %")),
        (
            "year",
            1987,
            ("nineteen eighty-seven", "neunzehnhundertsiebenundachtzig", "mille neuf cent quatre-vingt-sept"),
        ),
        ("ordinal", 23, ("twenty-third", "dreiundzwanzigste", "vingt-troisième")),
        ("distance", 1234.5, ("1,234.5 kilometers", "1.234,5 Kilometer", "1 234,5 kilomètres")),
        ("duration", (90, "minute"), ("90 minutes", "90 Minuten", "90 minutes")),
        ("city", "Vienna", ("Vienna", "Wien", "Vienne")),
    ],
)
def test_each_thing_is_written_as_people_write_it(slot, value, written):
    found = [re.sub(r"\s", " ", SLOTS[slot].write(value, language)) for language in LANGUAGES]
    assert tuple(found) == written


def test_every_frame_has_the_same_slots_in_every_language_and_comes_up(texts):
    for frame in FRAMES:
        slots = [sorted(re.findall("{(.*?)}", text)) for text in (frame.en, frame.de, frame.fr)]
        assert slots[0] == slots[1] == slots[2]
        form = re.escape(frame.fr)
        assert any(re.fullmatch(re.sub(r"\\{.*?\\}", ".+", form), text) for text in texts["fr"])


def test_the_texts_hold_plain_spaces_only(texts):
    for text in itertools.chain(*texts.values()):
        assert re.findall(r"\s", text) == [" "] * text.count(" ")
        assert text == " ".join(text.split())


@pytest.mark.parametrize(
    ("source", "target", "named"), [("en", "es", "--target es"), ("pt", "de", "--source pt")]
)
def test_a_language_that_the_sample_lacks_is_named(source, target, named):
    with pytest.raises(UserError, match=rf"{named}: expected a language of the sample \(en, de, fr\)"):
        sample("test", source, target)
