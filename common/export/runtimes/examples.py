"""Raw inputs of golden files: what front ends are most often wrong about."""

import base64
from collections.abc import Iterator

import numpy as np

TEXTS = (
    "The sea is wide, and the sea is old.",
    "",
    "I don't know — they're not bad at all!",
    "He said: “It’s Zoë’s dog,” and left.",
    "Cafe\u0301 cre\u0300me, Ångström, naïve, Việt Nam",
    "Great 👍🏽 film 😀! Family: 👨‍👩‍👧",
    "Dull.<br />So dull &amp; so <b>long</b> &quot;really&quot; &#39;yes&#39;",
    "See you at 10:30 on 3/4, or call 555-1234; it costs $1,234.56.",
    "Write to anna.b@example.org, or look at https://example.org/a?b=c.",
    "UPPER lower MiXeD İstanbul straße ΣΊΣΥΦΟΣ",
    "two\nlines\r\n\r\nand\ta tab  and   blanks",
    "soft\u00adhyphen zero\u200bwidth \ufeffmark\u2060",
    "你好，世界！ こんにちは 한국어 ไทย",
    "Привет, мир! Ελληνικά, עברית, العربية",
    "rock-'n'-roll o'clock 'tis mother-in-law's -dash- it''s",
    "bananananananananananananananas floccinaucinihilipilification",
    "x² + y² = 42 ½ № ﬁne ＡＢＣ 𝒜𝓁𝓁𝑒𝓈 𐐷𐐲𐑌𐐻𐐮𐑇",
    "a",
    "ROMEO:\nBut, soft! what light through yonder window breaks?\n",
    "I am on my way to the 22nd st. and I'll be th",
)
"""Twenty texts: accents composed and not, emoji, HTML, apostrophes, numbers, addresses, blanks, scripts."""

SAMPLE_RATE = 16_000


def sounds(samples: int, count: int = 20) -> Iterator[np.ndarray]:
    """Made recordings of 16-bit samples `[samples]`, int16: tones that rise, noises, pulses, and silence."""
    rng = np.random.default_rng(20)
    time = np.arange(samples) / SAMPLE_RATE
    for number in range(count):
        frequency = 150.0 * 1.2**number
        tone = np.sin(2 * np.pi * (frequency + 200 * time) * time) * (0.5 + 0.5 * np.sin(9 * time))
        noise = rng.normal(0, 0.1, samples)
        mixed = (number % 4 != 3) * 0.4 * tone + (number % 3) * 0.3 * noise
        yield np.round(np.clip(mixed, -1, 1) * 32_767).astype(np.int16)


def as_raw(pcm: np.ndarray) -> dict[str, object]:
    """16-bit sound as a golden file holds it: base64 of little-endian samples."""
    return {
        "pcm16": base64.b64encode(pcm.astype("<i2").tobytes()).decode("ascii"),
        "sample_rate": SAMPLE_RATE,
    }
