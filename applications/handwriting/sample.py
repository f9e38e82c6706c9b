"""The sample."""

from applications.handwriting.ink import Writings


def sample(part: str) -> Writings:
    """The ink of a part."""
    raise ValueError(f"no sample of {part}")
