"""Noise of made series."""

import numpy as np


def persistent_noise(rng: np.random.Generator, count: int, share: float) -> np.ndarray:
    """Noise of variance 1, `[count]`, each value `share` of the last one and the rest fresh: an autoregression of order
    1."""
    fresh = rng.standard_normal(count) * np.sqrt(1 - share**2)
    noise = np.empty(count)
    noise[0] = fresh[0]
    for step in range(1, count):
        noise[step] = share * noise[step - 1] + fresh[step]
    return noise
