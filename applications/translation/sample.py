"""The sample: dates, times, amounts and numbers in words, in short sentences, from CLDR (Babel) and num2words.

Every meaning is written in English, German and French by rules, so each text has exactly one right translation, in
every direction, and there are as many pairs as anyone wants.
"""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from itertools import islice
from typing import Any

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_currency, format_percent
from babel.units import format_unit
from num2words import num2words

from common.data.sources import SAMPLE
from common.data.splits import stable_split
from common.errors import UserError
from common.text.parallel import Pairs, collect
from common.text.tables import Row

LANGUAGES = ("en", "de", "fr")
SHARES = {"test": 0.1, "validation": 0.1, "train": 0.8}
COUNTS = {"test": 2_000, "validation": 1_000, "train": 20_000}

_DRAWN_AT_ONCE = 1024
_CITIES = (
    "Athens",
    "Belgrade",
    "Brussels",
    "Bucharest",
    "Budapest",
    "Copenhagen",
    "Lisbon",
    "Moscow",
    "Prague",
    "Rome",
    "Stockholm",
    "Vienna",
    "Warsaw",
    "Zurich",
)


@dataclass(frozen=True)
class Frame:
    """A sentence in each language with slots for what changes, and how often it comes up beside the others."""

    weight: int
    en: str
    de: str
    fr: str

    @property
    def slots(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.en)


@dataclass(frozen=True)
class Slot:
    """Something that changes: how it is drawn, and how it is written in a language."""

    draw: Callable[[random.Random], Any]
    write: Callable[[Any, str], str]


def _date(first: int, last: int) -> Callable[[random.Random], date]:
    start, days = date(first, 1, 1), (date(last, 12, 31) - date(first, 1, 1)).days
    return lambda rng: start + timedelta(rng.randint(0, days))


def _day_of_month(pattern: str) -> Callable[[date, str], str]:
    def write(day: date, language: str) -> str:
        if pattern == "MMMMd":
            text = format_skeleton(pattern, day, locale=language)
        else:
            text = format_date(day, pattern, language)
        # The first of a month is an ordinal in French, which CLDR's patterns cannot say.
        return re.sub(r"\b1 (?=[a-zéû])", "1er ", text) if language == "fr" else text

    return write


def _number(rng: random.Random) -> int:
    digits = rng.choices(range(1, 7), (1, 2, 4, 5, 6, 6))[0]
    return rng.randrange(10 ** (digits - 1), 10**digits)


def _spelt_number(rng: random.Random) -> int:
    # num2words misspells the German thousands that end in one, such as 301,000.
    number = _number(rng)
    return _spelt_number(rng) if number > 100_000 and number // 1000 % 100 == 1 else number


def _count(rng: random.Random) -> int:
    # After a number that ends in one, grammars disagree on singular and plural.
    number = _spelt_number(rng)
    return _count(rng) if number % 100 == 1 else number


def _ordinal(rng: random.Random) -> int:
    # num2words misspells the French ordinals of whole hundreds and of those that end in 80.
    return rng.choice([number for number in range(2, 1000) if number % 100 not in (0, 80)])


def _words(to: str) -> Callable[[int, str], str]:
    return lambda value, language: str(num2words(value, lang=language, to=to))


def _city(english: str, language: str) -> str:
    # CLDR names the cities of time zones, and leaves out the names that are those of the zones.
    return str(Locale(language).time_zones.get(f"Europe/{english}", {}).get("city", english))


SLOTS = {
    "number": Slot(_spelt_number, _words("cardinal")),
    "count": Slot(_count, _words("cardinal")),
    "ordinal": Slot(_ordinal, _words("ordinal")),
    "year": Slot(lambda rng: rng.randint(1100, 2049), _words("year")),
    "full_date": Slot(_date(1900, 2049), _day_of_month("full")),
    "date": Slot(_date(1900, 2049), _day_of_month("long")),
    # A year of two digits belongs to one century only.
    "short_date": Slot(_date(1950, 2049), lambda day, language: format_date(day, "short", language)),
    "month": Slot(_date(1900, 2049), lambda day, language: format_skeleton("yMMMM", day, locale=language)),
    "day": Slot(_date(2000, 2000), _day_of_month("MMMMd")),
    "time": Slot(
        lambda rng: time(rng.randrange(24), rng.randrange(60)),
        lambda value, language: format_time(value, "short", locale=language),
    ),
    "amount": Slot(
        lambda rng: (_number(rng) + rng.randrange(100) / 100, rng.choice(("EUR", "USD", "GBP"))),
        lambda value, language: format_currency(value[0], value[1], locale=language),
    ),
    "percent": Slot(
        lambda rng: rng.randint(11, 999) / 1000,
        lambda value, language: format_percent(value, locale=language, decimal_quantization=False),
    ),
    "distance": Slot(
        lambda rng: rng.randint(20, 99_999) / 10,
        lambda value, language: format_unit(value, "length-kilometer", "long", locale=language),
    ),
    "duration": Slot(
        lambda rng: (rng.randint(2, 1000), rng.choice(("hour", "minute", "second", "day", "week"))),
        lambda value, language: format_unit(value[0], f"duration-{value[1]}", "long", locale=language),
    ),
    "city": Slot(lambda rng: rng.choice(_CITIES), _city),
}

FRAMES = (
    Frame(12, "{number}", "{number}", "{number}"),
    Frame(3, "{full_date}", "{full_date}", "{full_date}"),
    Frame(3, "{date}", "{date}", "{date}"),
    Frame(
        4,
        "There are {count} books in the library.",
        "In der Bibliothek stehen {count} Bücher.",
        "Il y a {count} livres dans la bibliothèque.",
    ),
    Frame(
        4,
        "The city has {count} inhabitants.",
        "Die Stadt hat {count} Einwohner.",
        "La ville compte {count} habitants.",
    ),
    Frame(
        2,
        "This is the {ordinal} edition.",
        "Dies ist die {ordinal} Auflage.",
        "C'est la {ordinal} édition.",
    ),
    Frame(
        2,
        "The {ordinal} runner arrived at {time}.",
        "Der {ordinal} Läufer kam um {time} Uhr an.",
        "Le {ordinal} coureur est arrivé à {time}.",
    ),
    Frame(
        4,
        "The bridge was built in {year}.",
        "Die Brücke wurde im Jahr {year} gebaut.",
        "Le pont a été construit en {year}.",
    ),
    Frame(
        2,
        "She was born in {month}.",
        "Sie wurde im {month} geboren.",
        "Elle est née en {month}.",
    ),
    Frame(
        2,
        "My birthday is on {day}.",
        "Mein Geburtstag ist am {day}.",
        "Mon anniversaire est le {day}.",
    ),
    Frame(
        2,
        "The shop opens at {time_1} and closes at {time_2}.",
        "Das Geschäft öffnet um {time_1} Uhr und schließt um {time_2} Uhr.",
        "Le magasin ouvre à {time_1} et ferme à {time_2}.",
    ),
    Frame(
        3,
        "The meeting on {date} begins at {time}.",
        "Die Besprechung am {date} beginnt um {time} Uhr.",
        "La réunion du {date} commence à {time}.",
    ),
    Frame(
        2,
        "On {full_date}, the museum closes at {time}.",
        "Am {full_date}, schließt das Museum um {time} Uhr.",
        "Le {full_date}, le musée ferme à {time}.",
    ),
    Frame(
        2,
        "The train to {city} leaves at {time}.",
        "Der Zug nach {city} fährt um {time} Uhr ab.",
        "Le train pour {city} part à {time}.",
    ),
    Frame(
        2,
        "The repair takes {duration}.",
        "Die Reparatur dauert {duration}.",
        "La réparation dure {duration}.",
    ),
    Frame(
        2,
        "It is {distance} to {city}.",
        "Bis {city} sind es {distance}.",
        "Il y a {distance} jusqu'à {city}.",
    ),
    Frame(
        2,
        "The price is {amount}.",
        "Der Preis beträgt {amount}.",
        "Le prix est de {amount}.",
    ),
    Frame(
        2,
        "The invoice of {short_date} comes to {amount}.",
        "Die Rechnung vom {short_date} beläuft sich auf {amount}.",
        "La facture du {short_date} s'élève à {amount}.",
    ),
    Frame(
        2,
        "From {date_1} to {date_2}, the room costs {amount}.",
        "Vom {date_1} bis zum {date_2} kostet das Zimmer {amount}.",
        "Du {date_1} au {date_2}, la chambre coûte {amount}.",
    ),
    Frame(
        2,
        "In {year}, {percent} of the members agreed.",
        "Im Jahr {year} stimmten {percent} der Mitglieder zu.",
        "En {year}, {percent} des membres étaient d'accord.",
    ),
)


def sample(part: str, source: str = "en", target: str = "de", pairs: int | None = None) -> Pairs:
    """The pairs of a part: train, validation or test.

    The part of a meaning follows from its English text, so that no test or validation pair is ever in training, however
    many pairs are made.

    Args:
        part: train, validation or test.
        source: the language that is translated from.
        target: the language that is translated to.
        pairs: how many the part for training has; `COUNTS` unless given.

    Raises:
        UserError: one of the languages is not of the sample.
    """
    for flag, language in (("--source", source), ("--target", target)):
        if language not in LANGUAGES:
            raise UserError(
                f"{flag} {language}: expected a language of the sample ({', '.join(LANGUAGES)}), or two files"
            )
    count = pairs if part == "train" and pairs is not None else COUNTS[part]
    meanings = islice(_meanings(part), count)
    rows = [
        Row((_write(meaning, source), _write(meaning, target)), f"{part} pair {number}")
        for number, meaning in enumerate(meanings, start=1)
    ]
    return collect(SAMPLE, rows)


def _meanings(part: str) -> Iterator[tuple[Frame, dict[str, Any]]]:
    rng = random.Random(part)
    weights = [frame.weight for frame in FRAMES]
    distinct = set()
    while True:
        drawn = [(frame, _values(frame, rng)) for frame in rng.choices(FRAMES, weights, k=_DRAWN_AT_ONCE)]
        texts = [_write(meaning, "en") for meaning in drawn]
        for meaning, text, side in zip(drawn, texts, stable_split(texts, SHARES), strict=True):
            if side == part and text not in distinct:
                distinct.add(text)
                yield meaning


def _values(frame: Frame, rng: random.Random) -> dict[str, Any]:
    values = {slot: SLOTS[_kind(slot)].draw(rng) for slot in frame.slots}
    # The shop opens before it closes.
    for first in [slot for slot in values if slot.endswith("_1")]:
        last = f"{_kind(first)}_2"
        values[first], values[last] = sorted((values[first], values[last]))
    return values


def _kind(slot: str) -> str:
    return re.sub(r"_\d$", "", slot)


def _write(meaning: tuple[Frame, dict[str, Any]], language: str) -> str:
    frame, values = meaning
    written = {slot: SLOTS[_kind(slot)].write(value, language) for slot, value in values.items()}
    return re.sub(r"\s", " ", getattr(frame, language).format(**written))
