"""Sound is cut into whole frames alike, whatever blocks it comes in."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from common.audio.frames import whole_frames


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(1, 15))
def test_any_cutting_gives_all_whole_frames_in_their_order_and_nothing_else(lengths, frame):
    sound = np.arange(sum(lengths), dtype=np.float32)
    blocks = np.split(sound, np.cumsum(lengths)[:-1]) if lengths else []
    cut = list(whole_frames(blocks, frame))
    assert all(len(block) and len(block) % frame == 0 for block in cut)
    np.testing.assert_array_equal(np.concatenate([np.zeros(0), *cut]), sound[: len(sound) // frame * frame])
