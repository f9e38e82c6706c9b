"""The sample's sentences in English, made by rule: times, dates, numbers, prices, digits, the calendar and requests."""

import re
import zlib
from collections.abc import Callable, Mapping
from datetime import date, timedelta

import numpy as np
from num2words import num2words


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# What stands in braces is replaced by one of that name's own lines, or by what its function draws.
KINDS = {
    "time": _lines("""
        wake me at {clock}
        set an alarm for {clock}
        the train leaves at {clock}
        call me back at {clock}
        let's meet at {clock}
        dinner is at {clock}
        the doctor can see you at {clock}
        it's {clock} already
        what's on at {clock}
        i'll be home before {clock}
    """),
    "date": _lines("""
        remind me on {date}
        my birthday is on {date}
        book a table for {date}
        the letter came on {date}
        are you free on {date}
        we fly home on {date}
        she was born on {date} {year}
        it's been closed since {date}
        the concert isn't until {date}
        {weekday} {date}
    """),
    "number": _lines("""
        the answer is {number}
        there were {number} people
        we sold {number} tickets
        add {number} and {small number}
        {number}
        {number} steps today
        turn to page {number}
        it's {number} miles from here
        about {number} years ago
        is it more than {number}
    """),
    "price": _lines("""
        that makes {price} please
        it costs {price}
        i paid {price} for it
        can you lend me {price}
        send {price} to my {relative}
        the ticket was only {price}
        we need {amount}
        buy {amount}
        add {amount} to my shopping list
        {amount} for {price}
    """),
    "digits": _lines("""
        {digits}
        {digits}
        {digits}
        the code is {digits}
        dial {digits}
        my number is {digits}
    """),
    "calendar": _lines("""
        we are open from {weekday} to {weekday} in {month}
        every {weekday} in {month} and {month}
        is it {weekday} or {weekday} {part of the day}
        the {place} {weekday} of {month} or {month}
        she's away from {month} to {month}
        it rained on {weekday} and {weekday} in {month}
        what's planned for the {place} {weekday} in {month}
        {month} {month} {month}
        {weekday} {weekday} {weekday}
        every {weekday} {part of the day} until {month}
    """),
    "home": _lines("""
        turn the {room} {device} {on or off}
        turn {on or off} the {device} in the {room}
        switch {on or off} the {room} {device} {when}
        set the {device} in the {room} to {percent} percent
        open the {room} {opening} {when}
        close the {opening} in the {room} {when}
        is the {room} {opening} open at {moment}
        is the {device} in the {room} still {on or off} {when}
        make the {room} {comparison} {when}
        don't turn {on or off} the {room} {device} {when}
    """),
    "request": _lines("""
        set a timer for {span}
        stop the {device} after {span}
        wake me in {span}
        play {music} in the {room}
        play the {next or last} song in the {room}
        play {music} for {span}
        pause the {next or last} song for {span}
        what's the weather like in {month} and {month}
        call me {when}
        call my {relative} {when}
        tell my {relative} i'm {small number} minutes late
        add {goods} and {goods} to my list
    """),
}
"""Sentences by kind, with slots."""

_SLOTS: Mapping[str, tuple[str, ...]] = {
    "clock": ("{moment}", "{moment}", "{moment} {part of the day}", "{moment} on {weekday}"),
    "moment": _lines("""
        half past {hour}
        a quarter past {hour}
        a quarter to {hour}
        {minutes} past {hour}
        {minutes} to {hour}
        {hour} o'clock
        {hour} {minute}
    """),
    "hour": _words("one two three four five six seven eight nine ten eleven twelve"),
    "minutes": ("five", "ten", "twenty", "twenty five", "three minutes", "eight minutes", "nineteen minutes"),
    "part of the day": ("in the morning", "in the afternoon", "in the evening"),
    "when": ("now", "tonight", "today", "tomorrow", "on {weekday}", "at {moment}", "in {span}"),
    "date": ("the {day of month}", "the {day of month}", "{month day}"),
    "weekday": _words("monday tuesday wednesday thursday friday saturday sunday"),
    "month": _words("january february march april may june july august september october november december"),
    "price": (
        "{small number} dollars",
        "{number} dollars",
        "{number} euros",
        "{small number} pounds {percent}",
        "{small number} dollars and {percent} cents",
        "{percent} cents",
    ),
    "amount": (
        "{small number} {unit} of {goods}",
        "{hour} and a half {unit} of {goods}",
        "half a kilo of {goods}",
        "{percent} grams of {goods}",
    ),
    "unit": _words("litres pounds kilos bags boxes bottles jars"),
    "place": ("first", "second", "third", "fourth", "last"),
    "goods": _words("milk flour rice sugar coffee tea honey apples butter water salt cheese beans"),
    "room": ("kitchen", "bedroom", "bathroom", "hall", "garage", "garden", "cellar", "office", "living room"),
    "device": _words("light lamp heating fan radio television speaker camera alarm"),
    "on or off": ("on", "off"),
    "opening": _words("door window blind gate skylight"),
    "comparison": _words("warmer cooler brighter darker quieter"),
    "span": (
        "{small number} minutes",
        "{small number} seconds",
        "{percent} hours",
        "{hour} and a half hours",
        "an hour and {small number} minutes",
    ),
    "music": (
        "some jazz",
        "some {weekday} music",
        "a slow song",
        "the news",
        "something quiet",
        "my favourite band",
        "the song from {year}",
    ),
    "next or last": ("next", "last", "same", "first", "{ordinal}"),
    "relative": _words("mother father brother sister daughter son aunt uncle neighbour"),
}


def _spelled(value: int, to: str = "cardinal") -> str:
    return str(num2words(value, to=to)).replace(",", "").replace("-", " ")


def _number(rng: np.random.Generator) -> str:
    """From 2 to 9,999: as many short ones as long ones."""
    return _spelled(int(rng.integers(2, 10 ** rng.integers(1, 5))))


def _day(rng: np.random.Generator) -> tuple[str, str]:
    """The ordinal of the day and the month, for each day of a leap year."""
    day = date(2024, 1, 1) + timedelta(days=int(rng.integers(366)))
    return _spelled(day.day, "ordinal"), _SLOTS["month"][day.month - 1]


def _digits(rng: np.random.Generator) -> str:
    return " ".join(_spelled(digit) for digit in rng.integers(10, size=rng.integers(3, 9)))


_DRAWN: Mapping[str, Callable[[np.random.Generator], str]] = {
    "number": _number,
    "small number": lambda rng: _spelled(int(rng.integers(2, 60))),
    "minute": lambda rng: _spelled(int(rng.integers(10, 60))),
    "percent": lambda rng: _spelled(int(rng.integers(2, 100))),
    "ordinal": lambda rng: _spelled(int(rng.integers(2, 30)), "ordinal"),
    "year": lambda rng: _spelled(int(rng.integers(1900, 2031)), "year"),
    "day of month": lambda rng: " of ".join(_day(rng)),
    "month day": lambda rng: " the ".join(reversed(_day(rng))),
    "digits": _digits,
}


def draw_sentence(part: str, rng: np.random.Generator) -> tuple[str, str]:
    """A kind, all of them equally often, and a sentence of that kind that belongs to the part.

    The sentence is of the letters a to z, blanks and apostrophes.
    """
    kind = tuple(KINDS)[rng.integers(len(KINDS))]
    while True:
        sentence = _filled(_one_of(KINDS[kind], rng), rng)
        if part_of(sentence) == part:
            return kind, sentence


def part_of(sentence: str) -> str:
    """The only part that the sentence may be in: train for 7 of 10, validation for 1, test for 2."""
    remainder = zlib.crc32(sentence.encode()) % 10
    return "validation" if remainder == 0 else "test" if remainder < 3 else "train"


def _filled(template: str, rng: np.random.Generator) -> str:
    """The template with each slot replaced by a draw; what fills it may have slots in turn."""
    return re.sub(r"\{(.+?)\}", lambda slot: _drawn(slot[1], rng), template)


def _drawn(slot: str, rng: np.random.Generator) -> str:
    if slot in _DRAWN:
        return _DRAWN[slot](rng)
    return _filled(_one_of(_SLOTS[slot], rng), rng)


def _one_of(options: tuple[str, ...], rng: np.random.Generator) -> str:
    return options[rng.integers(len(options))]
