"""The words of a caption, as caption models write them and as captions are compared."""

import re
import unicodedata

_PUNCTUATION = (
    r"\s\x00-/:-@\[-`{-\xBF\u0589\u060C\u061B\u061F\u06D4\u0964\u0965\u2000-\u206F\u3000-\u303F"
    r"\uD800-\uDFFF\uFE10-\uFE6F\uFEFF-\uFF0F\uFF1A-\uFF20\uFFF0-\uFFFF"
)
_LETTER = f"[^{_PUNCTUATION}]"
_CLITIC = rf"(?:n't|'(?:s|m|d|ll|re|ve))(?=n't|(?!-?{_LETTER}))"
_WORD = rf"{_LETTER}+(?:['-]{_LETTER}+|(?<=[0-9])[.,:][0-9]{_LETTER}*)*"
_CLITICS = re.compile(_CLITIC)
_TOKENS = re.compile(f"{_CLITIC}|{_WORD}")


def caption_tokens(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation, as the evaluation of COCO has them in effect.

    What it makes of English is what the tokens of the Penn Treebank are without punctuation: contractions are cut
    ("isn't" into "is" and "n't", "man's" into "man" and "'s"), and hyphens, apostrophes, and the points of numbers
    within words stay. A run of all other characters is one word.
    """
    text = unicodedata.normalize("NFC", text.lower()).replace("’", "'")
    return _TOKENS.findall(_CLITICS.sub(r" \g<0>", text))
