"""A streaming model in other runtimes: step after step the answers of the SavedModel that it is exported from."""

import shutil

import pytest


def test_a_step_answers_as_that_of_the_savedmodel(
    converted_stream, exported_stream, loaded_once, assert_as_served
):
    version, core = converted_stream
    assert core.graph.name == "step"
    assert_as_served(version, core, loaded_once(exported_stream))


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_the_front_end_in_javascript_makes_the_same_frames(
    converted_stream, assert_javascript_makes_the_same
):
    assert_javascript_makes_the_same(converted_stream[0])
