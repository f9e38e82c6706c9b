"""A streaming model in other runtimes: step after step the answers of the SavedModel that it is exported from."""

import shutil

import pytest


@pytest.fixture(scope="module", params=["litert", "onnx"])
def converted(request, exported_stream, converted_from, tmp_path_factory):
    """The folder of the streaming model for another runtime, and the core that it was made of."""
    flags = ("--run", exported_stream, "--format", request.param)
    return converted_from("speech_commands", *flags, "--output", tmp_path_factory.mktemp(request.param))


def test_a_step_answers_as_that_of_the_savedmodel(converted, exported_stream, loaded_once, assert_as_served):
    version, core = converted
    assert core.graph.name == "step"
    assert_as_served(version, core, loaded_once(exported_stream))


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_the_front_end_in_javascript_makes_the_same_frames(converted, assert_javascript_makes_the_same):
    assert_javascript_makes_the_same(converted[0])
