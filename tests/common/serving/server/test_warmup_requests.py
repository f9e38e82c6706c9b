"""Warm-up requests, as exports write them, are put to the model."""

import numpy as np
import pytest

from common.errors import UserError
from common.export.warmup import classify_request, predict_request, write_warmup
from common.inference.extra_files import WARMUP_FILE
from common.serving.server.warmup_requests import warm_up


class Recorder:
    def __init__(self, path):
        self.path = path
        self.asked = []

    def run(self, signature, /, **inputs):
        self.asked.append((signature, {name: value.tolist() for name, value in inputs.items()}))


REQUESTS = [
    predict_request(
        "m", "serving_default", {"text": np.array([b"a", b"b"], object), "x": np.float32([[1, 2]])}
    ),
    predict_request("m", "", {"x": np.int64([3])}),
    classify_request("m", "classify", np.array([b"", b""], object)),
]


def test_each_request_is_put_to_the_model(tmp_path):
    recorder = Recorder(tmp_path)
    warm_up(recorder)
    assert recorder.asked == []
    write_warmup(tmp_path, REQUESTS)
    warm_up(recorder)
    assert recorder.asked == [
        ("serving_default", {"text": [b"a", b"b"], "x": [[1, 2]]}),
        ("serving_default", {"x": [3]}),
        ("classify", {"inputs": [b"", b""]}),
    ]


@pytest.mark.parametrize("kept", [5, 20, -2])
def test_a_file_that_is_cut_off_is_refused(tmp_path, kept):
    write_warmup(tmp_path, REQUESTS)
    file = tmp_path / WARMUP_FILE
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(UserError, match="cut off"):
        warm_up(Recorder(tmp_path))


def test_what_is_no_request_is_refused(tmp_path):
    write_warmup(tmp_path, [REQUESTS[1], b"\xff"])
    with pytest.raises(UserError, match="request 2: "):
        warm_up(Recorder(tmp_path))
    write_warmup(tmp_path, [b""])
    with pytest.raises(
        UserError, match="request 1: expected a predict, classify or regress request, got None"
    ):
        warm_up(Recorder(tmp_path))
