"""What all tests of handwriting share: what is drawn."""

import pytest

from applications.handwriting.ink import Ink


@pytest.fixture(scope="module")
def drawn(made):
    """Makes ink of letters that the tiny reader knows."""

    def draw(text, rng):
        return Ink(made.case.drawn(text, rng))

    return draw
