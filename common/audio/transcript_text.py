"""Transcripts in one spelling, and the characters that a model can write."""

import re
import unicodedata
from functools import lru_cache

from common.errors import FlagError

_APOSTROPHES = "'\u2018\u2019\u02bc`\u00b4"
_HYPHENS = "-\u2010\u2011"
_AS_PLAIN = str.maketrans({**dict.fromkeys(_APOSTROPHES, "'"), **dict.fromkeys(_HYPHENS, "-")})
_NOT_WITHIN_A_WORD = re.compile(r"(?<![^ '-])['-]|['-](?![^ '-])")
_ORDINAL = re.compile(r"(?<![\d.,])(\d+)(?:st|nd|rd|th)\b", re.IGNORECASE)
_NUMERAL = re.compile(r"\d+(?:[.,\u00a0\u202f']\d+)*")


def normalised_transcript(
    text: str, keep_case: bool = False, keep_punctuation: bool = False, numbers_as_words: str = ""
) -> str:
    """A transcript in one spelling: NFC, lower case, no punctuation, single blanks, none at the ends.

    Apostrophes and hyphens between two letters or digits stay, as ' and -; what else is no letter, mark or digit
    becomes a blank. Characters of format, such as soft hyphens, vanish.

    Args:
        text: what was said.
        keep_case: leave capitals as they are.
        keep_punctuation: leave punctuation and symbols as they are.
        numbers_as_words: the code of a language of num2words, in which numerals are spelled out; "" leaves them.

    Raises:
        FlagError: num2words has no such language.

    Example:
        >>> normalised_transcript("It’s five-ish — “OK”?")
        "it's five-ish ok"
        >>> normalised_transcript("3 1 4, at 5pm", numbers_as_words="en")
        'three one four at five pm'
    """
    if numbers_as_words:
        text = _with_numbers_as_words(text, numbers_as_words)
    text = "".join(character for character in text if unicodedata.category(character) != "Cf")
    text = unicodedata.normalize("NFC", text)
    if not keep_case:
        text = unicodedata.normalize("NFC", text.lower())
    if keep_punctuation:
        text = "".join(" " if _kind(character) == "C" else character for character in text)
    else:
        spaced = "".join(map(_or_blank, text.translate(_AS_PLAIN)))
        text = _NOT_WITHIN_A_WORD.sub(" ", spaced)
    return " ".join(text.split())


def require_language_of_numbers(code: str) -> None:
    """Refuses what is no code of a language that num2words spells; "" is none and is fine.

    Raises:
        FlagError: naming the flag and the codes there are.
    """
    if not code:
        return
    from num2words import CONVERTER_CLASSES

    if code not in CONVERTER_CLASSES:
        raise FlagError(
            f"--numbers-as-words {code}: num2words has no such language; expected one of "
            f"{', '.join(sorted(CONVERTER_CLASSES))}"
        )


def _kind(character: str) -> str:
    return unicodedata.category(character)[0]


def _or_blank(character: str) -> str:
    return character if character in "'-" or _kind(character) in "LMN" else " "


def _with_numbers_as_words(text: str, language: str) -> str:
    require_language_of_numbers(language)
    if language.partition("_")[0] == "en":
        text = _ORDINAL.sub(lambda match: f" {_spelled(match[1], language, 'ordinal')} ", text)
    group, decimal = _separators(language)

    def words(match: re.Match[str]) -> str:
        return f" {_numeral_as_words(match[0], group, decimal, language)} "

    return _NUMERAL.sub(words, text)


@lru_cache
def _separators(language: str) -> tuple[str, str]:
    """What stands between thousands, as the inside of a character class, and before decimals."""
    from babel.core import UnknownLocaleError
    from babel.numbers import get_decimal_symbol, get_group_symbol

    try:
        group, decimal = get_group_symbol(language), get_decimal_symbol(language)
    except (UnknownLocaleError, ValueError):
        group, decimal = ",", "."
    return (group if group in ",." else "\u00a0\u202f'"), decimal


def _numeral_as_words(numeral: str, group: str, decimal: str, language: str) -> str:
    """A number with thousands and decimals as its language writes them; any other group of digits for itself."""
    whole, point, fraction = numeral.partition(decimal)
    if re.fullmatch(rf"\d{{1,3}}([{re.escape(group)}]\d{{3}})+", whole):
        whole = re.sub(r"\D", "", whole)
    if whole.isdecimal() and (not point or fraction.isdecimal()):
        return _spelled(f"{whole}.{fraction}" if point else whole, language)
    return " ".join(_spelled(digits, language) for digits in re.findall(r"\d+", numeral))


@lru_cache(maxsize=4096)
def _spelled(number: str, language: str, to: str = "cardinal") -> str:
    """A number in words; digit by digit where it begins with a nought or is beyond what num2words has words for."""
    from num2words import num2words

    if len(number) == 1 or not number.startswith("0") or number.startswith("0."):
        try:
            value = float(number) if "." in number else int(number)
            words = str(num2words(value, lang=language, to=to))
            if words.strip():
                return words
        except (ArithmeticError, LookupError, NotImplementedError, TypeError, ValueError):
            pass
    digits = (int(digit) for digit in number if digit.isdecimal())
    return " ".join(str(num2words(digit, lang=language)) for digit in digits)
