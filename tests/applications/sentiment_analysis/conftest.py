"""The data of the tiny classifier that all tests of the application share."""

import pytest


@pytest.fixture(scope="module")
def reviews(made):
    """A CSV with the columns review and stars: 96 reviews, labels 0 and 1."""
    return made.data_folder / "reviews.csv"
