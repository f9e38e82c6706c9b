"""Texts of tokenised data sets read as a person writes them."""

import pytest

from common.text.detokenization import join_tokens


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("but they did n't test for curiosity .", "but they didn't test for curiosity."),
        ("it 's fine , we 're gon na go ; ca n't you ?", "it's fine, we're gonna go; can't you?"),
        ("I ’ ll go , let ' s see , they don ’ t", "I’ll go, let's see, they don’t"),
        ('he said , " yes " ( twice ) .', 'he said, "yes" (twice).'),
        ("c' est la vie , n' est-ce pas ?", "c'est la vie, n'est-ce pas?"),
        ("l' economia e dell' arte", "l'economia e dell'arte"),
        ("¿ por qué no ? 50 % dizem que sim !", "¿por qué no? 50% dizem que sim!"),
    ],
)
def test_punctuation_and_contractions_are_joined(tokens, text):
    assert join_tokens(tokens) == text


def test_an_untokenised_text_stays_as_it_is():
    text = "Hello, \"world\" (it's me)! The dogs' tails; 3.5% of 10,000."
    assert join_tokens(text) == text
