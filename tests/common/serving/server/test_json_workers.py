"""Large requests are answered as small ones are, and hold none of them up."""

import asyncio
import json
import os
import signal
import threading
import time

import httpx
import numpy as np
import pytest

from common.inference.signatures import SignatureInfo, TensorInfo
from common.serving.server import json_work
from common.serving.server.json_workers import JsonWorkers
from common.serving.server.local_server import Limits
from common.serving.server.refusals import RequestError

pytestmark = pytest.mark.slow

LARGE = 10**9  # bytes that are said to come: whatever is asked is done in a process
ROWS = TensorInfo("float32", (None, None))
SIGNATURES = {
    "total": SignatureInfo(
        {"x": ROWS}, {"total": TensorInfo("float32", (None,))}, "tensorflow/serving/predict"
    )
}


@pytest.fixture(scope="module")
def workers():
    made = JsonWorkers()
    yield made
    made.close()


def both(workers, function, *arguments):
    """What a function gives here, and what it gives in a process."""

    async def ask():
        results = []
        for size in (0, LARGE):
            try:
                results.append(await workers.call(size, function, *arguments))
            except RequestError as error:
                results.append((str(error), error.code, error.http_status))
        return results

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "body",
    [
        b'{"signature_name": "total", "instances": [[1, 2.5], [3, 4]]}',
        b'{"signature_name": "total", "inputs": {"x": [[1, 2]]}}',
        b'{"signature_name": "none", "instances": [[1]]}',
        b'{"signature_name": "total", "instances": [[1], [2], [3], [4]]}',
        b'{"signature_name": "total", "instances": [["a"]]}',
        b"{",
        b"\xff",
        b"",
        b"[" * 200_000,
    ],
)
def test_a_process_reads_and_refuses_as_the_server_itself(workers, body):
    here, there = both(workers, json_work.predict_request, body, SIGNATURES, 3)
    if isinstance(here, tuple):
        assert here == there
    else:
        assert (here.signature, here.in_rows) == (there.signature, there.in_rows)
        np.testing.assert_array_equal(here.inputs["x"], there.inputs["x"])
        assert here.inputs["x"].dtype == there.inputs["x"].dtype


@pytest.mark.parametrize("body", [{"examples": [{"x": 1.5, "t": ["a", "b"]}]}, {"examples": [{}] * 4}, {}])
def test_examples_too(workers, body):
    here, there = both(workers, json_work.examples_request, json.dumps(body).encode(), "classify", 3)
    assert here == there


def test_answers_too(workers):
    outputs = {"a": np.float32([0.1, np.inf]), "b_bytes": np.array([b"\xff", b""], object)}
    for in_rows in (True, False):
        here, there = both(workers, json_work.predict_answer, outputs, in_rows)
        assert here == there


def test_a_process_that_ends_fails_one_request_and_is_replaced(workers):
    body = b'{"signature_name": "total", "instances": [[1]]}'

    def ask():
        return asyncio.run(workers.call(LARGE, json_work.predict_request, body, SIGNATURES, 3))

    assert ask().signature == "total"
    for process in workers._idle:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    for _ in workers._idle.copy():
        with pytest.raises(RequestError, match="ended") as caught:
            ask()
        assert caught.value.http_status == 429
    assert ask().signature == "total"


def test_processes_end_with_their_server():
    workers = JsonWorkers()
    both(workers, json_work.written, {})
    (process,) = workers._idle
    workers.close()
    assert process.returncode == 0


def test_small_requests_are_answered_while_large_ones_are_read(serve, models):
    server, web = serve(models, limits=Limits(max_rows=100))
    url = f"http://127.0.0.1:{server.rest_port}/v1/models/toy:predict"
    many_rows = b'{"signature_name": "total", "instances": [' + b",".join([b"[1]"] * 1_500_000) + b"]}"
    wide = b'{"signature_name": "total", "instances": [[' + b",".join([b"0.5"] * 1_500_000) + b"]]}"
    answers = {many_rows: [], wide: []}

    def ask(body):
        answers[body].append(httpx.post(url, content=body, timeout=120))

    for body in answers:
        ask(body)
    over_three = [threading.Thread(target=ask, args=(body,)) for body in answers for _ in range(2)]
    waits = []
    for thread in over_three:
        thread.start()
    while any(thread.is_alive() for thread in over_three):
        begin = time.monotonic()
        assert web.post("/v1/models/toy:predict", json={"instances": ["a"]}).status_code == 200
        waits.append(time.monotonic() - begin)
    assert {reply.status_code for reply in answers[many_rows]} == {400}
    assert "at most 100 rows in a request, got 1500000" in answers[many_rows][0].json()["error"]
    assert [reply.json() for reply in answers[wide]] == [{"predictions": [750_000]}] * 3
    # In the event loop each of the large ones took longer than this; the machine may be busy with other things.
    assert np.median(waits) < 0.1
    assert len(waits) > 20


def test_large_answers_are_written_apart(serve, models):
    _, web = serve(models)
    text = "é" * 200_000
    answer = web.post("/v1/models/toy:predict", json={"instances": [text, "b"]})
    assert [row["shouted"] for row in answer.json()["predictions"]] == [text, "B"]


def test_a_picture_is_read_at_once_and_as_many_bytes_of_numbers_in_a_process():
    picture = json.dumps({"instances": [{"b64": "A" * 300_000}]}).encode()
    numbers = json.dumps({"instances": [[0.123456789] * 25_000]}).encode()
    started = []
    for body in (picture, numbers):
        made = JsonWorkers()
        asyncio.run(made.call(json_work.size_of_request(body), json_work.require_object, body))
        started.append(len(made._idle))
        made.close()
    assert len(numbers) < 1.1 * len(picture)
    assert started == [0, 1]


@pytest.mark.parametrize("size", [1, 1_000_000])
def test_what_is_wrong_with_the_json_is_told_before_that_there_is_no_model(serve, models, size):
    _, web = serve(models)
    for method, body, status, message in (
        ("predict", b"{", 400, "JSON Parse error"),
        ("classify", b'{"examples": 1}', 400, "'examples' value to be an list/array"),
        ("predict", b'{"instances": []}', 404, "Servable not found for request: Latest(none)"),
        ("classify", b'{"examples": [{}]}', 404, "Servable not found for request: Latest(none)"),
    ):
        answer = web.post(f"/v1/models/none:{method}", content=body + b" " * size)
        assert (answer.status_code, message in answer.json()["error"]) == (status, True), answer.text
