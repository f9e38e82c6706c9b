"""What the tests of all benchmarks share."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _quickly_traced(quickly_traced, undivided):
    """The contenders are compared by what they compute, not timed."""
