"""Requests share runs of a model without noticing each other."""

import threading
import time
from concurrent.futures import CancelledError

import grpc
import numpy as np
import pytest

from common.inference.signatures import SignatureInfo, TensorInfo
from common.inference.tensorflow_c import SavedModelError
from common.serving.server.refusals import RequestError
from common.serving.server.request_batching import Batcher, BatchingOptions

PREDICT = "tensorflow/serving/predict"


class Recorder:
    """A stand-in for a loaded model: adds up each row, remembers what it was asked, and can be held back."""

    def __init__(self, outputs=None):
        wide = TensorInfo("float32", (None, None))
        rows = TensorInfo("float32", (None,))
        self.signatures = {
            "total": SignatureInfo({"x": wide}, {"total": rows}, PREDICT),
            "lengths": SignatureInfo({"text": TensorInfo("string", (None,))}, {"length": rows}, PREDICT),
            "padded": SignatureInfo({"x": wide}, {"x": wide}, PREDICT),
            "scalar": SignatureInfo(
                {"x": TensorInfo("float32", ())}, {"x": TensorInfo("float32", ())}, PREDICT
            ),
        }
        self.asked = []
        self.begun = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.fixed_outputs = outputs

    def run(self, signature, /, **inputs):
        (values,) = inputs.values()
        self.asked.append(values.tolist())
        self.begun.set()
        assert self.may_go_on.wait(60)
        if signature == "lengths":
            return {"length": np.array([len(text) for text in values], np.float32)}
        if signature in ("padded", "scalar"):
            return {"x": values}
        if (values < 0).any():
            raise SavedModelError("assertion failed: [row 0: below 0]\n\t [[{{node Assert}}]]", 3)
        if self.fixed_outputs is not None and len(values) > 1:
            return self.fixed_outputs
        return {"total": values.sum(axis=1)}


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def batcher():
    """One thread, so that what waits while it works is known."""
    made = Batcher(BatchingOptions(max_batch_size=4, batch_timeout_ms=0, batch_threads=1, max_queue=8))
    yield made
    made.close()


def held(recorder, batcher):
    """Keeps the only thread busy; what is submitted now waits together."""
    recorder.may_go_on.clear()
    blocker = batcher.submit(recorder, "total", {"x": row(0)}, 60)
    assert recorder.begun.wait(60)
    return blocker


def row(*values):
    return np.array([values], np.float32)


def total(answer):
    return answer.result(60)["total"].tolist()


def test_requests_that_wait_together_are_run_together_and_get_their_own_rows(recorder, batcher):
    held(recorder, batcher)
    sizes = [1, 2, 1]
    answers = [
        batcher.submit(recorder, "total", {"x": np.full((size, 2), number, np.float32)}, 60)
        for number, size in enumerate(sizes)
    ]
    recorder.may_go_on.set()
    assert [total(answer) for answer in answers] == [[0], [2, 2], [4]]
    assert recorder.asked[1:] == [[[0, 0], [1, 1], [1, 1], [2, 2]]]


def test_no_more_rows_than_allowed_are_run_together(recorder, batcher):
    held(recorder, batcher)
    rows = [3, 3, 1, 6]
    answers = [
        batcher.submit(recorder, "total", {"x": np.full((size, 1), number, np.float32)}, 60)
        for number, size in enumerate(rows)
    ]
    recorder.may_go_on.set()
    for number, (size, answer) in enumerate(zip(rows, answers, strict=True)):
        assert total(answer) == [number] * size
    assert [len(asked) for asked in recorder.asked[1:]] == [4, 3, 6]


def test_only_inputs_of_one_shape_share_a_run(recorder, batcher):
    held(recorder, batcher)
    shapes = [2, 3, 2, 3]
    answers = [batcher.submit(recorder, "total", {"x": row(*[1] * size)}, 60) for size in shapes]
    recorder.may_go_on.set()
    assert [total(answer) for answer in answers] == [[2], [3], [2], [3]]
    assert recorder.asked[1:] == [[[1, 1]] * 2, [[1, 1, 1]] * 2]


def test_texts_of_any_length_share_a_run(recorder, batcher):
    held(recorder, batcher)
    answers = [
        batcher.submit(recorder, "lengths", {"text": np.array([b"x" * size], object)}, 60)
        for size in (1, 100, 7)
    ]
    recorder.may_go_on.set()
    assert [answer.result(60)["length"].tolist() for answer in answers] == [[1], [100], [7]]
    assert len(recorder.asked) == 2


def test_two_models_never_share_a_run(recorder, batcher):
    other = Recorder()
    held(recorder, batcher)
    answers = [batcher.submit(model, "total", {"x": row(1)}, 60) for model in (recorder, other, recorder)]
    recorder.may_go_on.set()
    assert [total(answer) for answer in answers] == [[1]] * 3
    assert other.asked == [[[1]]]


@pytest.mark.parametrize("signature", ["padded", "scalar"])
def test_where_an_answer_could_depend_on_its_neighbours_each_runs_alone(recorder, batcher, signature):
    held(recorder, batcher)
    value = np.float32(1) if signature == "scalar" else row(1)
    answers = [batcher.submit(recorder, signature, {"x": value}, 60) for _ in range(3)]
    recorder.may_go_on.set()
    assert all(answer.result(60)["x"] == value for answer in answers)
    assert recorder.asked[1:] == [value.tolist()] * 3


def test_a_bad_row_fails_its_own_request_only(recorder, batcher):
    held(recorder, batcher)
    answers = [batcher.submit(recorder, "total", {"x": row(value)}, 60) for value in (1, -1, 2)]
    recorder.may_go_on.set()
    assert [total(answers[0]), total(answers[2])] == [[1], [2]]
    with pytest.raises(RequestError, match=r"^row 0: below 0$") as caught:
        answers[1].result(60)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.http_status == 400


def test_without_second_runs_a_fault_is_everyones_as_under_tensorflow_serving(recorder):
    batcher = Batcher(
        BatchingOptions(max_batch_size=4, batch_timeout_ms=0, batch_threads=1, second_runs=False)
    )
    held(recorder, batcher)
    answers = [batcher.submit(recorder, "total", {"x": row(value)}, 60) for value in (1, -1, 2)]
    recorder.may_go_on.set()
    for answer in answers:
        with pytest.raises(RequestError, match=r"^row 0: below 0$"):
            answer.result(60)
    assert len(recorder.asked) == 2
    recorder.fixed_outputs = {"total": np.zeros(1, np.float32)}
    held(recorder, batcher)
    answers = [batcher.submit(recorder, "total", {"x": row(value)}, 60) for value in (1, 2)]
    recorder.may_go_on.set()
    for answer in answers:
        with pytest.raises(RequestError, match="Batched output tensor's 0th dimension") as caught:
            answer.result(60)
        assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION
    batcher.close()


def test_a_request_of_no_rows_or_that_runs_alone_waits_for_nobody(recorder):
    batcher = Batcher(BatchingOptions(batch_timeout_ms=60_000, batch_threads=1))
    empty = batcher.submit(recorder, "total", {"x": np.zeros((0, 3), np.float32)}, 60)
    assert total(empty) == []
    alone = batcher.submit(recorder, "scalar", {"x": np.float32(1)}, 60)
    assert alone.result(30)["x"] == 1
    batcher.close()


def test_a_cancelled_request_leaves_its_place_in_the_queue_at_once(recorder, batcher):
    held(recorder, batcher)
    waiting = [batcher.submit(recorder, "total", {"x": row(1)}, 60) for _ in range(8)]
    assert waiting[3].cancel()
    instead = batcher.submit(recorder, "total", {"x": row(2)}, 60)
    recorder.may_go_on.set()
    assert total(instead) == [2]
    assert not waiting[2].cancelled()


def test_a_fault_of_any_kind_is_answered_and_the_threads_go_on(recorder, batcher):
    class Odd(Recorder):
        def run(self, signature, /, **inputs):
            return {"total": None}

    odd = Odd()
    held(recorder, batcher)
    answers = [batcher.submit(odd, "total", {"x": row(1)}, 60) for _ in range(2)]
    recorder.may_go_on.set()
    assert [answer.result(60) for answer in answers] == [{"total": None}] * 2
    assert total(batcher.submit(recorder, "total", {"x": row(5)}, 60)) == [5]


def test_a_model_that_does_not_give_a_row_for_a_row_is_run_alone(batcher):
    recorder = Recorder(outputs={"total": np.zeros(1, np.float32)})
    held(recorder, batcher)
    answers = [batcher.submit(recorder, "total", {"x": row(value)}, 60) for value in (1, 2)]
    recorder.may_go_on.set()
    assert [total(answer) for answer in answers] == [[1], [2]]


def test_a_full_queue_refuses_and_later_takes_again(recorder, batcher):
    held(recorder, batcher)
    answers = [batcher.submit(recorder, "total", {"x": row(1)}, 60) for _ in range(8)]
    with pytest.raises(RequestError, match=r"queue .* is full") as caught:
        batcher.submit(recorder, "total", {"x": row(1)}, 60)
    assert (caught.value.code, caught.value.http_status) == (grpc.StatusCode.UNAVAILABLE, 503)
    recorder.may_go_on.set()
    assert [total(answer) for answer in answers] == [[1]] * 8
    assert total(batcher.submit(recorder, "total", {"x": row(5)}, 60)) == [5]


def test_what_is_late_or_no_longer_wanted_is_not_run(recorder, batcher):
    held(recorder, batcher)
    late = batcher.submit(recorder, "total", {"x": row(1)}, 0.001)
    unwanted = batcher.submit(recorder, "total", {"x": row(2)}, 60)
    wanted = batcher.submit(recorder, "total", {"x": row(3)}, 60)
    assert unwanted.cancel()
    time.sleep(0.01)
    recorder.may_go_on.set()
    with pytest.raises(RequestError, match=r"longer than 0.001 seconds") as caught:
        late.result(60)
    assert caught.value.http_status == 504
    with pytest.raises(CancelledError):
        unwanted.result(60)
    assert total(wanted) == [3]
    assert recorder.asked[1:] == [[[3]]]


def test_closing_answers_what_waits_and_takes_no_more(recorder, batcher):
    held(recorder, batcher)
    answers = [batcher.submit(recorder, "total", {"x": row(value)}, 60) for value in range(6)]
    closing = threading.Thread(target=batcher.close)
    closing.start()
    recorder.may_go_on.set()
    closing.join(60)
    assert [total(answer) for answer in answers] == [[value] for value in range(6)]
    with pytest.raises(RequestError, match="shutting down"):
        batcher.submit(recorder, "total", {"x": row(1)}, 60)


@pytest.fixture
def patient():
    """Two threads, and a wait so long that a test which waited for it would fail."""
    made = Batcher(BatchingOptions(max_batch_size=2, batch_timeout_ms=600_000, batch_threads=2))
    yield made
    made.close()


def test_a_lone_request_waits_for_nobody(recorder, patient):
    assert total(patient.submit(recorder, "total", {"x": row(1)}, 60)) == [1]
    assert total(patient.submit(recorder, "total", {"x": row(2)}, 60)) == [2]


def test_a_request_waits_for_company_while_its_model_is_at_work(recorder, patient):
    blocker = held(recorder, patient)
    first = patient.submit(recorder, "total", {"x": row(1)}, 60)
    time.sleep(0.05)
    assert recorder.asked == [[[0]]]
    second = patient.submit(recorder, "total", {"x": row(2)}, 60)
    recorder.may_go_on.set()
    assert [total(answer) for answer in (blocker, first, second)] == [[0], [1], [2]]
    assert recorder.asked == [[[0]], [[1], [2]]]


def test_once_its_model_is_free_a_request_waits_no_longer(recorder, patient):
    held(recorder, patient)
    waiting = patient.submit(recorder, "total", {"x": row(1)}, 60)
    time.sleep(0.05)
    recorder.may_go_on.set()
    assert total(waiting) == [1]


def test_no_request_waits_for_the_run_of_another_model(recorder, patient):
    held(recorder, patient)
    assert total(patient.submit(Recorder(), "total", {"x": row(3)}, 60)) == [3]
    recorder.may_go_on.set()


def test_a_request_waits_no_longer_than_allowed_for_its_model(recorder):
    batcher = Batcher(BatchingOptions(max_batch_size=2, batch_timeout_ms=1, batch_threads=2))
    held(recorder, batcher)
    second = batcher.submit(recorder, "total", {"x": row(2)}, 60)
    while len(recorder.asked) < 2:
        time.sleep(0.01)
    recorder.may_go_on.set()
    assert total(second) == [2]
    batcher.close()
