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


def test_a_model_of_whole_recordings_is_refused_in_one_line(in_process, exported, tmp_path):
    from applications.transcription.export import main
    from common.export.label_search import SearchOptions

    flags = ("--run", exported, "--format", "onnx", "--output", tmp_path / "models")
    shown = in_process(main, SearchOptions, *flags)
    reason = "other runtimes get the step of a streaming model; this one is of the kind base"
    assert shown == (1, "", f"error: --format: {reason}\n")
    assert not (tmp_path / "models").exists()
