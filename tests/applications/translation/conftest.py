"""The data of the tiny translator that all tests of the application share."""

import pytest

from common.text.parallel import PairSource


@pytest.fixture(scope="module")
def files(made):
    """Two line-aligned files: 150 sentences in English and in German."""
    return made.data_folder / "pairs.en.gz", made.data_folder / "pairs.de.gz"


@pytest.fixture(scope="module")
def pair_source(files):
    return PairSource(source=str(files[0]), target=str(files[1]))
